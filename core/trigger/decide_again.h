// The decision of a trigger that had to wait for its target action's configuration. Pure.
#pragma once

#include <map>
#include <string>

#include "core/hooks/decision.h"
#include "core/hooks/webhook.h"
#include "core/store/records.h"

namespace penstock::trigger {

struct LateDecision {
  hooks::Verdict verdict = hooks::Verdict::kNotMatched;
  std::string reason;
  std::string decisions_json;  // the delivery's decisions with this one in place of the one that waited
  std::map<std::string, std::string> variables;
};

// Judges the stored delivery again for the trigger's webhook and ref. Error{kInvalidInput} when the stored body cannot
// be read any more.
LateDecision decide_again(const store::Trigger& trigger, const store::Delivery& delivery, const hooks::Webhook& webhook,
                          const std::map<std::string, std::string>& action_configuration);

}  // namespace penstock::trigger
