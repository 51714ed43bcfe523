#include "core/jobs/recovery_policy.h"

#include <vector>

#include <gtest/gtest.h>

namespace penstock::jobs {
namespace {

using std::chrono::hours;

TEST(PlanRecovery, GoesOnFromWhatIsJournalled) {
  struct Case {
    std::string name;
    store::JobState state;
    std::string result;
    hours age;
    RecoveryStep step;
  };
  const std::vector<Case> cases = {
      {"claimed", store::JobState::kClaimed, "", hours(1), RecoveryStep::kAcknowledgeAgain},
      {"acknowledged", store::JobState::kAcknowledged, "", hours(1), RecoveryStep::kRunAgain},
      {"running", store::JobState::kRunning, "", hours(1), RecoveryStep::kRunAgain},
      {"reporting", store::JobState::kReporting, "{}", hours(1), RecoveryStep::kReport},
      {"reporting without a result", store::JobState::kReporting, "", hours(1), RecoveryStep::kRunAgain},
      {"long ago", store::JobState::kRunning, "", hours(26), RecoveryStep::kForget},
      {"result of long ago", store::JobState::kReporting, "{}", hours(26), RecoveryStep::kForget},
      {"succeeded", store::JobState::kSucceeded, "", hours(1), RecoveryStep::kNothing},
      {"failed", store::JobState::kFailed, "", hours(1), RecoveryStep::kNothing},
      {"lost", store::JobState::kLost, "", hours(30), RecoveryStep::kNothing},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    store::Job job;
    job.state = c.state;
    job.result_json = c.result;
    EXPECT_EQ(plan_recovery(job, c.age), c.step);
  }
}

TEST(JudgeAcknowledge, InvalidNonceIsAnotherWorkersUnlessItCanBeOurOwnEcho) {
  struct Case {
    std::string name;
    ErrorKind kind;
    std::string code;
    bool earlier;
    AcknowledgeVerdict verdict;
  };
  const std::vector<Case> cases = {
      {"claimed by another", ErrorKind::kInvalidInput, "InvalidNonceException", false, AcknowledgeVerdict::kNotOurs},
      {"echo", ErrorKind::kInvalidInput, "InvalidNonceException", true, AcknowledgeVerdict::kOurs},
      {"gone", ErrorKind::kNotFound, "JobNotFoundException", true, AcknowledgeVerdict::kNotOurs},
      {"network", ErrorKind::kUnavailable, "", true, AcknowledgeVerdict::kRetry},
      {"throttled", ErrorKind::kRateLimited, "ThrottlingException", false, AcknowledgeVerdict::kRetry},
      {"expired", ErrorKind::kUnauthenticated, "ExpiredTokenException", false, AcknowledgeVerdict::kRetry},
      {"denied", ErrorKind::kPermission, "AccessDeniedException", false, AcknowledgeVerdict::kRefused},
      {"invalid", ErrorKind::kInvalidInput, "ValidationException", false, AcknowledgeVerdict::kRefused},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(judge_acknowledge_failure(Error(c.kind, "x").with_code(c.code), c.earlier), c.verdict);
  }
  EXPECT_EQ(judge_acknowledge_status("InProgress"), AcknowledgeVerdict::kOurs);
  for (const char* status : {"Created", "Queued", "Dispatched", "TimedOut", "Succeeded", "Failed", "Novel"}) {
    EXPECT_EQ(judge_acknowledge_status(status), AcknowledgeVerdict::kNotOurs) << status;
  }
}

TEST(JudgeReportFailure, RefusalAfterALostAnswerIsSuccess) {
  struct Case {
    std::string name;
    ErrorKind kind;
    std::string code;
    bool earlier;
    ReportVerdict verdict;
  };
  const std::vector<Case> cases = {
      {"finished, our echo", ErrorKind::kInvalidInput, "InvalidJobStateException", true, ReportVerdict::kDone},
      {"finished by others", ErrorKind::kInvalidInput, "InvalidJobStateException", false, ReportVerdict::kLost},
      {"gone", ErrorKind::kNotFound, "JobNotFoundException", false, ReportVerdict::kLost},
      {"token refused", ErrorKind::kPermission, "InvalidClientTokenException", false, ReportVerdict::kLost},
      {"network", ErrorKind::kUnavailable, "", false, ReportVerdict::kRetry},
      {"denied", ErrorKind::kPermission, "AccessDeniedException", false, ReportVerdict::kRetry},
      {"expired", ErrorKind::kUnauthenticated, "ExpiredTokenException", false, ReportVerdict::kRetry},
      {"invalid", ErrorKind::kInvalidInput, "ValidationException", false, ReportVerdict::kInvalid},
      {"too many variables", ErrorKind::kInvalidInput, "OutputVariablesSizeExceededException", false,
       ReportVerdict::kInvalid},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(judge_report_failure(Error(c.kind, "x").with_code(c.code), c.earlier), c.verdict);
  }
}

TEST(IsExecutionOver, UntilNothingIsWaitedForAnyMore) {
  EXPECT_FALSE(is_execution_over("InProgress"));
  EXPECT_FALSE(is_execution_over("Stopping"));
  EXPECT_FALSE(is_execution_over(""));
  for (const char* status : {"Stopped", "Superseded", "Failed", "Succeeded", "Cancelled"}) {
    EXPECT_TRUE(is_execution_over(status)) << status;
  }
}

}  // namespace
}  // namespace penstock::jobs
