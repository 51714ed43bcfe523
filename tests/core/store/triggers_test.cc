#include "core/store/triggers.h"

#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

class Triggers : public StoreTest {
 protected:
  std::string add(const std::string& push, const std::string& pipeline = "shop") {
    return store().record_delivery(delivery({make_trigger(push, pipeline)})).trigger_ids.at(0);
  }
  std::vector<std::string> due() {
    std::vector<std::string> ids;
    for (const auto& trigger : store().pending_triggers(10))
      if (!trigger.next_attempt_at || *trigger.next_attempt_at <= clock_.now()) ids.push_back(trigger.id);
    return ids;
  }
  Trigger get(const std::string& id) { return store().find_trigger(id).value(); }
  Job job(const std::string& execution, const std::string& pipeline = "shop") {
    Job job;
    job.id = make_uuid_v7(clock_);
    job.job_id = make_uuid_v4();
    job.pipeline = pipeline;
    job.pipeline_execution_id = execution;
    job.claimed_at = clock_.now();
    return job;
  }
};

TEST_F(Triggers, AreDueAtOnceAndOldestFirst) {
  std::string first = add("push-1");
  std::string second = add("push-2");
  EXPECT_EQ(due(), (std::vector{first, second}));
  EXPECT_EQ(store().pending_triggers(1).size(), 1u);
  // Also when the clock was set back after they came.
  clock_.jump(-24h);
  EXPECT_EQ(due().size(), 2u);
}

TEST_F(Triggers, WaitForTheirNextAttempt) {
  std::string id = add("push-1");
  Timestamp next = clock_.now() + 5s;
  store().reschedule_trigger(id, next, "starting \"shop\": HTTP 400 ThrottlingException");
  EXPECT_TRUE(due().empty());
  EXPECT_EQ(store().pending_triggers(1).at(0).next_attempt_at, next);
  EXPECT_EQ(get(id).attempts, 1);
  EXPECT_EQ(get(id).error, "starting \"shop\": HTTP 400 ThrottlingException");
  clock_.advance(5s);
  EXPECT_EQ(due(), std::vector{id});
}

TEST_F(Triggers, AStartIsRecordedOnce) {
  std::string id = add("push-1");
  store().reschedule_trigger(id, clock_.now(), "once");
  store().mark_trigger_started(id, "execution-1", clock_.now(), clock_.now() + 5min);
  store().mark_trigger_started(id, "execution-1", clock_.now() + 1s, std::nullopt);
  Trigger trigger = get(id);
  EXPECT_EQ(trigger.state, TriggerState::kStarted);
  EXPECT_EQ(trigger.attempts, 2);
  EXPECT_EQ(trigger.error, "");
  EXPECT_EQ(trigger.started_at, clock_.now());
  EXPECT_EQ(trigger.unclaimed_deadline, clock_.now() + 5min);
  EXPECT_TRUE(due().empty());
  EXPECT_EQ(store().find_trigger_of_execution("shop", "execution-1")->id, id);
  EXPECT_FALSE(store().find_trigger_of_execution("other", "execution-1"));
  EXPECT_FALSE(store().find_trigger_of_execution("shop", ""));
  EXPECT_EQ(error_of([&] { store().mark_trigger_started(id, "execution-2", clock_.now(), {}); }).kind(),
            ErrorKind::kConflict);
  EXPECT_EQ(error_of([&] { store().mark_trigger_ended(id, TriggerState::kFailed, "no"); }).kind(),
            ErrorKind::kConflict);
  EXPECT_EQ(error_of([&] { store().reschedule_trigger(id, clock_.now(), "no"); }).kind(), ErrorKind::kConflict);
}

