#include "core/trigger/schedule.h"

#include <gtest/gtest.h>

namespace penstock::trigger {
namespace {

constexpr Timestamp kNow = Timestamp(std::chrono::milliseconds(1'000'000));

store::PendingTrigger trigger(const std::string& id, const std::string& pipeline) {
  store::PendingTrigger trigger;
  trigger.id = id;
  trigger.pipeline = pipeline;
  return trigger;
}
store::PendingTrigger later(store::PendingTrigger trigger) {
  trigger.next_attempt_at = kNow + std::chrono::seconds(5);
  return trigger;
}
store::PendingTrigger undecided(store::PendingTrigger trigger) {
  trigger.undecided = true;
  return trigger;
}

store::PendingTrigger awaiting(store::PendingTrigger trigger) {
  trigger.awaits_paths = true;
  return trigger;
}
store::PendingTrigger of(store::PendingTrigger trigger, const std::string& webhook) {
  trigger.webhook = webhook;
  return trigger;
}

struct Case {
  std::string name;
  std::vector<store::PendingTrigger> pending;
  std::set<std::string> in_flight, deciding;
  std::set<std::string> known;  // pipelines whose configuration is known
  std::vector<std::string> go;
  bool waits = false;
  int slots = 10;
};

TEST(MakeSchedule, KeepsTheOrderWithinAPipelineOnly) {
  const std::vector<Case> cases = {
      {"one of each pipeline", {trigger("1", "a"), trigger("2", "a"), trigger("3", "b")}, {}, {}, {}, {"1", "3"}},
      {"in flight holds its pipeline", {trigger("1", "a"), trigger("2", "a"), trigger("3", "b")}, {"1"}, {}, {}, {"3"}},
      {"a retrying one holds its pipeline",
       {later(trigger("1", "a")), trigger("2", "a"), trigger("3", "b")},
       {},
       {},
       {},
       {"3"},
       true},
      {"retry that is due",
       {[] {
         store::PendingTrigger due = trigger("1", "a");
         due.next_attempt_at = kNow;
         return due;
       }()},
       {},
       {},
       {},
       {"1"}},
      {"one that waits for its paths keeps its place",
       {awaiting(trigger("1", "a")), trigger("2", "a"), trigger("3", "b")},
       {},
       {},
       {},
       {"3"}},
      {"one that waits for its paths waits for none before it",
       {trigger("1", "a"), awaiting(trigger("2", "a"))},
       {},
       {},
       {},
       {"1"}},
      {"one without a pipeline holds up later ones of its webhook",
       {of(trigger("1", "a"), "routes"), of(awaiting(trigger("2", "")), "routes"), of(trigger("3", "b"), "routes"),
        of(trigger("4", "b"), "other"), of(trigger("5", "c"), "other")},
       {},
       {},
       {},
       {"1", "5"}},
      {"undecided with unknown configuration holds nobody",
       {undecided(later(trigger("1", "a"))), trigger("2", "a")},
       {},
       {},
       {},
       {"2"},
       true},
      {"undecided with known configuration goes first, at once",
       {undecided(later(trigger("1", "a"))), trigger("2", "a")},
       {},
       {},
       {"a"},
       {"1"}},
      {"undecided behind a started one waits", {trigger("1", "a"), undecided(trigger("2", "a"))}, {}, {}, {"a"}, {"1"}},
      {"one decision a pipeline", {undecided(trigger("1", "a")), undecided(trigger("2", "a"))}, {}, {}, {}, {"1"}},
      {"decisions do not take all slots",
       {undecided(trigger("1", "a")), undecided(trigger("2", "b")), undecided(trigger("3", "c")), trigger("4", "d")},
       {},
       {},
       {},
       {"1", "2", "4"}},
      {"no more than there are slots",
       {trigger("1", "a"), trigger("2", "b"), trigger("3", "c")},
       {},
       {},
       {},
       {"1", "2"},
       false,
       2},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Schedule schedule = make_schedule({.pending = c.pending,
                                             .in_flight = c.in_flight,
                                             .deciding = c.deciding,
                                             .now = kNow,
                                             .free_slots = c.slots,
                                             .max_deciding = 2,
                                             .is_configuration_known = [&](const store::PendingTrigger& trigger) {
                                               return c.known.contains(trigger.pipeline);
                                             }});
    std::vector<std::string> went;
    for (const store::PendingTrigger* trigger : schedule.go) went.push_back(trigger->id);
    EXPECT_EQ(went, c.go);
    EXPECT_EQ(schedule.next_due.has_value(), c.waits);
  }
}

}  // namespace
}  // namespace penstock::trigger
