#include "core/jobs/poll_policy.h"

#include <algorithm>

namespace penstock::jobs {

using std::chrono::milliseconds;

PollOutcome poll_outcome_of(const Error& error) noexcept {
  return error.kind() == ErrorKind::kRateLimited ? PollOutcome::kThrottled : PollOutcome::kFailed;
}

void PollHistory::add(PollOutcome outcome) noexcept {
  switch (outcome) {
    case PollOutcome::kJobs:
    case PollOutcome::kEmpty:
      // Not forgotten at once: the interval that was not throttled is approached step by step.
      throttled = throttled / 2;
      failed = 0;
      return;
    case PollOutcome::kThrottled:
      throttled = std::min(throttled + 1, 16);
      return;
    case PollOutcome::kFailed:
      failed = std::min(failed + 1, 16);
      return;
  }
}

milliseconds next_poll_delay(const PollSettings& settings, const PollHistory& history, PollOutcome last,
                             milliseconds since_wake, double random_unit) {
  milliseconds base = settings.idle;
  if (since_wake < settings.quick_window) base = std::min(base, settings.busy);
  if (last == PollOutcome::kJobs) base = std::min({base, settings.busy, settings.again});
  const milliseconds ceiling = std::max(settings.ceiling, base);
  double delay = static_cast<double>(base.count());
  const int widening = std::max(history.throttled, history.failed);
  for (int i = 0; i < widening && delay < static_cast<double>(ceiling.count()); ++i) delay *= 2;
  delay = std::min(delay, static_cast<double>(ceiling.count()));
  return milliseconds(static_cast<milliseconds::rep>(delay * (0.75 + 0.5 * random_unit)));
}

}  // namespace penstock::jobs
