// Of the metrics of the process.
#include <ctime>

#include <gtest/gtest.h>

#include "core/telemetry/metrics.h"

namespace penstock::telemetry {
namespace {

TEST(ProcessMetrics, AreOfThisProcess) {
  Metrics metrics;
  auto watches = watch_process(metrics);
  std::string text = metrics.expose();
  auto value = [&](const std::string& name) {
    std::size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1.0 : std::strtod(text.c_str() + at + name.size() + 2, nullptr);
  };
  EXPECT_GT(value("process_resident_memory_bytes"), 1e6) << text;
  EXPECT_GE(value("process_open_fds"), 3) << text;
  EXPECT_GT(value("process_max_fds"), value("process_open_fds")) << text;
  EXPECT_GE(value("process_cpu_seconds_total"), 0) << text;
  const double now = static_cast<double>(::time(nullptr));
  EXPECT_NEAR(value("process_start_time_seconds"), now, 600) << text;
}

}  // namespace
}  // namespace penstock::telemetry
