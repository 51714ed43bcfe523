// Webhooks: kept and listed; nothing posts to them.
#include "core/base/digest.h"
#include "tests/sandbox/codepipeline.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

constexpr std::size_t kMaxWebhooks = 300;
constexpr const char* kMask = "****";

void check_authentication(const Json& definition) {
  const auto type = definition.at("authentication").get<std::string>();
  const Json& configuration = definition.at("authenticationConfiguration");
  const auto expect = [&](const char* member, bool wanted) {
    if ((json::find(configuration, member) != nullptr) == wanted) return;
    throw ServiceError(400, "InvalidWebhookAuthenticationParametersException",
                       type + (wanted ? " needs " : " does not allow ") + member);
  };
  expect("SecretToken", type == "GITHUB_HMAC");
  expect("AllowedIPRange", type == "IP");
}

Json listed(Json webhook) {
  Json& configuration = webhook.at("definition").at("authenticationConfiguration");
  if (configuration.contains("SecretToken")) configuration["SecretToken"] = kMask;
  return webhook;
}

}  // namespace

Json CodePipeline::put_webhook(const Json& input, const Caller& caller) {
  const Json& definition = input.at("webhook");
  const auto name = definition.at("name").get<std::string>();
  check_authentication(definition);
  for (const Json& filter : definition.at("filters")) {
    if (filter.at("jsonPath").get<std::string>().starts_with("$")) continue;
    throw ServiceError(400, "InvalidWebhookFilterPatternException", "A JSON path begins with $");
  }
  const auto pipeline = definition.at("targetPipeline").get<std::string>();
  const Json& declaration = get_pipeline_record(pipeline).declaration();
  bool has_action = false;
  for (const Json& action : declaration.at("stages").at(0).at("actions")) {
    has_action = has_action || action.at("name") == definition.at("targetAction");
  }
  if (!has_action) {
    throw ServiceError(400, "ValidationException", "The first stage of the pipeline has no action of this name");
  }
  const bool is_known = webhooks_.contains(name);
  if (!is_known && webhooks_.size() >= kMaxWebhooks) {
    throw ServiceError(400, "LimitExceededException", "There are 300 webhooks already");
  }
  Json& webhook = webhooks_[name];
  if (!is_known) {
    const std::string token = sha256_hex(name + "/" + std::to_string(now()) + "/" + std::to_string(next_number_));
    webhook = {{"url", "https://" + caller.region + ".webhooks.aws/trigger?t=" + token + "&v=1"},
               {"arn", "arn:aws:codepipeline:" + caller.region + ":" + caller.account + ":webhook:" + name}};
  }
  webhook["definition"] = definition;
  if (const Json* tags = json::find(input, "tags")) webhook["tags"] = *tags;
  journal_.put("webhook", name, webhook);
  return {{"webhook", listed(webhook)}};
}

Json CodePipeline::list_webhooks(const Json& input, const Caller&) {
  // This operation alone has capital letters.
  Json page = Json::object(), paged = Json::object();
  if (const Json* token = json::find(input, "NextToken")) page["nextToken"] = *token;
  if (const Json* size = json::find(input, "MaxResults")) page["maxResults"] = *size;
  const auto [begin, end] = page_of(page, webhooks_.size(), 100, paged);
  Json output = {{"webhooks", Json::array()}};
  std::size_t number = 0;
  for (const auto& [name, webhook] : webhooks_) {
    if (number >= begin && number < end) output["webhooks"].push_back(listed(webhook));
    ++number;
  }
  if (const Json* token = json::find(paged, "nextToken")) output["NextToken"] = *token;
  return output;
}

Json CodePipeline::delete_webhook(const Json& input, const Caller&) {
  const auto name = input.at("name").get<std::string>();
  if (webhooks_.erase(name) > 0) journal_.remove("webhook", name);
  return Json::object();
}

}  // namespace penstock::sandbox
