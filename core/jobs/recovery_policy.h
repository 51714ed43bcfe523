// What to do with a journalled job after a restart, and what a refused result means. Pure.
#pragma once

#include <chrono>
#include <string>

#include "core/base/error.h"
#include "core/store/records.h"

namespace penstock::jobs {

enum class RecoveryStep {
  kAcknowledgeAgain,  // with the same nonce, then run
  kRunAgain,          // GetJobDetails brings the job and fresh credentials
  kReport,            // the journalled result, unchanged
  kForget,            // CodePipeline has timed it out long ago
  kNothing,           // finished
};

// `age` since the job was claimed. A custom action ends at 24 hours whatever we do.
RecoveryStep plan_recovery(const store::Job& job, std::chrono::milliseconds age);

enum class AcknowledgeVerdict {
  kOurs,
  kNotOurs,  // another worker's, or gone
  kRetry,
  kRefused,  // nothing that repeating could change: no permission, invalid call
};

// `earlier_may_have_happened`: this attempt or one before it may have reached CodePipeline although we saw no answer
// (a dropped connection, or a crash before the record of it), so that "invalid nonce" can be the echo of our success.
AcknowledgeVerdict judge_acknowledge_failure(const Error& error, bool earlier_may_have_happened);
// The status that AcknowledgeJob answered.
AcknowledgeVerdict judge_acknowledge_status(const std::string& status);

// The job is not there any more, or not ours to speak of: its state forbids it, or its client's token is refused.
bool is_gone(const Error& error);

enum class ReportVerdict {
  kDone,  // an earlier attempt has been accepted
  kLost,  // CodePipeline does not want a result any more: stopped, timed out, or somebody else's
  kRetry,
  kInvalid,  // the result itself is refused: report a failure instead
};
ReportVerdict judge_report_failure(const Error& error, bool earlier_may_have_happened);

// GetPipelineExecution's status: true when no result is wanted any more. "Stopping" waits for what runs: an execution
// that is stopped and abandoned is "Stopped" a moment later.
bool is_execution_over(const std::string& status) noexcept;

}  // namespace penstock::jobs
