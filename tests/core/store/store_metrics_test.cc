#include "core/store/store_metrics.h"

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

}  // namespace
}  // namespace penstock::store
