#include "core/trigger/schedule.h"

#include <algorithm>

namespace penstock::trigger {

Schedule make_schedule(const ScheduleInput& input) {
  Schedule schedule;
  std::set<std::string> held;
  std::set<std::string> deciding = input.deciding;
  std::set<std::string> waiting_for_routes;  // webhooks
  const auto wait_until = [&](Timestamp due) {
    schedule.next_due = schedule.next_due ? std::min(*schedule.next_due, due) : due;
  };
  for (const store::PendingTrigger& trigger : input.pending) {
    if (input.in_flight.contains(trigger.id)) {
      if (!trigger.undecided || input.is_configuration_known(trigger)) held.insert(trigger.pipeline);
      continue;
    }
    // It keeps its place; the paths are found out elsewhere.
    if (trigger.awaits_paths) {
      if (trigger.pipeline.empty()) {
        waiting_for_routes.insert(trigger.webhook);
      } else {
        held.insert(trigger.pipeline);
      }
      continue;
    }
    const bool is_due = !trigger.next_attempt_at || *trigger.next_attempt_at <= input.now;
    bool ready = is_due;
    if (trigger.undecided) {
      const bool known = input.is_configuration_known(trigger);
      ready = known || is_due;
      if (!ready) wait_until(*trigger.next_attempt_at);
      if (deciding.contains(trigger.pipeline) || deciding.size() >= input.max_deciding) ready = false;
      if (known && held.contains(trigger.pipeline)) ready = false;
      if (known) held.insert(trigger.pipeline);
      if (!ready) continue;
      deciding.insert(trigger.pipeline);
    } else {
      if (!held.insert(trigger.pipeline).second || waiting_for_routes.contains(trigger.webhook)) continue;
      if (!ready) {
        wait_until(*trigger.next_attempt_at);
        continue;
      }
    }
    if (static_cast<int>(schedule.go.size()) < input.free_slots) schedule.go.push_back(&trigger);
  }
  return schedule;
}

}  // namespace penstock::trigger
