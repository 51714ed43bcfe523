#include "core/trigger/paths_policy.h"

#include <gtest/gtest.h>

namespace penstock::trigger {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Step = PathsFailure::Step;

constexpr PathsPolicy kPolicy{.timeout = minutes(30)};
constexpr PathsPolicy kFailing{.timeout = minutes(30), .when_unknown = PathsPolicy::WhenUnknown::kFail};

TEST(JudgePathsFailure, WaitsForWhatMayPassOrBeRepaired) {
  for (const auto kind :
       {ErrorKind::kUnavailable, ErrorKind::kTimeout, ErrorKind::kRateLimited, ErrorKind::kUnauthenticated,
        ErrorKind::kPermission, ErrorKind::kNotFound, ErrorKind::kConfiguration, ErrorKind::kExhausted,
        ErrorKind::kCorrupt, ErrorKind::kInternal, ErrorKind::kConflict}) {
    const auto result = judge_paths_failure(kFailing, Error(kind, "fetching \"x\": no"), 1, minutes(29), 0.5);
    EXPECT_EQ(result.step, Step::kRetry) << to_string(kind);
    EXPECT_EQ(result.reason, "waiting for the changed paths: fetching \"x\": no");
    EXPECT_GT(result.delay.count(), 0);
  }
}

TEST(JudgePathsFailure, TriesOnceMoreWhenTheTimeIsUp) {
  const Error error(ErrorKind::kUnavailable, "x");
  EXPECT_EQ(judge_paths_failure(kPolicy, error, 20, minutes(30) - seconds(3), 1.0).delay, seconds(3));
  EXPECT_LE(judge_paths_failure(kPolicy, error, 20, minutes(5), 1.0).delay, minutes(5));
}

TEST(JudgePathsFailure, StartsOrFailsAfterTheTimeout) {
  const Error error(ErrorKind::kUnavailable, "fetching \"x\": no route");
  const auto started = judge_paths_failure(kPolicy, error, 9, minutes(30), 0.5);
  EXPECT_EQ(started.step, Step::kStart);
  EXPECT_EQ(started.reason,
            "started although the changed paths are not known after 30 minutes: fetching \"x\": no route");
  const auto failed = judge_paths_failure(kFailing, error, 9, minutes(31), 0.5);
  EXPECT_EQ(failed.step, Step::kFail);
  EXPECT_EQ(failed.reason, "the changed paths are not known after 31 minutes: fetching \"x\": no route");
}

TEST(JudgePathsFailure, DoesNotWaitForWhatThePushHasWrong) {
  const Error error(ErrorKind::kInvalidInput, "reading a tree: it is cut off");
  EXPECT_EQ(judge_paths_failure(kPolicy, error, 1, seconds(1), 0.5).step, Step::kStart);
  EXPECT_EQ(judge_paths_failure(kFailing, error, 1, seconds(1), 0.5).step, Step::kFail);
  EXPECT_EQ(judge_paths_failure(kFailing, error, 1, seconds(1), 0.5).reason,
            "the changed paths are not known: reading a tree: it is cut off");
}

TEST(JudgePathsFailure, IsNoneWhenTheProgramIsStopped) {
  const auto result = judge_paths_failure(kFailing, Error(ErrorKind::kCancelled, "stopped"), 9, minutes(40), 0.5);
  EXPECT_EQ(result.step, Step::kRetry);
  EXPECT_EQ(result.delay, milliseconds(0));
}

}  // namespace
}  // namespace penstock::trigger
