// What the store counts for GET /metrics, beyond what Stats tells.
#pragma once

#include <array>
#include <chrono>

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
  static constexpr std::size_t kOutcomes = 6;
  static constexpr std::size_t kKinds = static_cast<std::size_t>(ErrorKind::kInternal) + 1;
  std::array<telemetry::Counter*, kOutcomes> deliveries_;
  std::array<telemetry::Counter*, kKinds> failed_commits_;
  telemetry::Histogram& commit_seconds_;
  telemetry::Histogram& group_writes_;
};

}  // namespace penstock::store
