#include "core/intake/explanation.h"

#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/hooks/event.h"
#include "core/hooks/evidence.h"
#include "core/intake/admission.h"
#include "core/intake/receiver.h"
#include "core/intake/replay.h"

namespace penstock::intake {
namespace {

Explanation explain(const std::optional<hooks::Event>& event, store::NewDelivery delivery, const JudgingList& webhooks,
                    const hooks::ActionConfigurationLookup& configuration) {
  HookAnswer answer;
  decide(event, webhooks, configuration, delivery, answer);
  Explanation result;
  if (delivery.webhook_set) {
    result.decisions_json = hooks::expand_decisions(delivery.webhook_set->content, delivery.evidence);
  }
  result.outcome = delivery.outcome;
  result.reason = std::move(delivery.reason);
  result.matched = !answer.matched.empty() || !delivery.triggers.empty();
  result.triggers = std::move(delivery.triggers);
  result.event_type = std::move(delivery.event_type);
  result.repository_name = std::move(delivery.repository_name);
  result.project = std::move(delivery.project);
  result.ref_updates = std::move(delivery.ref_updates);
  result.pull_request_json = std::move(delivery.pull_request_json);
  result.event = event;
  return result;
}

hooks::ActionConfigurationLookup or_nothing(const hooks::ActionConfigurationLookup& configuration) {
  if (configuration) return configuration;
  return [](const std::string&, const std::string&) -> std::optional<std::map<std::string, std::string>> {
    return std::nullopt;
  };
}

}  // namespace

Explanation explain_payload(const IntakeSettings& settings, std::string_view body,
                            const hooks::ActionConfigurationLookup& configuration,
                            const std::optional<std::string>& endpoint) {
  std::vector<const hooks::Webhook*> chosen;
  for (const WebhookSettings& item : settings.webhooks) {
    if (!endpoint || item.webhook->definition().endpoint == *endpoint) chosen.push_back(item.webhook.get());
  }
  store::NewDelivery delivery;
  delivery.endpoint = endpoint.value_or("");
  return explain(hooks::parse_event(body), std::move(delivery), JudgingList(chosen), or_nothing(configuration));
}

Explanation explain_delivery(const PreparedSettings& settings, const store::Delivery& delivery,
                             const hooks::ActionConfigurationLookup& configuration) {
  require_replayable(delivery, "explaining " + in_quotes(delivery.id));
  store::NewDelivery again;
  again.endpoint = delivery.endpoint;
  again.redelivery_of = delivery.id;
  const std::optional<hooks::Event> event = parse_event_or_explain(delivery.body, again.reason);
  const auto webhooks = settings.list_of(readmit(settings.settings(), delivery.endpoint, delivery.judged_webhooks));
  return explain(event, std::move(again), *webhooks, or_nothing(configuration));
}

}  // namespace penstock::intake
