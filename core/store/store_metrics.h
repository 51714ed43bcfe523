// What the store counts for GET /metrics, beyond what Stats tells.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/base/error.h"
#include "core/store/records.h"
#include "core/telemetry/metrics.h"

namespace penstock::store {

class StoreMetrics {
 public:
  explicit StoreMetrics(telemetry::Metrics& metrics);

  // Once a transaction has ended.
  void note_group(std::size_t writes, std::chrono::steady_clock::duration took, const Error* failure) noexcept;
  void note_recorded(Outcome outcome) noexcept { deliveries_[static_cast<std::size_t>(outcome)]->add(); }

 private:
  static constexpr std::size_t kOutcomes = 7;
  static constexpr std::size_t kKinds = static_cast<std::size_t>(ErrorKind::kInternal) + 1;
  std::array<telemetry::Counter*, kOutcomes> deliveries_;
  std::array<telemetry::Counter*, kKinds> failed_commits_;
  telemetry::Histogram& commit_seconds_;
  telemetry::Histogram& group_writes_;
};

// The backlog of triggers as last read: one reading serves the several numbers that are asked for together. Not a
// number while the history cannot be read. Thread-safe.
class BacklogReading {
 public:
  using Read = std::function<std::vector<TriggerBacklog>()>;
  BacklogReading(Read read, const Clock& clock) : read_(std::move(read)), clock_(clock) {}

  double count(std::string_view state) noexcept;
  double oldest_age_seconds(std::string_view state) noexcept;  // 0 when there is none

 private:
  // Null when it cannot be read. The mutex must be held.
  const TriggerBacklog* find(std::string_view state) noexcept;

  const Read read_;
  const Clock& clock_;
  std::mutex mutex_;  // guards the rest
  std::vector<TriggerBacklog> last_;
  std::optional<std::chrono::steady_clock::time_point> read_at_;
};

// penstock_triggers and penstock_oldest_trigger_age_seconds, for each state in which a trigger waits.
[[nodiscard]] std::vector<telemetry::Metrics::Watch> watch_backlog(telemetry::Metrics& metrics,
                                                                   const std::shared_ptr<BacklogReading>& reading);

}  // namespace penstock::store
