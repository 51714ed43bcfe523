// What of a stored delivery may be judged again, and by whom: for redeliveries and explanations. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/intake/settings.h"
#include "core/store/records.h"

namespace penstock::intake {

// Error{kConflict} "DOING: why not" unless the delivery was let in and its body is kept.
void require_replayable(const store::Delivery& delivery, const std::string& doing);

// One webhook among those that the delivery may reach now (readmit()). Error{kInvalidInput} when there is none of this
// name, with the nearest; kConflict when the delivery may not reach it.
const hooks::Webhook& choose_webhook(const IntakeSettings& settings, const std::string& endpoint,
                                     const std::vector<const hooks::Webhook*>& reached, const std::string& name,
                                     const std::string& doing);

}  // namespace penstock::intake
