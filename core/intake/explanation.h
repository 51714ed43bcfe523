// What would become of an event now. Stores and starts nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/hooks/decision.h"
#include "core/hooks/event.h"
#include "core/intake/prepared_settings.h"
#include "core/intake/settings.h"
#include "core/store/records.h"

namespace penstock::intake {

struct Explanation {
  store::Outcome outcome = store::Outcome::kFiltered;
  std::string reason;
  std::string decisions_json = "[]";  // the `decisions` array of the history API
  bool matched = false;               // some webhook matched, or waits for what only later tells
  // That would be made, in the order of the decisions. Of a stored delivery they are of the next generation.
  std::vector<store::NewTrigger> triggers;
  std::string event_type, repository_name, project;
  std::vector<store::RefUpdateRecord> ref_updates;
  std::string pull_request_json;  // as the history API shows it; empty = none
  std::optional<hooks::Event> event;
};

// Judges a request's body by all webhooks, or those of one endpoint. Error{kInvalidInput} when it is no event. Pure but
// for the lookup.
Explanation explain_payload(const IntakeSettings& settings, std::string_view body,
                            const hooks::ActionConfigurationLookup& configuration,
                            const std::optional<std::string>& endpoint = std::nullopt);

// A redelivery, as Receiver::redeliver() would decide it: by the webhooks that the delivery may reach now. Error
// {kConflict} when it was rejected or its body is gone.
Explanation explain_delivery(const PreparedSettings& settings, const store::Delivery& delivery,
                             const hooks::ActionConfigurationLookup& configuration);

}  // namespace penstock::intake
