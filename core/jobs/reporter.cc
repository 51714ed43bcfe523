#include "core/jobs/reporter.h"

#include <variant>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/wake.h"
#include "core/jobs/recovery_policy.h"

namespace penstock::jobs {

Reporter::Reporter(Options options, JobCalls calls, const Clock& clock, const telemetry::Log& log)
    : options_(options), calls_(std::move(calls)), clock_(clock), log_(log) {}

void Reporter::put(const std::string& job_id, const Client& client, const Result& result) const {
  if (const auto* fail = std::get_if<Fail>(&result)) {
    calls_.put_failure(
        job_id, client,
        {.type = fail->type, .message = fail->message, .external_execution_id = fail->external_execution_id});
    return;
  }
  aws::JobSuccess success;
  if (const auto* next = std::get_if<Continue>(&result)) {
    success.continuation_token = next->continuation_token;
    success.external_execution_id = next->external_execution_id;
    success.summary = next->summary;
    success.percent_complete = next->percent_complete;
  } else {
    const auto& done = std::get<Success>(result);
    success.current_revision = done.current_revision;
    success.output_variables = done.output_variables;
    success.external_execution_id = done.external_execution_id;
    success.summary = done.summary;
  }
  calls_.put_success(job_id, client, success);
}

ReportOutcome Reporter::report(const std::string& job_id, const Client& client, Result& result, Tried tried,
                               const std::stop_token& stop,
                               const std::function<void(const Result&)>& on_changed) const {
  const auto begin = clock_.steady_now();
  bool may_have_happened = tried == Tried::kMaybe;
  for (int failures = 0;;) {
    try {
      put(job_id, client, result);
      return {ReportState::kAccepted, ""};
    } catch (const Error& error) {
      const ReportVerdict verdict = judge_report_failure(error, may_have_happened || error.may_have_happened());
      may_have_happened = may_have_happened || error.may_have_happened();
      switch (verdict) {
        case ReportVerdict::kDone:
          return {ReportState::kAccepted, ""};
        case ReportVerdict::kLost:
          return {ReportState::kGone,
                  std::string("CodePipeline wants no result for this job any more: ") + error.what()};
        case ReportVerdict::kInvalid:
          if (std::holds_alternative<Fail>(result)) {
            log_.error("a job's failure was refused", {{"job", job_id}, {"error", error.what()}});
            return {ReportState::kLost, error.what()};
          }
          result = Fail{aws::FailureType::kJobFailed, std::string("reporting the result: ") + error.what(), ""};
          on_changed(result);
          continue;
        case ReportVerdict::kRetry:
          break;
      }
      if (clock_.steady_now() - begin >= options_.give_up_after) {
        return {ReportState::kLost, std::string("the result could not be reported: ") + error.what()};
      }
      ++failures;
      log_.warning("reporting a job's result failed, trying again",
                   {{"job", job_id}, {"failures", failures}, {"error", error.what()}});
      if (stop.stop_requested()) return {};
      Wake none;
      none.wait_for(stop, retry_delay(options_.backoff, failures, random_unit()));
      if (stop.stop_requested()) return {};
    }
  }
}

}  // namespace penstock::jobs
