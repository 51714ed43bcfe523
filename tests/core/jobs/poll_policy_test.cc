#include "core/jobs/poll_policy.h"

#include <gtest/gtest.h>

namespace penstock::jobs {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

const PollSettings kSettings{};

milliseconds delay(const PollHistory& history, PollOutcome last, milliseconds since_wake, double random = 0.5) {
  return next_poll_delay(kSettings, history, last, since_wake, random);
}

TEST(NextPollDelay, IsShortWhileJobsAreExpected) {
  EXPECT_EQ(delay({}, PollOutcome::kEmpty, milliseconds(500)), kSettings.busy);
  EXPECT_EQ(delay({}, PollOutcome::kEmpty, hours(1)), kSettings.idle);
}

TEST(NextPollDelay, IsShortestAfterJobsSinceMoreOfThemMayWait) {
  EXPECT_EQ(delay({}, PollOutcome::kJobs, hours(1)), kSettings.again);
  EXPECT_EQ(delay({}, PollOutcome::kJobs, milliseconds(500)), kSettings.again);
  PollSettings quick;
  quick.busy = milliseconds(20);
  EXPECT_EQ(next_poll_delay(quick, {}, PollOutcome::kJobs, hours(1), 0.5), quick.busy);
  PollHistory throttled;
  throttled.add(PollOutcome::kThrottled);
  EXPECT_EQ(delay(throttled, PollOutcome::kJobs, hours(1)), 2 * kSettings.again);
}

TEST(NextPollDelay, IsJitteredByAQuarter) {
  EXPECT_EQ(delay({}, PollOutcome::kEmpty, hours(1), 0.0), milliseconds(7500));
  EXPECT_EQ(delay({}, PollOutcome::kEmpty, hours(1), 1.0), milliseconds(12500));
}

TEST(NextPollDelay, WidensWhileThrottledAndRecoversStepByStep) {
  PollHistory history;
  milliseconds last = delay(history, PollOutcome::kJobs, milliseconds(0));
  for (int i = 0; i < 10; ++i) {
    history.add(PollOutcome::kThrottled);
    const milliseconds next = delay(history, PollOutcome::kThrottled, milliseconds(0));
    EXPECT_GE(next, last);
    EXPECT_LE(next, kSettings.ceiling);
    last = next;
  }
  EXPECT_EQ(last, kSettings.ceiling);
  history.add(PollOutcome::kEmpty);
  EXPECT_GT(delay(history, PollOutcome::kEmpty, milliseconds(0)), kSettings.busy);
  for (int i = 0; i < 5; ++i) history.add(PollOutcome::kEmpty);
  EXPECT_EQ(delay(history, PollOutcome::kEmpty, milliseconds(0)), kSettings.busy);
}

TEST(NextPollDelay, FailuresBackOffAndOneAnswerEndsThat) {
  PollHistory history;
  for (int i = 0; i < 3; ++i) history.add(PollOutcome::kFailed);
  EXPECT_EQ(delay(history, PollOutcome::kFailed, milliseconds(0)), 8 * kSettings.busy);
  history.add(PollOutcome::kEmpty);
  EXPECT_EQ(delay(history, PollOutcome::kEmpty, milliseconds(0)), kSettings.busy);
}

}  // namespace
}  // namespace penstock::jobs
