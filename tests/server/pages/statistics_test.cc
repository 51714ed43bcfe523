#include "server/pages/statistics.h"

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/pages/charts.h"
#include "server/pages/overview_page.h"
#include "tests/support/fake_clock.h"

namespace penstock::server::pages {
namespace {

using std::chrono::hours;

struct Counted {
  store::HistoryCounts operator()(Timestamp from, Timestamp until) {
    EXPECT_EQ(until - from, hours(1));
    asked.push_back(from);
    store::HistoryCounts counts;
    counts.deliveries[0] = 1;
    return counts;
  }
  std::vector<Timestamp> asked;
};

TEST(Statistics, CountEachHourOnce) {
  penstock::testing::FakeClock clock;
  Counted counted;
  Statistics statistics(std::ref(counted), clock);
  const Series series = statistics.load(hours(1), 24);
  ASSERT_EQ(series.columns.size(), 24u);
  EXPECT_TRUE(series.complete);
  EXPECT_EQ(series.total.all_deliveries(), 24u);
  EXPECT_EQ(series.columns.back().begin, std::chrono::floor<hours>(clock.now()));
  EXPECT_EQ(counted.asked.size(), 24u);
  statistics.load(hours(1), 24);
  EXPECT_EQ(counted.asked.size(), 24u) << "nothing is counted again at once";
  clock.advance(std::chrono::seconds(4));
  statistics.load(hours(1), 24);
  EXPECT_EQ(counted.asked.size(), 25u) << "the hour that goes on is";
}

TEST(Statistics, JoinHoursInColumnsThatDoNotMove) {
  penstock::testing::FakeClock clock;
  Counted counted;
  Statistics statistics(std::ref(counted), clock);
  const Series series = statistics.load(hours(6), 4);
  ASSERT_EQ(series.columns.size(), 4u);
  EXPECT_EQ(series.columns[0].counts.all_deliveries(), 6u);
  EXPECT_EQ(series.columns[0].begin.time_since_epoch().count() % (6 * 3'600'000), 0);
}

TEST(Overview, StandsWithNothingToShow) {
  penstock::testing::FakeClock clock;
  Statistics statistics([](Timestamp, Timestamp) { return store::HistoryCounts(); }, clock);
  for (const char* name : {"24h", "7d", "30d", "nothing"}) {
    OverviewView view{.period = &find_period(name), .now = clock.now()};
    view.series = statistics.load(view.period->width, view.period->columns);
    const std::string html = show_overview(view).body;
    EXPECT_EQ(html.find("nan"), std::string::npos);
    EXPECT_EQ(html.find("inf"), std::string::npos);
  }
}

TEST(Axis, EndsAtReadableNumbers) {
  EXPECT_EQ(round_up_for_axis(0), 1);
  EXPECT_EQ(round_up_for_axis(1), 1);
  EXPECT_EQ(round_up_for_axis(1.2), 2);
  EXPECT_EQ(round_up_for_axis(37), 50);
  EXPECT_EQ(round_up_for_axis(999), 1000);
  EXPECT_EQ(round_up_for_axis(1e300 * 1e300), 1);
}

}  // namespace
}  // namespace penstock::server::pages