TEST_F(Triggers, EndWithoutAStart) {
  int push = 0;
  for (TriggerState state : {TriggerState::kSkipped, TriggerState::kSuperseded, TriggerState::kFailed}) {
    std::string id = add("push-" + std::to_string(push++));
    store().mark_trigger_ended(id, state, "because");
    store().mark_trigger_ended(id, state, "again");
    EXPECT_EQ(get(id).state, state);
    EXPECT_EQ(get(id).error, "because");
    EXPECT_TRUE(due().empty());
  }
  std::string id = add("push-9");
  EXPECT_EQ(error_of([&] { store().mark_trigger_ended(id, TriggerState::kStarted, ""); }).kind(), ErrorKind::kInternal);
}

TEST_F(Triggers, ADecisionReplacesTheDeliverysAndMakesTheTriggerDue) {
  NewTrigger undecided = make_trigger("push-1");
  undecided.undecided = true;
  RecordedDelivery recorded = store().record_delivery(delivery({undecided}));
  std::string id = recorded.trigger_ids.at(0);
  store().reschedule_trigger(id, clock_.now() + 1h, "waiting for GetPipeline");
  store().decide_trigger(id, R"([{"matched":true}])", {{"BRANCH", "main"}});
  EXPECT_FALSE(get(id).undecided);
  EXPECT_EQ(get(id).variables.at("BRANCH"), "main");
  EXPECT_EQ(store().find_delivery(recorded.id)->decisions_json, R"([{"matched":true}])");
  EXPECT_EQ(due(), std::vector{id});
}

TEST_F(Triggers, ADeferredOneIsNotPendingAndBecomesDueAtItsTime) {
  const std::string first = add("push-1"), second = add("push-2"), third = add("push-3");
  const Timestamp opening = clock_.now() + 1h;
  store().defer_trigger(second, opening, "closed: Saturday");
  store().defer_trigger(first, opening, "closed: Saturday");
  store().defer_trigger(third, opening + 24h, "closed: Saturday");
  EXPECT_EQ(get(first).state, TriggerState::kDeferred);
  EXPECT_EQ(get(first).error, "closed: Saturday");
  EXPECT_EQ(get(first).attempts, 0);
  EXPECT_TRUE(store().pending_triggers(10).empty());
  EXPECT_TRUE(store().deferred_triggers(clock_.now(), 10).due.empty());
  EXPECT_EQ(store().deferred_triggers(clock_.now(), 10).next, opening);
  reopen();
  const DeferredTriggers deferred = store().deferred_triggers(opening, 10);
  ASSERT_EQ(deferred.due.size(), 2u);
  EXPECT_EQ(deferred.due[0].id, first);
  EXPECT_EQ(deferred.due[1].id, second);
  EXPECT_EQ(deferred.next, opening + 24h);
  EXPECT_EQ(store().deferred_triggers(opening, 1).due.size(), 1u);
  EXPECT_FALSE(store().deferred_triggers(opening + 48h, 10).next.has_value());

  store().clear_trigger(first, opening);
  store().clear_trigger(first, opening + 1h);
  EXPECT_EQ(get(first).state, TriggerState::kPending);
  EXPECT_EQ(get(first).cleared_at, opening);
  EXPECT_EQ(get(first).error, "");
  EXPECT_EQ(due(), std::vector{first});
  store().defer_trigger(first, opening + 2h, "too late");
  EXPECT_EQ(due(), std::vector{first});
}

