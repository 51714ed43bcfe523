#include "core/intake/replay.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::intake {

void require_replayable(const store::Delivery& delivery, const std::string& doing) {
  if (delivery.outcome == store::Outcome::kRejected) {
    throw Error(ErrorKind::kConflict,
                doing + ": it was rejected (" + delivery.reason + "); let the sender send it again");
  }
  if (delivery.body.empty()) throw Error(ErrorKind::kConflict, doing + ": its body is not kept any more");
}

const hooks::Webhook& choose_webhook(const IntakeSettings& settings, const std::string& endpoint,
                                     const std::vector<const hooks::Webhook*>& reached, const std::string& name,
                                     const std::string& doing) {
  for (const hooks::Webhook* webhook : reached) {
    if (webhook->definition().name == name) return *webhook;
  }
  std::vector<std::string> names;
  for (const WebhookSettings& item : settings.webhooks) {
    const hooks::WebhookDefinition& definition = item.webhook->definition();
    if (definition.name != name) {
      names.push_back(definition.name);
      continue;
    }
    throw Error(ErrorKind::kConflict, doing + ": webhook " + in_quotes(name) +
                                          (definition.endpoint != endpoint
                                               ? " listens to endpoint " + in_quotes(definition.endpoint) +
                                                     ", the delivery came to " + in_quotes(endpoint)
                                               : " has an authentication of its own, which the delivery did not pass"));
  }
  const auto nearest = nearest_name(name, names);
  throw Error(ErrorKind::kInvalidInput, doing + ": no webhook is named " + in_quotes(name) +
                                            (nearest ? "; did you mean " + in_quotes(*nearest) + "?" : ""));
}

}  // namespace penstock::intake
