// What becomes of a trigger whose push's changed paths cannot be found out. Pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/retry.h"

namespace penstock::trigger {

struct PathsPolicy {
  BackoffPolicy backoff{std::chrono::seconds(2), std::chrono::minutes(5)};
  // Counted from the trigger's creation.
  std::chrono::milliseconds timeout{std::chrono::minutes(30)};
  enum class WhenUnknown { kStart, kFail };
  WhenUnknown when_unknown = WhenUnknown::kStart;
};

// What the reason of Step::kStart begins with.
inline constexpr std::string_view kStartedAlthough = "started although ";

struct PathsFailure {
  enum class Step {
    kRetry,
    kStart,  // without knowing
    kFail,
  };
  Step step = Step::kRetry;
  std::chrono::milliseconds delay{0};  // kRetry; the last attempt is due at the time-out
  std::string reason;                  // for the trigger
};

// Waits for nearly everything: servers come back, and people renew credentials and repair addresses. Only what the push
// itself has wrong (kInvalidInput: malformed objects or ids) is the same at every attempt. `attempt` counts the failed
// ones, this included.
PathsFailure judge_paths_failure(const PathsPolicy& policy, const Error& error, int attempt,
                                 std::chrono::milliseconds age, double random_unit);

}  // namespace penstock::trigger
