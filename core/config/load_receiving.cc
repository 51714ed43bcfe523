// Endpoints, and the webhooks behind them.

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/config/loaders.h"
#include "core/config/values.h"
#include "core/json/jsonpath.h"

namespace penstock::config {
namespace {

constexpr std::string_view kHeaderCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";

std::optional<std::string> expect_header_name(const std::string& text) {
  return consists_of(text, kHeaderCharacters, 256) ? std::nullopt
                                                   : std::optional<std::string>("the name of an HTTP header");
}

void load_method(Section method, std::vector<AuthenticationMethod>& methods) {
  AuthenticationMethod target;
  if (!method.has("type")) {
    method.ignore({"type"});
    method.problem("type", "expected one of \"BASIC\", \"HEADER\", \"HMAC\", found nothing");
    return;
  }
  std::string type;
  method.read_choice("type", type, {"BASIC", "HEADER", "HMAC"});
  if (type == "BASIC") {
    target.type = AuthenticationMethod::Type::kBasic;
    method.require("username", target.username, [](const std::string& text) {
      return text.empty() || text.find(':') != std::string::npos
                 ? std::optional<std::string>("a user name without a colon")
                 : std::nullopt;
    });
    target.secret = method.require_secret("password");
  } else if (type == "HEADER") {
    target.type = AuthenticationMethod::Type::kHeader;
    method.require("name", target.name, expect_header_name);
    target.secret = method.require_secret("value");
  } else if (type == "HMAC") {
    target.type = AuthenticationMethod::Type::kHmac;
    target.algorithm = "sha256";
    method.require("header", target.name, expect_header_name);
    method.read_choice("algorithm", target.algorithm, {"sha1", "sha256", "sha512"});
    target.secret = method.require_secret("secret");
  } else {
    return;  // the type was wrong: its keys cannot be judged
  }
  method.finish();
  methods.push_back(std::move(target));
}

// The list form of `authentication`, or the word UNAUTHENTICATED.
void load_authentication(Section& section, std::vector<AuthenticationMethod>& methods, bool& unauthenticated) {
  const auto* value = section.take("authentication");
  if (value == nullptr) {
    section.problem(
        "authentication",
        "expected a list of methods, or UNAUTHENTICATED written out; found nothing, and there is no default");
    return;
  }
  if (value->kind == YamlNode::Kind::kScalar) {
    unauthenticated = value->scalar == "UNAUTHENTICATED";
    if (!unauthenticated) {
      section.problem("authentication", "expected a list of methods, or the word UNAUTHENTICATED; found another text");
    }
    section.note_value("authentication", unauthenticated ? "UNAUTHENTICATED" : "");
    return;
  }
  if (value->kind == YamlNode::Kind::kSequence && value->items.empty()) {
    section.problem("authentication", "expected at least one method, or the word UNAUTHENTICATED; found an empty list");
  }
  section.for_each_item("authentication", [&](Section method) { load_method(std::move(method), methods); });
}

void check_query(Section& section, const std::string& key, const std::string& query) {
  try {
    json::JsonPath::compile(query);
  } catch (const Error& error) {
    section.problem(key, "expected an RFC 9535 query, found " + in_quotes(query) + ": " + error.what());
  }
}

Filter load_filter(Section filter) {
  Filter target;
  filter.require("jsonPath", target.json_path);
  if (!target.json_path.empty()) check_query(filter, "jsonPath", target.json_path);
  filter.read("matchEquals", target.match_equals);
  filter.read("matchGlob", target.match_glob);
  filter.read("matchRegex", target.match_regex);
  filter.read("notEquals", target.not_equals);
  if (filter.has("exists")) {
    bool exists = true;
    filter.read("exists", exists);
    target.exists = exists;
  } else {
    filter.ignore({"exists"});
  }
  if (target.match_regex) {
    try {
      Regex compiled(*target.match_regex);
    } catch (const Error& error) {
      filter.problem("matchRegex", "expected a regular expression in RE2's syntax, found " +
                                       in_quotes(*target.match_regex) + ": " + error.what());
    }
  }
  std::vector<std::string> conditions;
  for (const char* name : {"matchEquals", "matchGlob", "matchRegex", "notEquals", "exists"}) {
    if (filter.has(name)) conditions.emplace_back(name);
  }
  if (conditions.size() > 1) {
    filter.problem(conditions[1], "expected one condition a filter, found " + in_quotes(conditions[0]) + " and " +
                                      in_quotes(conditions[1]) + "; write two filters");
  }
  filter.finish();
  return target;
}

// PutWebhook's own forms: GITHUB_HMAC, IP or UNAUTHENTICATED, with authenticationConfiguration beside it.
void load_put_webhook_authentication(Section& webhook, const std::string& word, Webhook& target) {
  auto configuration = webhook.section("authenticationConfiguration");
  target.authentication.emplace();
  if (configuration.has("AllowedIPRange") || word == "IP") {
    std::string range;
    configuration.require("AllowedIPRange", range, expect_ip_range);
    if (!range.empty()) target.allowed_ip_ranges.push_back(range);
  } else {
    configuration.ignore({"AllowedIPRange"});
  }
  if (word == "GITHUB_HMAC") {
    AuthenticationMethod method;
    method.type = AuthenticationMethod::Type::kHmac;
    method.name = "X-Hub-Signature";
    method.algorithm = "sha1";
    method.secret = configuration.require_secret("SecretToken");
    target.authentication->push_back(std::move(method));
  } else {
    target.unauthenticated = true;
    configuration.ignore({"SecretToken"});
    if (configuration.has("SecretToken")) {
      configuration.problem("SecretToken", "expected only with authentication GITHUB_HMAC, found with " + word);
    }
  }
  configuration.finish();
  webhook.note_value("authentication", word);
}

void load_webhook_authentication(Section& webhook, Webhook& target) {
  webhook.read_list("allowedIpRanges", target.allowed_ip_ranges, expect_ip_range);
  const auto* value = webhook.take("authentication");
  if (value != nullptr && value->kind == YamlNode::Kind::kScalar) {
    if (value->scalar == "GITHUB_HMAC" || value->scalar == "IP" || value->scalar == "UNAUTHENTICATED") {
      load_put_webhook_authentication(webhook, value->scalar, target);
      return;
    }
    webhook.ignore({"authenticationConfiguration"});
    webhook.problem("authentication",
                    "expected a list of methods, or one of GITHUB_HMAC, IP, UNAUTHENTICATED; found another text");
    return;
  }
  if (value != nullptr) {
    target.authentication.emplace();
    load_authentication(webhook, *target.authentication, target.unauthenticated);
  }
  if (webhook.has("authenticationConfiguration")) {
    auto configuration = webhook.section("authenticationConfiguration");
    configuration.ignore({"AllowedIPRange", "SecretToken"});
    for (const char* key : {"AllowedIPRange", "SecretToken"}) {
      if (configuration.has(key)) {
        configuration.problem(key, "expected only with authentication GITHUB_HMAC or IP beside it");
      }
    }
    configuration.finish();
  } else {
    webhook.ignore({"authenticationConfiguration"});
  }
}

void load_webhook_endpoint(Section& webhook, const Settings& settings, Webhook& target) {
  std::vector<std::string> names;
  for (const auto& endpoint : settings.endpoints) names.push_back(endpoint.name);
  if (!webhook.has("endpoint")) {
    webhook.ignore({"endpoint"});
    if (names.size() == 1) {  // a definition pasted from the AWS CLI names none
      target.endpoint = names.front();
      webhook.note_value("endpoint", target.endpoint);
    } else {
      webhook.problem("endpoint", "expected the name of an endpoint, found nothing");
    }
    return;
  }
  webhook.require("endpoint", target.endpoint);
  if (!target.endpoint.empty() && std::find(names.begin(), names.end(), target.endpoint) == names.end()) {
    const auto nearest = nearest_name(target.endpoint, names);
    webhook.problem("endpoint",
                    "expected the name of an endpoint, found " + in_quotes(target.endpoint) +
                        (nearest ? "; did you mean " + in_quotes(*nearest) + "?" : "; it is not under endpoints"));
  }
}

void load_webhook_calendar(Section& webhook, const Settings& settings, Webhook& target) {
  if (!webhook.has("calendar")) {
    webhook.ignore({"calendar"});
    return;
  }
  std::vector<std::string> names;
  for (const auto& calendar : settings.calendars) names.push_back(calendar.name);
  webhook.require("calendar", target.calendar);
  if (!target.calendar.empty() && std::find(names.begin(), names.end(), target.calendar) == names.end()) {
    const auto nearest = nearest_name(target.calendar, names);
    webhook.problem("calendar",
                    "expected the name of a calendar, found " + in_quotes(target.calendar) +
                        (nearest ? "; did you mean " + in_quotes(*nearest) + "?" : "; it is not under calendars"));
  }
}

void load_webhook(Section webhook, Settings& settings, const PatternChecks& patterns) {
  Webhook target;
  webhook.require("name", target.name, expect_aws_name);
  const bool repeated = std::any_of(settings.webhooks.begin(), settings.webhooks.end(),
                                    [&](const Webhook& other) { return other.name == target.name; });
  if (!target.name.empty() && repeated) {
    webhook.problem("name", "expected a name of its own, found " + in_quotes(target.name) + " again");
  }
  load_webhook_endpoint(webhook, settings, target);
  if (!webhook.has("routes")) webhook.require("targetPipeline", target.target_pipeline, expect_aws_name);
  webhook.require("targetAction", target.target_action, expect_aws_name);
  if (!webhook.has("filters")) {
    webhook.problem("filters",
                    "expected a list of filters, found nothing; write [] to start the pipeline on every event");
  }
  webhook.for_each_item("filters", [&](Section filter) { target.filters.push_back(load_filter(std::move(filter))); });
  webhook.read("ignoreDeletes", target.ignore_deletes);
  webhook.read_map("actionConfiguration", target.action_configuration);
  webhook.read_map("variables", target.variables, [](const std::string& name) {
    return consists_of(name, std::string(kAlphanumeric) + "@-_", 128)
               ? std::nullopt
               : std::optional<std::string>("the name of a pipeline variable");
  });
  auto variables = webhook.section("variables");
  for (const auto& [name, query] : target.variables) check_query(variables, name, query);
  load_webhook_authentication(webhook, target);
  load_webhook_calendar(webhook, settings, target);
  webhook.ignore({"targetPipelineVersion", "registerWithThirdParty", "tags"});
  load_path_conditions(webhook, settings, patterns, target);
  webhook.not_supported("concurrency");
  webhook.finish();
  settings.webhooks.push_back(std::move(target));
}

void load_endpoint_map(Section& parent, std::vector<Endpoint>& target) {
  parent.for_each_entry("endpoints", [&](const std::string& name, Section section) {
    Endpoint endpoint;
    endpoint.name = name;
    if (!consists_of(name, std::string(kAlphanumeric) + "._-", 100)) {
      parent.problem("endpoints",
                     "expected names of letters, digits, \".\", \"_\" and \"-\", found " + in_quotes(name));
    }
    load_authentication(section, endpoint.authentication, endpoint.unauthenticated);
    section.read_list("allowedIpRanges", endpoint.allowed_ip_ranges, expect_ip_range);
    section.finish();
    target.push_back(std::move(endpoint));
  });
}

// Requests go where AWS's settings say; of the URL they use the region and what names the queue.
std::optional<std::string> expect_queue_url(const std::string& text) {
  const auto url = parse_url(text);
  const std::size_t slash = url ? url->path.find('/', 1) : std::string::npos;
  if (url && (url->scheme == "https" || url->scheme == "http") && !url->has_user && text.size() <= 2048 &&
      url->path.starts_with('/') && slash != std::string::npos && slash > 1 && slash + 1 < url->path.size() &&
      url->path.find_first_of("?#{}", slash) == std::string::npos &&
      url->path.find('/', slash + 1) == std::string::npos) {
    return std::nullopt;
  }
  return "the URL of an SQS queue such as https://sqs.eu-central-1.amazonaws.com/111122223333/penstock-events";
}

}  // namespace

void load_endpoints(Section& root, Settings& settings) {
  load_endpoint_map(root, settings.endpoints);
}

void load_events(Section events, Events& target) {
  load_endpoint_map(events, target.endpoints);
  if (events.has("sqs")) {
    auto sqs = events.section("sqs");
    sqs.require("queueUrl", target.queue_url, expect_queue_url);
    sqs.finish();
  } else {
    events.ignore({"sqs"});
  }
  events.finish();
}

void load_webhooks(Section& root, Settings& settings, const PatternChecks& patterns) {
  root.for_each_item("webhooks", [&](Section entry) {
    if (!entry.has("webhook")) {
      load_webhook(std::move(entry), settings, patterns);
      return;
    }
    load_webhook(entry.section("webhook"), settings, patterns);  // the whole input of `aws codepipeline put-webhook`
    entry.ignore({"tags"});
    entry.finish();
  });
}

}  // namespace penstock::config
