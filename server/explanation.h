// The explanation of a delivery or a payload, for people and for programs: what happened then, what would happen now,
// and what is different.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/intake/decision_changes.h"
#include "core/intake/explanation.h"
#include "core/json/json.h"
#include "core/store/records.h"
#include "core/trigger/calendar.h"

namespace penstock::server {

// What would become of a trigger that is made now.
struct Prospect {
  enum class Step {
    kStart,     // at once, or as soon as earlier ones of its pipeline have been
    kWait,      // for what only later tells
    kPostpone,  // until its calendar opens
    kSkip,
    kFail,
  };
  store::NewTrigger trigger;
  Step step = Step::kStart;
  std::optional<Timestamp> until;  // kPostpone
  std::string reason;
};
std::string_view to_string(Prospect::Step step) noexcept;  // "start", "wait", "postpone", "skip", "fail"

// `pending` are the triggers that wait for their turn now, of all pipelines.
std::vector<Prospect> make_prospects(const std::vector<store::NewTrigger>& triggers, const trigger::GateMap& gates,
                                     const std::vector<store::PendingTrigger>& pending, Timestamp now);

struct WholeExplanation {
  std::optional<store::Delivery> then;  // nothing for a payload
  intake::Explanation now;
  std::vector<Prospect> prospects;
  std::vector<intake::DecisionChange> changes;  // with `then` only
};
WholeExplanation make_explanation(std::optional<store::Delivery> then, intake::Explanation now,
                                  const trigger::GateMap& gates, const std::vector<store::PendingTrigger>& pending,
                                  Timestamp time);

// The answer of POST /api/v1/deliveries/{id}/explain.
json::Json to_json(const WholeExplanation& explanation);

// Lines for a person, each ending in a line feed. Long lists are cut.
std::string to_text(const WholeExplanation& explanation);

}  // namespace penstock::server
