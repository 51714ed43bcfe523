// How much happened in a span of time, and how long it took.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/base/time.h"
#include "core/store/records.h"

namespace penstock::store {

class Connection;

// How often something took how long, in steps of a tenth: quantiles are true to 5 %.
class DurationCounts {
 public:
  void add(double seconds) noexcept;
  void add(const DurationCounts& other) noexcept;
  std::uint64_t count() const noexcept { return count_; }
  // The time that `fraction` of all took at most, in seconds; nothing when there was none.
  std::optional<double> quantile(double fraction) const noexcept;

 private:
  static constexpr std::size_t kSteps = 180;  // from 10 ms to three days
  std::array<std::uint32_t, kSteps> steps_{};
  std::uint64_t count_ = 0;
};

struct HistoryCounts {
  std::array<std::uint64_t, 7> deliveries{};  // by Outcome
  std::array<std::uint64_t, 6> triggers{};    // by TriggerState
  std::array<std::uint64_t, 7> jobs{};        // by JobState
  // From the receipt of a push to its artifact in S3: of jobs that made one and know their delivery.
  DurationCounts push_to_artifact;
  bool complete = true;  // false when there was more than is counted at once

  void add(const HistoryCounts& other) noexcept;
  std::uint64_t of(Outcome outcome) const noexcept { return deliveries[static_cast<std::size_t>(outcome)]; }
  std::uint64_t of(TriggerState state) const noexcept { return triggers[static_cast<std::size_t>(state)]; }
  std::uint64_t of(JobState state) const noexcept { return jobs[static_cast<std::size_t>(state)]; }
  std::uint64_t all_deliveries() const noexcept;
};

// Of each kind at most so many are looked at in one call.
constexpr int kMaxCounted = 100'000;

// What was received or claimed in [from, until). Reads what lies in the span, and besides it as much as the clock has
// ever jumped.
HistoryCounts count_history(Connection& connection, Timestamp from, Timestamp until);

}  // namespace penstock::store
