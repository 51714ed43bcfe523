// Third-party actions: what works them, and the page on which others sign up for them.

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/text.h"
#include "core/config/loaders.h"
#include "core/config/values.h"

namespace penstock::config {
namespace {

constexpr std::size_t kMaxProperties = 10;
constexpr std::string_view kRegion = "{region}";

std::optional<std::string> expect_path(const std::string& text) {
  // What the server has, or may come to have, at its root.
  static constexpr std::array<std::string_view, 19> kTaken = {
      "api",    "assets",  "auth",  "callback",     "deliveries", "events",  "healthz",  "hooks",  "jobs",    "login",
      "logout", "metrics", "oauth", "openapi.json", "readyz",     "sign-in", "sign-out", "static", "triggers"};
  const std::vector<std::string> parts = split(text, '/');
  bool good = text.size() <= 200 && parts.size() >= 2 && parts.front().empty();
  for (std::size_t i = 1; good && i < parts.size(); ++i) {
    good = consists_of(parts[i], std::string(kAlphanumeric) + "._-", 100) && parts[i] != "." && parts[i] != "..";
  }
  if (!good) return "a path such as /thirdparty/loadtest";
  if (std::find(kTaken.begin(), kTaken.end(), parts[1]) != kTaken.end()) {
    return "a path that is not the server's own, such as /thirdparty/loadtest";
  }
  return std::nullopt;
}

// Where people are sent must be for the configuration alone to say: a region may only be a label before a domain.
std::optional<std::string> expect_confirmation_url(const std::string& text) {
  constexpr std::string_view kExpected =
      "an https address with {response} where the URL-encoded answer goes, and {region}, if at all, as the first part "
      "of its host or behind it";
  std::string probe = text;
  const std::size_t response = probe.find("{response}");
  if (response == std::string::npos || probe.find("{response}", response + 1) != std::string::npos) {
    return std::string(kExpected);
  }
  probe.replace(response, 10, "x");
  const std::size_t authority_end = std::min(probe.find_first_of("/?#", probe.find("://") + 3), probe.size());
  if (response < authority_end) return std::string(kExpected);
  for (std::size_t at = 0; (at = probe.find(kRegion, at)) != std::string::npos;) {
    const bool is_in_authority = at < authority_end;
    const std::string_view after = std::string_view(probe).substr(at + kRegion.size());
    const std::size_t begin = probe.find("://") + 3;
    if (is_in_authority && (at != begin || !after.starts_with('.') ||
                            after.substr(1, after.find_first_of("/?#:", 1) - 1).find('.') == std::string_view::npos)) {
      return std::string(kExpected);
    }
    probe.replace(at, kRegion.size(), "x");
  }
  const auto url = parse_url(probe);
  const bool has_other = probe.find_first_of("{}\"'<>\\ ") != std::string::npos;
  const bool good = url && !url->has_user && !has_other &&
                    (url->scheme == "https" || (url->scheme == "http" && is_loopback_host(url->host)));
  return good ? std::nullopt : std::optional<std::string>(kExpected);
}

void load_keys(Section& section, ThirdParty& target) {
  const auto* value = section.take("key");
  if (value != nullptr && value->kind == YamlNode::Kind::kSequence) {
    section.for_each_item("key", [&](Section item) {
      target.keys.push_back(item.require_secret("secret"));
      item.finish();
    });
    if (target.keys.empty()) section.problem("key", "expected at least one secret, found none");
    return;
  }
  target.keys.push_back(section.require_secret("key"));
}

void load_properties(Section& section, ThirdParty& target) {
  section.for_each_item("properties", [&](Section item) {
    ThirdPartyProperty property;
    item.require("name", property.name, [](const std::string& text) {
      // As a field's name in a form, too.
      return consists_of(text, std::string(kAlphanumeric) + "_-.", 50)
                 ? std::nullopt
                 : std::optional<std::string>("1 to 50 letters, digits, \"_\", \"-\" and \".\"");
    });
    item.read("required", property.required);
    item.read("secret", property.secret);
    item.read("description", property.description, [](const std::string& text) {
      return text.size() <= 1000 ? std::nullopt : std::optional<std::string>("at most 1000 characters");
    });
    const bool repeated = std::any_of(target.properties.begin(), target.properties.end(),
                                      [&](const ThirdPartyProperty& other) { return other.name == property.name; });
    if (repeated) item.problem("name", "expected each name once, found " + in_quotes(property.name) + " again");
    item.finish();
    target.properties.push_back(std::move(property));
  });
  if (target.properties.size() > kMaxProperties) {
    section.problem("properties",
                    "expected at most 10, as an action type has, found " + std::to_string(target.properties.size()));
  }
}

void load_one(Section section, Settings& settings) {
  ThirdParty target;
  target.work.handler = "command";
  load_work(section, settings, "ThirdParty", target.work);
  section.require("signupPath", target.signup_path, expect_path);
  section.require("confirmationUrl", target.confirmation_url, expect_confirmation_url);
  load_keys(section, target);
  load_properties(section, target);
  const ActionType& type = target.work.action_type;
  for (const ThirdParty& other : settings.third_party) {
    const ActionType& others = other.work.action_type;
    if (others.category == type.category && others.provider == type.provider && others.version == type.version) {
      section.problem("actionType", "expected each action type once, found " +
                                        in_quotes(type.category + "/" + type.provider + "/" + type.version) + " again");
    }
    if (other.signup_path == target.signup_path && !target.signup_path.empty()) {
      section.problem("signupPath", "expected a path of its own, found " + in_quotes(target.signup_path) + " again");
    }
  }
  section.finish();
  settings.third_party.push_back(std::move(target));
}

}  // namespace

void load_third_party(Section& root, Settings& settings) {
  root.for_each_item("thirdParty", [&](Section section) { load_one(std::move(section), settings); });
}

}  // namespace penstock::config
