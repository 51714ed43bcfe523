#include "core/store/statistics.h"

#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

class Statistics : public StoreTest {
 protected:
  void add_job(JobState state, const std::string& delivery_id, std::chrono::milliseconds took,
               const std::string& artifact = "key") {
    Job job;
    job.job_id = make_uuid_v4();
    job.nonce = "1";
    job.action_type = "Source/Custom/AzureDevOpsRepo/1";
    job.delivery_id = delivery_id;
    job.claimed_at = clock_.now();
    job.id = store().journal_job(job);
    job.state = state;
    job.artifact_key = artifact;
    job.finished_at = clock_.now() + took;
    store().update_job(job);
  }
};

TEST_F(Statistics, CountWhatLiesInTheSpan) {
  const Timestamp begin = clock_.now();
  store().record_delivery(delivery());
  const RecordedDelivery first = store().record_delivery(delivery({make_trigger("1"), make_trigger("1", "other")}));
  store().mark_trigger_ended(first.trigger_ids.at(0), TriggerState::kFailed, "no such pipeline");
  add_job(JobState::kSucceeded, first.id, 2s);
  add_job(JobState::kFailed, first.id, 1s);
  clock_.advance(1h);
  store().record_delivery(delivery());
  add_job(JobState::kLost, first.id, 1s);

  const HistoryCounts counts = store().count_history(begin, begin + 1h);
  EXPECT_TRUE(counts.complete);
  EXPECT_EQ(counts.of(Outcome::kFiltered), 1u);
  EXPECT_EQ(counts.of(Outcome::kTriggered), 1u);
  EXPECT_EQ(counts.all_deliveries(), 2u);
  EXPECT_EQ(counts.of(TriggerState::kFailed), 1u);
  EXPECT_EQ(counts.of(TriggerState::kPending), 1u);
  EXPECT_EQ(counts.of(JobState::kSucceeded), 1u);
  EXPECT_EQ(counts.of(JobState::kFailed), 1u);
  EXPECT_EQ(counts.of(JobState::kLost), 0u);
  EXPECT_EQ(counts.push_to_artifact.count(), 1u);
  EXPECT_NEAR(*counts.push_to_artifact.quantile(0.5), 2.0, 0.2);

  HistoryCounts all = counts;
  all.add(store().count_history(begin + 1h, begin + 2h));
  EXPECT_EQ(all.all_deliveries(), 3u);
  EXPECT_EQ(all.of(JobState::kLost), 1u);
  EXPECT_EQ(store().count_history(begin + 2h, begin + 3h).all_deliveries(), 0u);
}

TEST_F(Statistics, MeasureOnlyJobsThatMadeAnArtifact) {
  const RecordedDelivery first = store().record_delivery(delivery({make_trigger("1")}));
  add_job(JobState::kSucceeded, first.id, 2s, "");
  EXPECT_EQ(store().count_history(clock_.now(), clock_.now() + 1h).push_to_artifact.count(), 0u);
}

TEST(DurationCounts, GiveQuantilesToFivePercent) {
  DurationCounts counts;
  EXPECT_FALSE(counts.quantile(0.5));
  for (int i = 1; i <= 1000; ++i) counts.add(i * 0.1);
  EXPECT_NEAR(*counts.quantile(0.5), 50, 2.5);
  EXPECT_NEAR(*counts.quantile(0.95), 95, 5);
}

TEST(DurationCounts, TakeAnyTime) {
  DurationCounts counts;
  for (const double seconds : {-1.0, 0.0, 1e-9, 1e300}) counts.add(seconds);
  EXPECT_EQ(counts.count(), 4u);
  EXPECT_TRUE(counts.quantile(1.0));
  EXPECT_TRUE(counts.quantile(0.0));
}

}  // namespace
}  // namespace penstock::store
