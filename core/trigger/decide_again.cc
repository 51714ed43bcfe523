#include "core/trigger/decide_again.h"

#include <utility>
#include <vector>

#include "core/base/text.h"
#include "core/hooks/event.h"
#include "core/json/json.h"

namespace penstock::trigger {
namespace {

std::string replace_decision(const std::string& stored, const hooks::Decision& decision) {
  json::Json all = stored.empty() ? json::Json::array() : json::parse_json(stored, "stored decisions");
  if (!all.is_array()) all = json::Json::array();
  json::Json renewed = json::parse_json(hooks::decisions_to_json({decision}), "decisions");
  if (!renewed.is_array() || renewed.empty()) return json::dump(all);
  for (json::Json& entry : all) {
    if (json::string_or(entry, "webhook") != decision.webhook) continue;
    if (json::string_or(entry, "ref") != json::string_or(renewed[0], "ref")) continue;
    entry = std::move(renewed[0]);
    return json::dump(all);
  }
  all.push_back(std::move(renewed[0]));
  return json::dump(all);
}

}  // namespace

LateDecision decide_again(const store::Trigger& trigger, const store::Delivery& delivery, const hooks::Webhook& webhook,
                          const std::map<std::string, std::string>& action_configuration) {
  const hooks::Event event = hooks::parse_event(delivery.body);
  const auto lookup = [&](const std::string&, const std::string&) {
    return std::optional<std::map<std::string, std::string>>(action_configuration);
  };
  const std::vector<hooks::Decision> decisions = hooks::decide(event, {&webhook}, lookup);
  LateDecision result;
  for (const hooks::Decision& decision : decisions) {
    if (decision.push_key != trigger.push_key || decision.ref != trigger.ref) continue;
    result.verdict = decision.verdict;
    result.reason = decision.reason;
    result.variables = decision.variables;
    result.decisions_json = replace_decision(delivery.decisions_json, decision);
    return result;
  }
  result.reason =
      "webhook " + in_quotes(webhook.definition().name) + " does not look at " + in_quotes(trigger.ref) + " any more";
  result.decisions_json = delivery.decisions_json;
  return result;
}

}  // namespace penstock::trigger
