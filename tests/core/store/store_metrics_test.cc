#include "core/store/store_metrics.h"

#include "core/base/text.h"
#include "tests/core/store/failing_vfs.h"
#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

TEST(StoreMetrics, CountWhatWasStoredAndWhatWasNot) {
  FailingVfs disk;
  TemporaryDirectory folder(fast_folder());
  testing::FakeClock clock;
  telemetry::Metrics metrics;
  Store::Options options = store_options(folder.path() / "history.db");
  options.metrics = &metrics;
  options.retry_interval = 1h;
  {
    Store store(options, clock);
    store.record_delivery(make_delivery(clock, {make_trigger("push-1")}));
    store.record_delivery(make_delivery(clock, {make_trigger("push-1")}));
    store.record_delivery(make_delivery(clock));
    disk.arm(FailingVfs::kDiskFull, 1);
    EXPECT_EQ(error_of([&] { store.record_delivery(make_delivery(clock)); }).kind(), ErrorKind::kExhausted);
    disk.heal();
    const std::string text = "\n" + metrics.expose();
    for (const char* line :
         {"penstock_deliveries_total{outcome=\"triggered\"} 1", "penstock_deliveries_total{outcome=\"duplicate\"} 1",
          "penstock_deliveries_total{outcome=\"filtered\"} 1", "penstock_store_writes_total 3",
          "penstock_store_failed_writes_total 1", "penstock_store_failed_commits_total{cause=\"exhausted\"} 1",
          "penstock_store_group_writes_bucket{le=\"1\"} 3", "penstock_store_commit_seconds_count 3",
          "penstock_store_writable 0", "penstock_store_waiting_writes 0"}) {
      EXPECT_NE(text.find("\n" + std::string(line) + "\n"), std::string::npos) << line << text;
    }
    store.check_writable();
    EXPECT_NE(metrics.expose().find("\npenstock_store_writable 1\n"), std::string::npos);
  }
  // Nobody asks a store that is gone.
  EXPECT_EQ(metrics.expose().find("penstock_store_writable"), std::string::npos);
}

std::string value_of(const telemetry::Metrics& metrics, const std::string& series) {
  const std::string text = "\n" + metrics.expose();
  const std::size_t begin = text.find("\n" + series + " ");
  if (begin == std::string::npos) return "absent";
  const std::size_t value = begin + series.size() + 2;
  return text.substr(value, text.find('\n', value) - value);
}

TEST(StoreMetrics, TellHowManyTriggersWaitAndForHowLong) {
  TemporaryDirectory folder(fast_folder());
  testing::FakeClock clock;
  telemetry::Metrics metrics;
  Store::Options options = store_options(folder.path() / "history.db");
  options.metrics = &metrics;
  Store store(options, clock);
  const auto first = store.record_delivery(make_delivery(clock, {make_trigger("push-1")})).trigger_ids.at(0);
  clock.advance(20s);
  const auto second = store.record_delivery(make_delivery(clock, {make_trigger("push-2")})).trigger_ids.at(0);
  const auto third = store.record_delivery(make_delivery(clock, {make_trigger("push-3")})).trigger_ids.at(0);
  store.defer_trigger(second, clock.now() + 1h, "closed");
  store.mark_trigger_ended(third, TriggerState::kSkipped, "closed");
  clock.advance(10s);
  EXPECT_EQ(value_of(metrics, "penstock_triggers{state=\"pending\"}"), "1");
  EXPECT_EQ(value_of(metrics, "penstock_triggers{state=\"deferred\"}"), "1");
  EXPECT_EQ(value_of(metrics, "penstock_oldest_trigger_age_seconds{state=\"pending\"}"), "30");
  EXPECT_EQ(value_of(metrics, "penstock_oldest_trigger_age_seconds{state=\"deferred\"}"), "10");

  store.mark_trigger_ended(first, TriggerState::kSkipped, "not wanted");
  const std::vector<TriggerBacklog> backlog = store.trigger_backlog();
  ASSERT_EQ(backlog.size(), 2u);
  EXPECT_EQ(backlog[0].state, "pending");
  EXPECT_EQ(backlog[0].count, 0u);
  EXPECT_EQ(backlog[0].oldest, std::nullopt);
  EXPECT_EQ(backlog[1].count, 1u);
}

TEST(StoreMetrics, TheBacklogOfAnUnreadableHistoryIsNoNumber) {
  testing::FakeClock clock;
  telemetry::Metrics metrics;
  const auto watches = watch_backlog(
      metrics,
      std::make_shared<BacklogReading>(
          []() -> std::vector<TriggerBacklog> { throw Error(ErrorKind::kTimeout, "all readers are busy"); }, clock));
  EXPECT_EQ(to_lower(value_of(metrics, "penstock_triggers{state=\"pending\"}")), "nan");
}

}  // namespace
}  // namespace penstock::store
