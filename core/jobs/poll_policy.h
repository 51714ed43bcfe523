// How long a poller waits before it asks again. Pure. PollForJobs is a short poll: it answers at once, also with
// nothing, so the interval alone decides how soon a job is seen and how many calls are made.
#pragma once

#include <chrono>

#include "core/base/error.h"

namespace penstock::jobs {

struct PollSettings {
  std::chrono::milliseconds idle{10000};
  std::chrono::milliseconds busy{1000};
  // After a poll that brought jobs: more of them may be waiting than there were free slots, and those must not wait for
  // `busy`. One empty poll ends it. Bounds the calls, since each small job frees a slot.
  std::chrono::milliseconds again{50};
  // Between polls that are asked for by wakes.
  std::chrono::milliseconds woken{200};
  // After a start: the job shows up seconds later.
  std::chrono::milliseconds quick_window{60000};
  // Throttled or failing pollers never get slower than this.
  std::chrono::milliseconds ceiling{60000};
};

enum class PollOutcome { kJobs, kEmpty, kThrottled, kFailed };  // kEmpty: none, or none but those of the last poll

PollOutcome poll_outcome_of(const Error& error) noexcept;

struct PollHistory {
  int throttled = 0;  // in a row
  int failed = 0;     // in a row
  void add(PollOutcome outcome) noexcept;
};

// Jittered by a quarter in both directions, so that several servers do not poll in step. `since_wake` is the time since
// the last "a job will show up soon".
std::chrono::milliseconds next_poll_delay(const PollSettings& settings, const PollHistory& history, PollOutcome last,
                                          std::chrono::milliseconds since_wake, double random_unit);

}  // namespace penstock::jobs
