#include "core/store/store_metrics.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <string>

namespace penstock::store {
namespace {

constexpr auto kReadingLife = std::chrono::seconds(1);
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

StoreMetrics::StoreMetrics(telemetry::Metrics& metrics)
    : commit_seconds_(metrics.histogram("penstock_store_commit_seconds",
                                        "How long a transaction took, from its beginning until it was on disk.",
                                        telemetry::latency_bounds())),
      group_writes_(metrics.histogram("penstock_store_group_writes", "How many writes shared a transaction.",
                                      {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024})) {
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    deliveries_[i] = &metrics.counter("penstock_deliveries_total", "Deliveries that were stored.",
                                      {{"outcome", std::string(to_string(static_cast<Outcome>(i)))}});
  }
  for (std::size_t i = 0; i < kKinds; ++i) {
    failed_commits_[i] = &metrics.counter("penstock_store_failed_commits_total", "Transactions that failed as a whole.",
                                          {{"cause", std::string(to_string(static_cast<ErrorKind>(i)))}});
  }
}

void StoreMetrics::note_group(std::size_t writes, std::chrono::steady_clock::duration took,
                              const Error* failure) noexcept {
  if (failure) {
    failed_commits_[static_cast<std::size_t>(failure->kind())]->add();
  } else if (writes > 0) {
    commit_seconds_.observe(std::chrono::duration<double>(took).count());
    group_writes_.observe(static_cast<double>(writes));
  }
}

const TriggerBacklog* BacklogReading::find(std::string_view state) noexcept {
  const auto now = std::chrono::steady_clock::now();
  if (!read_at_ || now - *read_at_ > kReadingLife) {
    try {
      last_ = read_();
    } catch (const std::exception&) {  // why, is told where writing fails
      last_.clear();
    }
    read_at_ = std::chrono::steady_clock::now();
  }
  const auto found =
      std::find_if(last_.begin(), last_.end(), [&](const TriggerBacklog& entry) { return entry.state == state; });
  return found == last_.end() ? nullptr : &*found;
}

double BacklogReading::count(std::string_view state) noexcept {
  std::lock_guard lock(mutex_);
  const TriggerBacklog* const entry = find(state);
  return entry != nullptr ? static_cast<double>(entry->count) : kUnknown;
}

double BacklogReading::oldest_age_seconds(std::string_view state) noexcept {
  std::lock_guard lock(mutex_);
  const TriggerBacklog* const entry = find(state);
  if (entry == nullptr) return kUnknown;
  if (!entry->oldest) return 0;
  return std::max(0.0, std::chrono::duration<double>(clock_.now() - *entry->oldest).count());
}

std::vector<telemetry::Metrics::Watch> watch_backlog(telemetry::Metrics& metrics,
                                                     const std::shared_ptr<BacklogReading>& reading) {
  constexpr auto kGauge = telemetry::Metrics::Kind::kGauge;
  std::vector<telemetry::Metrics::Watch> watches;
  for (const TriggerState state : {TriggerState::kPending, TriggerState::kDeferred}) {
    const std::string_view name = to_string(state);
    watches.push_back(metrics.watch(kGauge, "penstock_triggers", "Triggers that wait, by what they are.",
                                    [reading, name] { return reading->count(name); }, {{"state", std::string(name)}}));
    watches.push_back(metrics.watch(kGauge, "penstock_oldest_trigger_age_seconds",
                                    "How long ago the oldest trigger that waits was made; 0 when none waits.",
                                    [reading, name] { return reading->oldest_age_seconds(name); },
                                    {{"state", std::string(name)}}));
  }
  return watches;
}

}  // namespace penstock::store
