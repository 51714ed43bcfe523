#include "server/webhook_import.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/hooks/ip_range.h"
#include "core/json/json.h"
#include "core/json/jsonpath.h"

namespace penstock::server {
namespace {

constexpr std::string_view kHead =
    R"(# Imported from AWS CodePipeline. Each webhook keeps an address of its own, as it had at AWS: /hooks/ENDPOINT here.
# Endpoints whose senders are the same may be made one: one subscription in Azure DevOps then serves all their webhooks.
# Unlike AWS, a deleted branch starts nothing unless a webhook says ignoreDeletes: false.
)";

// A JSON string is a YAML string in double quotes.
std::string quoted(const std::string& text) {
  return json::dump(json::Json(text));
}

// `text`, or with a number behind it when it is taken.
std::string unique(std::string text, std::set<std::string>& taken) {
  for (int number = 2; !taken.insert(text).second; ++number) {
    text = text.substr(0, text.find_last_not_of("0123456789") + 1) + "-" + std::to_string(number);
  }
  return text;
}

std::string endpoint_name(const std::string& webhook, std::set<std::string>& taken) {
  std::string name = webhook;
  std::replace(name.begin(), name.end(), '@', '-');
  return unique(name, taken);
}

std::string variable_name(const std::string& webhook, std::set<std::string>& taken) {
  std::string name = "WEBHOOK_SECRET_";
  for (const char c : webhook) {
    const auto byte = static_cast<unsigned char>(c);
    name += std::isalnum(byte) != 0 ? static_cast<char>(std::toupper(byte)) : '_';
  }
  name = unique(name, taken);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// Why the configuration would refuse it.
std::optional<std::string> find_obstacle(const aws::Webhook& webhook) {
  for (const aws::WebhookFilter& filter : webhook.filters) {
    try {
      json::JsonPath::compile(filter.json_path);
    } catch (const Error& error) {
      return "its filter " + in_quotes(filter.json_path) + " is not RFC 9535: " + error.what();
    }
  }
  if (webhook.authentication == "IP" && !hooks::IpRange::parse(webhook.allowed_ip_range)) {
    return "its AllowedIPRange " + in_quotes(webhook.allowed_ip_range) + " is no range of addresses";
  }
  if (webhook.authentication != "IP" && webhook.authentication != "GITHUB_HMAC" &&
      webhook.authentication != "UNAUTHENTICATED") {
    return "its authentication " + in_quotes(webhook.authentication) + " is not known";
  }
  return std::nullopt;
}

std::string endpoint_lines(const aws::Webhook& webhook, const std::string& endpoint, std::set<std::string>& variables) {
  std::string out = "  " + quoted(endpoint) + ":\n";
  if (webhook.authentication == "GITHUB_HMAC") {
    const std::string variable = variable_name(webhook.name, variables);
    out +=
        "    # GITHUB_HMAC at AWS, which does not tell the secret. Fill in: the secret token, where this points to.\n"
        "    authentication:\n"
        "      - {type: HMAC, header: X-Hub-Signature, algorithm: sha1, secret: {secret: " +
        quoted("env:" + variable) + "}}\n";
  } else if (webhook.authentication == "IP") {
    out +=
        "    # IP at AWS: the address alone, behind a URL that nobody could guess. Fill in: a credential, such as\n"
        "    # authentication: [{type: BASIC, username: azure, password: {secret: \"env:HOOK_PASSWORD\"}}]\n"
        "    authentication: UNAUTHENTICATED\n"
        "    allowedIpRanges: [" +
        quoted(webhook.allowed_ip_range) + "]\n";
  } else {
    out +=
        "    # UNAUTHENTICATED at AWS, behind a URL that nobody could guess; here anybody could start the pipeline.\n"
        "    # Fill in: a credential, such as\n"
        "    # authentication: [{type: BASIC, username: azure, password: {secret: \"env:HOOK_PASSWORD\"}}]\n"
        "    authentication: UNAUTHENTICATED\n";
  }
  return out;
}

std::string webhook_lines(const aws::Webhook& webhook, const std::string& endpoint) {
  std::string out;
  if (webhook.last_triggered) out += "  # last triggered " + format_rfc3339(*webhook.last_triggered) + "\n";
  if (!webhook.error_message.empty() || !webhook.error_code.empty()) {
    out += "  # AWS reports: " + in_quotes(webhook.error_code) + " " + in_quotes(webhook.error_message) + "\n";
  }
  out += "  - name: " + quoted(webhook.name) + "\n    endpoint: " + quoted(endpoint) +
         "\n    targetPipeline: " + quoted(webhook.target_pipeline) +
         "\n    targetAction: " + quoted(webhook.target_action) +
         "\n    filters:" + (webhook.filters.empty() ? " []  # every event starts the pipeline" : "") + "\n";
  for (const aws::WebhookFilter& filter : webhook.filters) {
    out += "      - {jsonPath: " + quoted(filter.json_path);
    if (filter.match_equals) out += ", matchEquals: " + quoted(*filter.match_equals);
    out += "}\n";
  }
  return out;
}

std::string commented_out(const std::string& lines) {
  std::string out;
  for (const std::string& line : split(lines, '\n')) {
    if (!line.empty()) out += "  # " + line + "\n";
  }
  return out;
}

}  // namespace

std::string webhooks_to_yaml(const std::vector<aws::Webhook>& webhooks) {
  std::set<std::string> endpoint_names, variables;
  std::string endpoints, definitions, left_out;
  for (const aws::Webhook& webhook : webhooks) {
    const std::string endpoint = endpoint_name(webhook.name, endpoint_names);
    if (const auto obstacle = find_obstacle(webhook)) {
      left_out += "  # Left out, because " + *obstacle + "\n" + commented_out(webhook_lines(webhook, endpoint));
      continue;
    }
    endpoints += endpoint_lines(webhook, endpoint, variables);
    definitions += webhook_lines(webhook, endpoint);
  }
  return std::string(kHead) + (endpoints.empty() ? "endpoints: {}\n" : "endpoints:\n" + endpoints) +
         (definitions.empty() ? "webhooks: []\n" : "webhooks:\n" + definitions) + left_out;
}

}  // namespace penstock::server
