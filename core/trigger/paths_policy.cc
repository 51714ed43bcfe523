#include "core/trigger/paths_policy.h"

#include <algorithm>

namespace penstock::trigger {

PathsFailure judge_paths_failure(const PathsPolicy& policy, const Error& error, int attempt,
                                 std::chrono::milliseconds age, double random_unit) {
  using std::chrono::milliseconds;
  PathsFailure result;
  const bool hopeless = error.kind() == ErrorKind::kInvalidInput;
  // Being stopped says nothing about the repository: the next start of the program tries again.
  if (error.kind() == ErrorKind::kCancelled || (!hopeless && age < policy.timeout)) {
    result.delay = std::clamp(retry_delay(policy.backoff, attempt, random_unit), milliseconds(0),
                              std::max(milliseconds(0), policy.timeout - age));
    result.reason = std::string("waiting for the changed paths: ") + error.what();
    return result;
  }
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(age).count();
  const std::string when =
      hopeless ? "" : " after " + std::to_string(minutes) + (minutes == 1 ? " minute" : " minutes");
  const bool starts = policy.when_unknown == PathsPolicy::WhenUnknown::kStart;
  result.step = starts ? PathsFailure::Step::kStart : PathsFailure::Step::kFail;
  result.reason =
      (starts ? std::string(kStartedAlthough) : "") + "the changed paths are not known" + when + ": " + error.what();
  return result;
}

}  // namespace penstock::trigger
