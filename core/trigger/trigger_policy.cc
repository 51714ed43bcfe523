#include "core/trigger/trigger_policy.h"

#include "core/base/text.h"

namespace penstock::trigger {
namespace {

bool is_worth_repeating(const Error& error) {
  // By code first: services use the same HTTP status for very different things.
  if (error.code() == "ConflictException" || error.code() == "ConcurrentPipelineExecutionsLimitExceededException") {
    return true;
  }
  switch (error.kind()) {
    case ErrorKind::kRateLimited:
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
    case ErrorKind::kCancelled:  // we are being stopped: the next start repeats it
    case ErrorKind::kConflict:
    case ErrorKind::kUnauthenticated:  // expired or missing credentials: they come back without the push coming back
    case ErrorKind::kExhausted:
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

std::string advice(const Error& error, const std::string& pipeline, const std::string& iam_action) {
  if (error.kind() == ErrorKind::kPermission) {
    return "; allow " + iam_action + " on pipeline " + in_quotes(pipeline) + " to the server's role";
  }
  if (error.kind() == ErrorKind::kUnauthenticated) return "; give the server valid AWS credentials";
  if (error.code() == "PipelineNotFoundException") {
    return "; check targetPipeline, the region and the account";
  }
  return "";
}

StartVerdict judge(const StartPolicy& policy, const Error& error, const std::string& pipeline,
                   const std::string& iam_action, bool repeat, int attempt, std::chrono::milliseconds age,
                   double random_unit) {
  StartVerdict verdict;
  verdict.reason = error.what() + advice(error, pipeline, iam_action);
  if (!repeat) return verdict;
  if (age >= policy.give_up_after) {
    verdict.reason = "given up after " +
                     std::to_string(std::chrono::duration_cast<std::chrono::hours>(policy.give_up_after).count()) +
                     " hours: " + verdict.reason;
    return verdict;
  }
  verdict.step = NextStep::kRetry;
  const BackoffPolicy& backoff = error.may_have_happened() ? policy.unanswered_backoff : policy.backoff;
  verdict.delay = retry_delay(backoff, attempt, random_unit);
  return verdict;
}

}  // namespace

StartVerdict judge_start_failure(const StartPolicy& policy, const Error& error, const std::string& pipeline,
                                 int attempt, std::chrono::milliseconds age, double random_unit) {
  return judge(policy, error, pipeline, "codepipeline:StartPipelineExecution", is_worth_repeating(error), attempt, age,
               random_unit);
}

StartVerdict judge_configuration_failure(const StartPolicy& policy, const Error& error, const std::string& pipeline,
                                         int attempt, std::chrono::milliseconds age, double random_unit) {
  const bool repeat = error.kind() != ErrorKind::kConfiguration;
  StartVerdict verdict = judge(policy, error, pipeline, "codepipeline:GetPipeline", repeat, attempt, age, random_unit);
  if (verdict.step == NextStep::kRetry) {
    verdict.reason = "waiting for the configuration of pipeline " + in_quotes(pipeline) + ": " + verdict.reason;
  }
  return verdict;
}

}  // namespace penstock::trigger
