#include "core/jobs/recovery_policy.h"

namespace penstock::jobs {

bool is_gone(const Error& error) {
  return error.code() == "JobNotFoundException" || error.code() == "InvalidJobStateException" ||
         error.code() == "InvalidJobException" || error.code() == "InvalidClientTokenException";
}

namespace {

bool is_worth_repeating(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::kRateLimited:
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
    case ErrorKind::kUnauthenticated:
    case ErrorKind::kExhausted:
    case ErrorKind::kConflict:
    case ErrorKind::kCancelled:
      return true;
    case ErrorKind::kInvalidInput:
    case ErrorKind::kConfiguration:
    case ErrorKind::kPermission:
    case ErrorKind::kNotFound:
    case ErrorKind::kCorrupt:
    case ErrorKind::kInternal:
      return false;
  }
  return false;
}

}  // namespace

RecoveryStep plan_recovery(const store::Job& job, std::chrono::milliseconds age) {
  switch (job.state) {
    case store::JobState::kSucceeded:
    case store::JobState::kFailed:
    case store::JobState::kLost:
      return RecoveryStep::kNothing;
    case store::JobState::kClaimed:
    case store::JobState::kAcknowledged:
    case store::JobState::kRunning:
    case store::JobState::kReporting:
      break;
  }
  if (age > std::chrono::hours(25)) return RecoveryStep::kForget;
  if (job.state == store::JobState::kReporting && !job.result_json.empty()) return RecoveryStep::kReport;
  if (job.state == store::JobState::kClaimed) return RecoveryStep::kAcknowledgeAgain;
  return RecoveryStep::kRunAgain;
}

AcknowledgeVerdict judge_acknowledge_failure(const Error& error, bool earlier_may_have_happened) {
  if (error.code() == "InvalidNonceException") {
    return earlier_may_have_happened ? AcknowledgeVerdict::kOurs : AcknowledgeVerdict::kNotOurs;
  }
  if (is_gone(error)) return AcknowledgeVerdict::kNotOurs;
  return is_worth_repeating(error) ? AcknowledgeVerdict::kRetry : AcknowledgeVerdict::kRefused;
}

AcknowledgeVerdict judge_acknowledge_status(const std::string& status) {
  return status == "InProgress" ? AcknowledgeVerdict::kOurs : AcknowledgeVerdict::kNotOurs;
}

ReportVerdict judge_report_failure(const Error& error, bool earlier_may_have_happened) {
  if (is_gone(error)) return earlier_may_have_happened ? ReportVerdict::kDone : ReportVerdict::kLost;
  // A missing permission is repeated, too: a person can grant it, and the job hangs for a day without a result.
  if (error.kind() == ErrorKind::kPermission || is_worth_repeating(error)) return ReportVerdict::kRetry;
  return ReportVerdict::kInvalid;
}

bool is_execution_over(const std::string& status) noexcept {
  return !status.empty() && status != "InProgress" && status != "Stopping";
}

}  // namespace penstock::jobs
