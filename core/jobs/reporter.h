// Tells CodePipeline how a job ended, until it has understood.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "core/aws/codepipeline.h"
#include "core/base/retry.h"
#include "core/base/time.h"
#include "core/jobs/handler.h"
#include "core/jobs/third_party_jobs.h"
#include "core/telemetry/log.h"

namespace penstock::jobs {

enum class Tried { kNo, kMaybe };  // whether an earlier attempt may have been accepted (before a restart)

enum class ReportState {
  kAccepted,
  kGone,     // CodePipeline wants no result for this job any more: it has one, or its execution is over
  kLost,     // the result could not be reported
  kPending,  // stopped before it was accepted; the journal keeps the result
};

struct ReportOutcome {
  ReportState state = ReportState::kPending;
  std::string note;  // kGone, kLost: why
};

// Thread-safe.
class Reporter {
 public:
  struct Options {
    BackoffPolicy backoff{std::chrono::seconds(1), std::chrono::seconds(60)};
    std::chrono::milliseconds give_up_after{std::chrono::hours(24)};
  };
  Reporter(Options options, JobCalls calls, const Clock& clock, const telemetry::Log& log);

  // `client` is empty for a custom action's job. Blocks, trying again with back-off. A success that CodePipeline
  // refuses as invalid becomes a failure with that reason: `result` is then changed and `on_changed` called before it
  // is sent.
  ReportOutcome report(const std::string& job_id, const Client& client, Result& result, Tried tried,
                       const std::stop_token& stop, const std::function<void(const Result&)>& on_changed) const;

 private:
  void put(const std::string& job_id, const Client& client, const Result& result) const;

  const Options options_;
  const JobCalls calls_;
  const Clock& clock_;
  const telemetry::Log& log_;
};

}  // namespace penstock::jobs
