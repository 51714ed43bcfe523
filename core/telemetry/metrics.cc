#include "core/telemetry/metrics.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <sstream>
#include <utility>
#include <variant>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::telemetry {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

struct Reader {
  std::function<double()> read;
  std::uint64_t number;
};
using Series = std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>, Reader>;

struct Family {
  std::string help;
  MetricType type = MetricType::Untyped;
  std::map<Metrics::Labels, Series> series;
};

bool is_name(std::string_view name) {
  auto begins = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && begins(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return begins(c) || (c >= '0' && c <= '9'); });
}

void read_into(ClientMetric& metric, const Series& series, MetricType type) {
  if (const auto* counter = std::get_if<std::unique_ptr<Counter>>(&series)) {
    metric.counter.value = static_cast<double>((*counter)->value());
  } else if (const auto* gauge = std::get_if<std::unique_ptr<Gauge>>(&series)) {
    metric.gauge.value = (*gauge)->value();
  } else if (const auto* histogram = std::get_if<std::unique_ptr<Histogram>>(&series)) {
    const Histogram::Snapshot snapshot = (*histogram)->snapshot();
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < snapshot.bounds.size(); ++i) {
      total += snapshot.counts[i];
      metric.histogram.bucket.push_back({.cumulative_count = total, .upper_bound = snapshot.bounds[i]});
    }
    metric.histogram.sample_count = total + snapshot.counts.back();
    metric.histogram.sample_sum = snapshot.sum;
  } else {
    const double value = std::get<Reader>(series).read();
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  }
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds_.size() + 1)) {}

void Histogram::observe(double value) noexcept {
  auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot snapshot{.bounds = bounds_, .counts = {}, .sum = sum_.load(std::memory_order_relaxed)};
  for (std::size_t i = 0; i <= bounds_.size(); ++i)
    snapshot.counts.push_back(counts_[i].load(std::memory_order_relaxed));
  return snapshot;
}

std::vector<double> latency_bounds() {
  return {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
}

struct Metrics::Impl {
  mutable std::mutex mutex;  // guards the rest; held while readers are called
  std::map<std::string, Family> families;
  std::uint64_t last_number = 0;

  Family& family(const std::string& name, std::string_view help, MetricType type, const Labels& labels) {
    if (!is_name(name)) throw Error(ErrorKind::kInternal, "making metric " + in_quotes(name) + ": this is no name");
    for (const auto& label : labels)
      if (!is_name(label.first))
        throw Error(ErrorKind::kInternal, "making metric " + in_quotes(name) + ": label " + in_quotes(label.first));
    auto [entry, is_new] = families.try_emplace(name);
    if (is_new) entry->second = Family{.help = std::string(help), .type = type, .series = {}};
    if (entry->second.type != type)
      throw Error(ErrorKind::kInternal, "making metric " + in_quotes(name) + ": it is of another kind already");
    return entry->second;
  }

  template <typename T, typename... Arguments>
  T& get(const std::string& name, std::string_view help, MetricType type, const Labels& labels,
         Arguments&&... arguments) {
    std::lock_guard lock(mutex);
    Family& owner = family(name, help, type, labels);
    auto found = owner.series.find(labels);
    if (found == owner.series.end())
      found = owner.series.emplace(labels, std::make_unique<T>(std::forward<Arguments>(arguments)...)).first;
    auto* series = std::get_if<std::unique_ptr<T>>(&found->second);
    if (!series) throw Error(ErrorKind::kInternal, "making metric " + in_quotes(name) + ": it is watched already");
    return **series;
  }

  void forget(std::uint64_t number) {
    std::lock_guard lock(mutex);
    for (auto family = families.begin(); family != families.end(); ++family) {
      auto& series = family->second.series;
      auto found = std::find_if(series.begin(), series.end(), [&](const auto& entry) {
        const auto* reader = std::get_if<Reader>(&entry.second);
        return reader && reader->number == number;
      });
      if (found == series.end()) continue;
      series.erase(found);
      if (series.empty()) families.erase(family);
      return;
    }
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(const std::string& name, std::string_view help, const Labels& labels) {
  return impl_->get<Counter>(name, help, MetricType::Counter, labels);
}
Gauge& Metrics::gauge(const std::string& name, std::string_view help, const Labels& labels) {
  return impl_->get<Gauge>(name, help, MetricType::Gauge, labels);
}
Histogram& Metrics::histogram(const std::string& name, std::string_view help, std::vector<double> bounds,
                              const Labels& labels) {
  return impl_->get<Histogram>(name, help, MetricType::Histogram, labels, std::move(bounds));
}

Metrics::Watch Metrics::watch(Kind kind, const std::string& name, std::string_view help, std::function<double()> read,
                              const Labels& labels) {
  std::lock_guard lock(impl_->mutex);
  Family& owner = impl_->family(name, help, kind == Kind::kCounter ? MetricType::Counter : MetricType::Gauge, labels);
  const std::uint64_t number = ++impl_->last_number;
  if (!owner.series.emplace(labels, Reader{std::move(read), number}).second)
    throw Error(ErrorKind::kInternal, "watching metric " + in_quotes(name) + ": it exists already");
  return Watch(this, number);
}

Metrics::Watch::Watch(Watch&& other) noexcept
    : metrics_(std::exchange(other.metrics_, nullptr)), number_(other.number_) {}
Metrics::Watch& Metrics::Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    if (metrics_) metrics_->impl_->forget(number_);
    metrics_ = std::exchange(other.metrics_, nullptr);
    number_ = other.number_;
  }
  return *this;
}
Metrics::Watch::~Watch() {
  if (metrics_) metrics_->impl_->forget(number_);
}

std::string Metrics::expose() const {
  std::vector<MetricFamily> families;
  {
    std::lock_guard lock(impl_->mutex);
    for (const auto& [name, family] : impl_->families) {
      MetricFamily& out = families.emplace_back();
      out.name = name;
      out.help = family.help;
      out.type = family.type;
      for (const auto& [labels, series] : family.series) {
        ClientMetric& metric = out.metric.emplace_back();
        for (const auto& [label, value] : labels) metric.label.push_back({label, value});
        read_into(metric, series, family.type);
      }
    }
  }
  std::ostringstream text;
  text.imbue(std::locale::classic());
  prometheus::TextSerializer().Serialize(text, families);
  return std::move(text).str();
}

}  // namespace penstock::telemetry
