// Numbers about the running program for GET /metrics (Prometheus text format).
//
// Whoever counts asks for its counters, gauges and histograms once, at its construction, and keeps the references: they
// are valid as long as the Metrics. What is known elsewhere already is read when somebody asks for it: watch().
// Names: penstock_…, with the unit, counters with _total. Labels only with few values that are known beforehand;
// nothing that a stranger chooses.
//
// Thread-safe. Counting takes no lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::telemetry {

class Counter {
 public:
  void add(std::uint64_t by = 1) noexcept { value_.fetch_add(by, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void add(double by) noexcept { value_.fetch_add(by, std::memory_order_relaxed); }
  double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class Histogram {
 public:
  // Upper bounds, rising; what is above the last counts too.
  explicit Histogram(std::vector<double> bounds);
  void observe(double value) noexcept;

  struct Snapshot {
    std::vector<double> bounds;
    std::vector<std::uint64_t> counts;  // of each bucket alone, and of what is above the last
    double sum = 0;
  };
  Snapshot snapshot() const;

 private:
  const std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
  std::atomic<double> sum_{0};
};

// 100 microseconds to 10 seconds, three a decade.
std::vector<double> latency_bounds();

class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The same name and labels are the same object. Error{kInternal} for what is no name, and when the name was used for
  // something of another kind.
  Counter& counter(const std::string& name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, std::string_view help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, std::string_view help, std::vector<double> bounds,
                       const Labels& labels = {});

  // Ends with its destruction, which waits while somebody is reading. Must not outlive the Metrics.
  class Watch {
   public:
    Watch() = default;
    Watch(Watch&& other) noexcept;
    Watch& operator=(Watch&& other) noexcept;
    ~Watch();

   private:
    friend class Metrics;
    Watch(Metrics* metrics, std::uint64_t number) : metrics_(metrics), number_(number) {}
    Metrics* metrics_ = nullptr;
    std::uint64_t number_ = 0;
  };
  enum class Kind { kCounter, kGauge };
  // `read` is called for each expose(), on its thread; it must be quick, must not throw and must not use the Metrics.
  [[nodiscard]] Watch watch(Kind kind, const std::string& name, std::string_view help, std::function<double()> read,
                            const Labels& labels = {});

  // What Prometheus reads, as kContentType.
  std::string expose() const;
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

// The process's CPU time, memory, file descriptors and start, under the names that Prometheus' own libraries give them.
[[nodiscard]] std::vector<Metrics::Watch> watch_process(Metrics& metrics);

}  // namespace penstock::telemetry
