#include "core/trigger/trigger_policy.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::trigger {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Case {
  std::string name;
  ErrorKind kind;
  std::string code;
  NextStep step;
  std::string reason_holds;
};

Error error_of(const Case& c) {
  return Error(c.kind, "starting").with_code(c.code);
}

TEST(JudgeStartFailure, RetriesWhatPassesAndFailsWhatAPersonMustChange) {
  const std::vector<Case> cases = {
      {"throttled", ErrorKind::kRateLimited, "ThrottlingException", NextStep::kRetry, "starting"},
      {"busy", ErrorKind::kConflict, "ConflictException", NextStep::kRetry, "starting"},
      {"queue full", ErrorKind::kConflict, "ConcurrentPipelineExecutionsLimitExceededException", NextStep::kRetry, ""},
      {"queue full of another kind", ErrorKind::kInvalidInput, "ConcurrentPipelineExecutionsLimitExceededException",
       NextStep::kRetry, ""},
      {"server error", ErrorKind::kUnavailable, "InternalFailure", NextStep::kRetry, ""},
      {"network", ErrorKind::kUnavailable, "", NextStep::kRetry, ""},
      {"deadline", ErrorKind::kTimeout, "", NextStep::kRetry, ""},
      {"expired", ErrorKind::kUnauthenticated, "ExpiredTokenException", NextStep::kRetry, "valid AWS credentials"},
      {"no pipeline", ErrorKind::kNotFound, "PipelineNotFoundException", NextStep::kGiveUp, "check targetPipeline"},
      {"invalid", ErrorKind::kInvalidInput, "ValidationException", NextStep::kGiveUp, "starting"},
      {"denied", ErrorKind::kPermission, "AccessDeniedException", NextStep::kGiveUp,
       "allow codepipeline:StartPipelineExecution on pipeline \"shop\""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const StartVerdict verdict = judge_start_failure({}, error_of(c), "shop", 1, seconds(1), 0.5);
    EXPECT_EQ(verdict.step, c.step);
    EXPECT_NE(verdict.reason.find(c.reason_holds), std::string::npos) << verdict.reason;
    EXPECT_EQ(verdict.delay.count() > 0, c.step == NextStep::kRetry);
  }
}

TEST(JudgeStartFailure, GivesUpAfterADay) {
  const Error throttled = Error(ErrorKind::kRateLimited, "starting").with_code("ThrottlingException");
  EXPECT_EQ(judge_start_failure({}, throttled, "shop", 300, hours(24) - milliseconds(1), 0).step, NextStep::kRetry);
  const StartVerdict late = judge_start_failure({}, throttled, "shop", 301, hours(24), 0);
  EXPECT_EQ(late.step, NextStep::kGiveUp);
  EXPECT_NE(late.reason.find("24 hours"), std::string::npos);
}

TEST(JudgeStartFailure, ALostAnswerIsAskedForSoonAgain) {
  Error lost(ErrorKind::kTimeout, "starting");
  lost.with_may_have_happened(true);
  EXPECT_LE(judge_start_failure({}, lost, "shop", 50, seconds(1), 1.0).delay, seconds(10));
  EXPECT_GT(judge_start_failure({}, Error(ErrorKind::kTimeout, "starting"), "shop", 50, seconds(1), 1.0).delay,
            seconds(60));
}

TEST(JudgeConfigurationFailure, WaitsForAPipelineThatDoesNotExistYet) {
  const Error missing = Error(ErrorKind::kNotFound, "reading").with_code("PipelineNotFoundException");
  const StartVerdict verdict = judge_configuration_failure({}, missing, "shop", 1, seconds(1), 0);
  EXPECT_EQ(verdict.step, NextStep::kRetry);
  EXPECT_NE(verdict.reason.find("waiting for the configuration of pipeline \"shop\": reading"), std::string::npos);
  const Error denied(ErrorKind::kPermission, "reading");
  EXPECT_NE(judge_configuration_failure({}, denied, "shop", 1, seconds(1), 0).reason.find("codepipeline:GetPipeline"),
            std::string::npos);
  EXPECT_EQ(
      judge_configuration_failure({}, Error(ErrorKind::kConfiguration, "no action"), "shop", 1, seconds(1), 0).step,
      NextStep::kGiveUp);
}

}  // namespace
}  // namespace penstock::trigger
