#include "core/store/records.h"

#include <array>
#include <utility>

namespace penstock::store {
namespace {

template <typename Enum, std::size_t N>
std::optional<Enum> parse(std::string_view text, const std::array<Enum, N>& values) noexcept {
  for (Enum value : values)
    if (to_string(value) == text) return value;
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::kTriggered:
      return "triggered";
    case Outcome::kFiltered:
      return "filtered";
    case Outcome::kDuplicate:
      return "duplicate";
    case Outcome::kTest:
      return "test";
    case Outcome::kIgnored:
      return "ignored";
    case Outcome::kRejected:
      return "rejected";
    case Outcome::kDryRun:
      return "dry-run";
  }
  return "";
}

std::string_view to_string(TriggerState state) noexcept {
  switch (state) {
    case TriggerState::kPending:
      return "pending";
    case TriggerState::kDeferred:
      return "deferred";
    case TriggerState::kStarted:
      return "started";
    case TriggerState::kSkipped:
      return "skipped";
    case TriggerState::kSuperseded:
      return "superseded";
    case TriggerState::kFailed:
      return "failed";
  }
  return "";
}

std::string_view to_string(JobState state) noexcept {
  switch (state) {
    case JobState::kClaimed:
      return "claimed";
    case JobState::kAcknowledged:
      return "acknowledged";
    case JobState::kRunning:
      return "running";
    case JobState::kReporting:
      return "reporting";
    case JobState::kSucceeded:
      return "succeeded";
    case JobState::kFailed:
      return "failed";
    case JobState::kLost:
      return "lost";
  }
  return "";
}

std::optional<Outcome> parse_outcome(std::string_view text) noexcept {
  return parse(text, std::array{Outcome::kTriggered, Outcome::kFiltered, Outcome::kDuplicate, Outcome::kTest,
                                Outcome::kIgnored, Outcome::kRejected, Outcome::kDryRun});
}

std::optional<TriggerState> parse_trigger_state(std::string_view text) noexcept {
  return parse(text, std::array{TriggerState::kPending, TriggerState::kDeferred, TriggerState::kStarted,
                                TriggerState::kSkipped, TriggerState::kSuperseded, TriggerState::kFailed});
}

std::optional<JobState> parse_job_state(std::string_view text) noexcept {
  return parse(text, std::array{JobState::kClaimed, JobState::kAcknowledged, JobState::kRunning, JobState::kReporting,
                                JobState::kSucceeded, JobState::kFailed, JobState::kLost});
}

}  // namespace penstock::store
