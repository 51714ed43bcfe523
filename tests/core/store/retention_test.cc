#include "core/store/retention.h"

#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

class Retention : public StoreTest {
 protected:
  std::int64_t count(const char* sql) {
    return Connection(path(), Connection::Mode::kReadOnly, 1s).query_integer(sql).value();
  }
  Job add_job(JobState state, std::optional<std::string> delivery_id = std::nullopt) {
    Job job;
    job.id = make_uuid_v7(clock_);
    job.job_id = make_uuid_v4();
    job.claimed_at = clock_.now();
    job.state = state;
    job.delivery_id = std::move(delivery_id);
    store().journal_job(job);
    return job;
  }
};

TEST_F(Retention, DeletesWhatIsOlderAndNothingElse) {
  std::string old = store().record_delivery(delivery()).id;
  clock_.advance(1h);
  Timestamp before = clock_.now();
  std::string young = store().record_delivery(delivery()).id;
  EXPECT_EQ(store().prune(before, 100), 1);
  EXPECT_EQ(store().prune(before, 100), 0);
  EXPECT_FALSE(store().find_delivery(old));
  EXPECT_TRUE(store().find_delivery(young));
}

TEST_F(Retention, ForgetsASetOfWebhooksWithTheLastDeliveryThatItJudged) {
  NewDelivery old = delivery();
  old.webhook_set = make_webhook_set({"a", "b"});
  store().record_delivery(old);
  clock_.advance(1h);
  NewDelivery same = delivery();
  same.webhook_set = make_webhook_set({"a", "b"});
  store().record_delivery(same);
  EXPECT_EQ(count("SELECT count(*) FROM webhook_sets"), 1);
  EXPECT_EQ(store().prune(clock_.now(), 100), 1);
  EXPECT_EQ(store().find_delivery(same.id)->judged_webhooks, (std::vector<std::string>{"a", "b"}));
  clock_.advance(1h);
  EXPECT_EQ(store().prune(clock_.now(), 100), 1);
  EXPECT_EQ(count("SELECT count(*) FROM webhook_sets"), 0);
  EXPECT_EQ(count("SELECT count(*) FROM webhook_set_names"), 0);
}

TEST_F(Retention, SparesWhatIsUnfinished) {
  std::string pending = store().record_delivery(delivery({make_trigger("push-1")})).id;
  RecordedDelivery watched = store().record_delivery(delivery({make_trigger("push-2")}));
  store().mark_trigger_started(watched.trigger_ids[0], "e1", clock_.now(), clock_.now() + 1h);
  std::string with_job = store().record_delivery(delivery()).id;
  Job running = add_job(JobState::kRunning, with_job);
  Job finished = add_job(JobState::kFailed);
  clock_.advance(24h);
  EXPECT_EQ(store().prune(clock_.now(), 100), 1);
  EXPECT_FALSE(store().find_job(finished.id));
  EXPECT_TRUE(store().find_job(running.id));
  for (const auto& id : {pending, watched.id, with_job}) EXPECT_TRUE(store().find_delivery(id));

  store().mark_trigger_ended(store().find_delivery(pending)->triggers[0].id, TriggerState::kFailed, "");
  store().clear_unclaimed_deadline(watched.trigger_ids[0], "");
  running.state = JobState::kLost;
  store().update_job(running);
  EXPECT_EQ(store().prune(clock_.now(), 100), 4);
}

TEST_F(Retention, LeavesNothingBehind) {
  for (int i = 0; i < 120; ++i) {
    RecordedDelivery recorded = store().record_delivery(delivery({make_trigger("push-" + std::to_string(i))}));
    store().mark_trigger_ended(recorded.trigger_ids[0], TriggerState::kSkipped, "");
  }
  Job job = add_job(JobState::kSucceeded);
  std::vector<LogLine> lines(3000, LogLine{.text = "line"});
  for (int i = 0; i < 4; ++i) store().append_job_log(job.id, lines);
  clock_.advance(60 * 24h);
  EXPECT_EQ(store().prune(clock_.now(), 70), 70);
  EXPECT_EQ(store().prune(clock_.now(), 1000), 51);
  for (const char* table : {"deliveries", "delivery_contents", "postings", "delivery_texts", "terms", "triggers",
                            "jobs", "job_log", "retired_notifications", "retired_triggers"}) {
    EXPECT_EQ(count(("SELECT count(*) FROM " + std::string(table)).c_str()), 0) << table;
  }
}

}  // namespace
}  // namespace penstock::store
