#include <filesystem>
#include <fstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

#include "core/telemetry/metrics.h"

namespace penstock::telemetry {
namespace {

double cpu_seconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double size = 0;
  double resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double open_files() {
  std::error_code failure;
  double count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", failure), end; !failure && entry != end;
       entry.increment(failure))
    ++count;
  return count > 0 ? count - 1 : 0;  // without the one that looks
}

double most_files() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<double>(limit.rlim_cur) : 0;
}

// Seconds since 1970.
double start_time() {
  std::ifstream stat("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), std::istreambuf_iterator<char>());
  std::ifstream machine("/proc/stat");
  double boot = 0;
  for (std::string word; machine >> word;)
    if (word == "btime") {
      machine >> boot;
      break;
    }
  // The name in parentheses may hold anything; field 22 is the 20th after it.
  std::size_t at = text.rfind(')');
  for (int field = 0; field < 20 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  if (at == std::string::npos || boot == 0) return 0;
  return boot + std::strtod(text.c_str() + at, nullptr) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

std::vector<Metrics::Watch> watch_process(Metrics& metrics) {
  using Kind = Metrics::Kind;
  std::vector<Metrics::Watch> watches;
  watches.push_back(metrics.watch(Kind::kCounter, "process_cpu_seconds_total",
                                  "Total user and system CPU time spent in seconds.", cpu_seconds));
  watches.push_back(
      metrics.watch(Kind::kGauge, "process_resident_memory_bytes", "Resident memory size in bytes.", resident_bytes));
  watches.push_back(metrics.watch(Kind::kGauge, "process_open_fds", "Number of open file descriptors.", open_files));
  watches.push_back(
      metrics.watch(Kind::kGauge, "process_max_fds", "Maximum number of open file descriptors.", most_files));
  watches.push_back(metrics.watch(Kind::kGauge, "process_start_time_seconds",
                                  "Start time of the process since unix epoch in seconds.",
                                  [start = start_time()] { return start; }));
  return watches;
}

}  // namespace penstock::telemetry
