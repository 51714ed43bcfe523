#include "core/telemetry/metrics.h"

#include <thread>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::telemetry {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, ShowsWhatWasCounted) {
  Metrics metrics;
  metrics.counter("penstock_things_total", "Things.", {{"kind", "a"}}).add();
  metrics.counter("penstock_things_total", "Things.", {{"kind", "b"}}).add(41);
  metrics.counter("penstock_things_total", "Things.", {{"kind", "b"}}).add();
  metrics.gauge("penstock_level", "A level.").set(-1.5);
  metrics.gauge("penstock_level", "A level.").add(0.5);
  std::string text = metrics.expose();
  EXPECT_TRUE(has_line(text, "# HELP penstock_things_total Things.")) << text;
  EXPECT_TRUE(has_line(text, "# TYPE penstock_things_total counter")) << text;
  EXPECT_TRUE(has_line(text, "penstock_things_total{kind=\"a\"} 1")) << text;
  EXPECT_TRUE(has_line(text, "penstock_things_total{kind=\"b\"} 42")) << text;
  EXPECT_TRUE(has_line(text, "# TYPE penstock_level gauge")) << text;
  EXPECT_TRUE(has_line(text, "penstock_level -1")) << text;
}

TEST(Metrics, EscapesLabels) {
  Metrics metrics;
  metrics.counter("penstock_things_total", "Things.", {{"kind", "a\"b\\c\nd"}}).add();
  EXPECT_TRUE(has_line(metrics.expose(), R"(penstock_things_total{kind="a\"b\\c\nd"} 1)")) << metrics.expose();
}

TEST(Metrics, HistogramsAreCumulativeAndIncludeTheirBounds) {
  Metrics metrics;
  Histogram& histogram = metrics.histogram("penstock_wait_seconds", "Waiting.", {0.5, 1});
  for (double value : {0.25, 0.5, 0.75, 2.0}) histogram.observe(value);
  std::string text = metrics.expose();
  EXPECT_TRUE(has_line(text, "penstock_wait_seconds_bucket{le=\"0.5\"} 2")) << text;
  EXPECT_TRUE(has_line(text, "penstock_wait_seconds_bucket{le=\"1\"} 3")) << text;
  EXPECT_TRUE(has_line(text, "penstock_wait_seconds_bucket{le=\"+Inf\"} 4")) << text;
  EXPECT_TRUE(has_line(text, "penstock_wait_seconds_count 4")) << text;
  EXPECT_TRUE(has_line(text, "penstock_wait_seconds_sum 3.5")) << text;
}

TEST(Metrics, ReadsWhatIsWatchedWhenAskedAndNoLonger) {
  Metrics metrics;
  int level = 7;
  Metrics::Watch kept;
  {
    Metrics::Watch watch =
        metrics.watch(Metrics::Kind::kGauge, "penstock_level", "A level.", [&] { return level; }, {{"of", "x"}});
    kept = metrics.watch(Metrics::Kind::kGauge, "penstock_level", "A level.", [&] { return 2 * level; }, {{"of", "y"}});
    level = 8;
    std::string text = metrics.expose();
    EXPECT_TRUE(has_line(text, "penstock_level{of=\"x\"} 8")) << text;
    EXPECT_TRUE(has_line(text, "penstock_level{of=\"y\"} 16")) << text;
    EXPECT_THROW(
        static_cast<void>(metrics.watch(Metrics::Kind::kGauge, "penstock_level", "", [] { return 0; }, {{"of", "x"}})),
        Error);
  }
  std::string text = metrics.expose();
  EXPECT_EQ(text.find("of=\"x\""), std::string::npos) << text;
  EXPECT_TRUE(has_line(text, "penstock_level{of=\"y\"} 16")) << text;
  kept = {};
  EXPECT_EQ(metrics.expose().find("penstock_level"), std::string::npos) << metrics.expose();
}

TEST(Metrics, RefusesWhatIsNoNameOrOfAnotherKind) {
  Metrics metrics;
  metrics.counter("penstock_things_total", "Things.");
  EXPECT_THROW(metrics.gauge("penstock_things_total", "Things."), Error);
  EXPECT_THROW(metrics.counter("penstock things", "Things."), Error);
  EXPECT_THROW(metrics.counter("", "Things."), Error);
  EXPECT_THROW(metrics.counter("penstock_x", "X.", {{"a-b", "c"}}), Error);
}

TEST(Metrics, LosesNothingBetweenThreads) {
  Metrics metrics;
  Counter& counter = metrics.counter("penstock_things_total", "Things.");
  Histogram& histogram = metrics.histogram("penstock_sizes", "Sizes.", {1, 2, 4});
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int i = 0; i < 10'000; ++i) {
          counter.add();
          histogram.observe(i % 6);
          if (i % 1000 == 0) metrics.expose();
        }
      });
    }
  }
  EXPECT_EQ(counter.value(), 40'000u);
  EXPECT_TRUE(has_line(metrics.expose(), "penstock_sizes_count 40000")) << metrics.expose();
}

}  // namespace
}  // namespace penstock::telemetry