TEST_F(Triggers, OnlyADeferredOneCanBeReleased) {
  const std::string id = add("push-1");
  EXPECT_EQ(error_of([&] { store().release_trigger(id); }).kind(), ErrorKind::kConflict);
  store().defer_trigger(id, clock_.now() + 1h, "closed: Saturday");
  store().release_trigger(id);
  EXPECT_EQ(get(id).state, TriggerState::kPending);
  EXPECT_EQ(get(id).cleared_at, clock_.now());
  EXPECT_EQ(due(), std::vector{id});
  EXPECT_EQ(error_of([&] { store().release_trigger(id); }).kind(), ErrorKind::kConflict);
  store().mark_trigger_started(id, "execution-1", clock_.now(), {});
  for (const auto& step : std::vector<std::function<void()>>{
           [&] { store().release_trigger(id); },
           [&] { store().clear_trigger(id, clock_.now()); },
           [&] { store().defer_trigger(id, clock_.now(), "no"); },
       }) {
    EXPECT_EQ(error_of(step).kind(), ErrorKind::kConflict);
  }
  EXPECT_EQ(error_of([&] { store().release_trigger(make_uuid_v7(clock_)); }).kind(), ErrorKind::kNotFound);
  EXPECT_EQ(error_of([&] { store().release_trigger("x"); }).kind(), ErrorKind::kNotFound);
}

TEST_F(Triggers, UnknownOnesAreNotFound) {
  for (const std::string& id : {std::string("x"), make_uuid_v7(clock_)}) {
    EXPECT_FALSE(store().find_trigger(id));
    EXPECT_EQ(error_of([&] { store().mark_trigger_started(id, "e", clock_.now(), {}); }).kind(), ErrorKind::kNotFound);
    EXPECT_EQ(error_of([&] { store().decide_trigger(id, "[]", {}); }).kind(), ErrorKind::kNotFound);
    EXPECT_EQ(error_of([&] { store().clear_unclaimed_deadline(id, ""); }).kind(), ErrorKind::kNotFound);
  }
}

TEST_F(Triggers, AreUnclaimedWhenNoJobShowsUpInTime) {
  std::string late = add("push-1");
  std::string claimed = add("push-2");
  std::string other_pipeline = add("push-3", "web");
  std::string unwatched = add("push-4");
  Timestamp deadline = clock_.now() + 5min;
  store().mark_trigger_started(late, "e1", clock_.now(), deadline);
  store().mark_trigger_started(claimed, "e2", clock_.now(), deadline);
  store().mark_trigger_started(other_pipeline, "e2", clock_.now(), deadline + 1s);
  store().mark_trigger_started(unwatched, "e4", clock_.now(), std::nullopt);
  store().journal_job(job("e2"));
  EXPECT_EQ(store().next_unclaimed_deadline(), deadline);
  EXPECT_TRUE(store().unclaimed_triggers(deadline - 1ms, 10).empty());
  ASSERT_EQ(store().unclaimed_triggers(deadline, 10).size(), 1u);
  EXPECT_EQ(store().unclaimed_triggers(deadline, 10)[0].id, late);
  EXPECT_FALSE(get(claimed).unclaimed_deadline);
  store().clear_unclaimed_deadline(late, "stopped the execution: no job within 5 minutes");
  EXPECT_EQ(get(late).error, "stopped the execution: no job within 5 minutes");
  EXPECT_EQ(get(late).state, TriggerState::kStarted);
  EXPECT_EQ(store().next_unclaimed_deadline(), deadline + 1s);
}

TEST_F(Triggers, AJobThatIsFasterThanTheRecordOfItsStartIsNotMissed) {
  std::string id = add("push-1");
  store().journal_job(job("e1"));
  store().mark_trigger_started(id, "e1", clock_.now(), clock_.now());
  EXPECT_TRUE(store().unclaimed_triggers(clock_.now() + 1h, 10).empty());
  EXPECT_FALSE(store().next_unclaimed_deadline());
}

TEST_F(Triggers, AJobThatLearnsItsExecutionLaterClaimsItThen) {
  std::string id = add("push-1");
  store().mark_trigger_started(id, "e1", clock_.now(), clock_.now());
  Job late = job("");
  store().journal_job(late);
  EXPECT_EQ(store().unclaimed_triggers(clock_.now(), 10).size(), 1u);
  late.pipeline_execution_id = "e1";
  store().update_job(late);
  EXPECT_TRUE(store().unclaimed_triggers(clock_.now(), 10).empty());
}

}  // namespace
}  // namespace penstock::store
