#include "server/signup/request.h"

#include <algorithm>
#include <set>

#include "core/authz/strict_json.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/json/json.h"

namespace penstock::server::signup {
namespace {

using json::Json;

constexpr std::size_t kMaxProperties = 20;
constexpr std::string_view kNameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.@-_";

[[noreturn]] void refuse(std::string_view member, std::string_view expected) {
  throw Error(ErrorKind::kInvalidInput,
              "reading the request: expected " + std::string(expected) + " in \"" + std::string(member) + "\"");
}

bool is_made_of(std::string_view text, std::string_view characters, std::size_t most) {
  return !text.empty() && text.size() <= most && text.find_first_not_of(characters) == std::string_view::npos;
}

// The text itself, so that a secret is not copied more often than it must be.
const std::string& text_of(const Json& object, const char* member, std::string_view expected) {
  const Json* value = json::find(object, member);
  if (value == nullptr || !value->is_string()) refuse(member, expected);
  return value->get_ref<const std::string&>();
}

std::string name_of(const Json& context, const char* member) {
  constexpr std::string_view kExpected = "a name of 1 to 100 letters, digits and \".\", \"@\", \"-\", \"_\"";
  const std::string& name = text_of(context, member, kExpected);
  if (!is_made_of(name, kNameCharacters, 100)) refuse(member, kExpected);
  return name;
}

std::string id_of(const Json& object, const char* member) {
  const std::string& id = text_of(object, member, "a UUID in lower case");
  // Jobs name their client in lower case, and what is compared must have one spelling.
  if (!is_uuid(id) || id != to_lower(id)) refuse(member, "a UUID in lower case");
  return id;
}

std::size_t characters_in(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::vector<std::pair<std::string, std::string>> configuration_of(const Json& object) {
  constexpr char kMember[] = "actionConfiguration";
  std::vector<std::pair<std::string, std::string>> configuration;
  const Json* list = json::find(object, kMember);
  if (list == nullptr) return configuration;
  if (!list->is_array() || list->size() > kMaxProperties) refuse(kMember, "a list of at most 20 properties");
  std::set<std::string> seen;
  for (const Json& entry : *list) {
    if (!entry.is_object()) refuse(kMember, "objects with \"key\" and \"value\"");
    const std::string& key = text_of(entry, "key", "a text");
    const std::string& value = text_of(entry, "value", "a text");
    if (key.empty() || characters_in(key) > 50 || !is_configuration_value(key)) {
      refuse("key", "1 to 50 characters, none of them a control character");
    }
    if (!is_configuration_value(value)) refuse("value", "at most 1000 characters, none of them a control character");
    if (!seen.insert(key).second) refuse(kMember, "each key once");
    configuration.emplace_back(key, value);
  }
  return configuration;
}

}  // namespace

bool is_configuration_value(std::string_view text) noexcept {
  const bool has_control =
      std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  return !has_control && text.size() <= 4000 && is_valid_utf8(text) && characters_in(text) <= 1000;
}

const std::string* Request::find(std::string_view property) const noexcept {
  const auto found = std::find_if(configuration.begin(), configuration.end(),
                                  [&](const auto& pair) { return pair.first == property; });
  return found == configuration.end() ? nullptr : &found->second;
}

Request parse_request(std::string_view text) {
  if (text.size() > kMaxRequestBytes) {
    throw Error(ErrorKind::kInvalidInput, "reading the request: expected at most 16 KiB");
  }
  // Two readers must not see different things in it: names that stand twice are refused.
  json::Document::Limits limits;
  limits.max_bytes = kMaxRequestBytes;
  limits.max_depth = 8;
  authz::parse_strict_object(text, "the request", ErrorKind::kInvalidInput, limits);
  Json object;
  try {
    object = json::parse_json(text, "the request");
  } catch (const Error&) {
    // Its message could show a part.
    throw Error(ErrorKind::kInvalidInput, "reading the request: expected JSON");
  }
  Request request;
  request.client_id = id_of(object, "clientId");
  request.request_id = id_of(object, "requestId");
  const std::string& token = text_of(object, "clientToken", "a text");
  const bool printable = std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (token.empty() || token.size() > 256 || !printable) {
    refuse("clientToken", "1 to 256 printable characters");
  }
  request.client_token = Secret(token);
  request.region = text_of(object, "region", "a region such as eu-central-1");
  if (!is_made_of(request.region, "abcdefghijklmnopqrstuvwxyz0123456789-", 30) || request.region.front() == '-' ||
      request.region.back() == '-') {
    refuse("region", "a region such as eu-central-1");
  }
  const Json* context = json::find(object, "pipelineContext");
  if (context == nullptr || !context->is_object()) refuse("pipelineContext", "an object");
  request.pipeline = name_of(*context, "pipelineName");
  request.stage = name_of(*context, "stageName");
  request.action = name_of(*context, "actionName");
  request.configuration = configuration_of(object);
  return request;
}

}  // namespace penstock::server::signup
