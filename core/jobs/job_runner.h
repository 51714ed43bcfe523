// One job from its claim to its accepted result. Called on the threads of a worker's pool.
//
// The journal leads: a job is written as claimed before it is acknowledged, its result before it is reported. After a
// crash at any point resume() goes on from what is written.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "core/aws/codepipeline.h"
#include "core/base/retry.h"
#include "core/base/time.h"
#include "core/jobs/continuation_tokens.h"
#include "core/jobs/handler.h"
#include "core/jobs/job_credentials.h"
#include "core/jobs/pushed_revision.h"
#include "core/jobs/recovery_policy.h"
#include "core/jobs/reporter.h"
#include "core/jobs/running_job.h"
#include "core/jobs/third_party_jobs.h"
#include "core/store/store.h"
#include "core/telemetry/log.h"

namespace penstock::jobs {

// CodePipeline's ids of the jobs that some thread of this process works on: one row, one writer. Thread-safe.
class ActiveJobs {
 public:
  bool add(const std::string& job_id);  // false when it is there already
  void remove(const std::string& job_id);

 private:
  std::mutex mutex_;
  std::set<std::string> ids_;
};

struct Parts {
  store::Store& store;
  std::shared_ptr<aws::CodePipelineClient> codepipeline;
  const Clock& clock;
  const telemetry::Log& log;
  std::shared_ptr<ActiveJobs> active = std::make_shared<ActiveJobs>();
  std::shared_ptr<const ContinuationTokens> tokens = std::make_shared<ContinuationTokens>();
  std::shared_ptr<ThirdPartyJobs> third_party = nullptr;  // null where no such action is configured

  JobCalls calls() const { return JobCalls(codepipeline, third_party); }
};

enum class RevisionSource { kPushed, kHead };

// Thread-safe.
class JobRunner {
 public:
  struct Options {
    std::shared_ptr<Handler> handler;
    RevisionSource revision = RevisionSource::kPushed;
    std::chrono::milliseconds timeout{std::chrono::minutes(20)};
    // A handler that does not return so long after it was told to stop counts as hung: its job is ended without it.
    std::chrono::milliseconds hang_grace{std::chrono::seconds(30)};
    // How often GetPipelineExecution is asked whether a job's result is still wanted.
    std::chrono::milliseconds execution_look{std::chrono::seconds(30)};
    PushLookupOptions push_lookup;
    JobCredentials::Options credentials;
    Reporter::Options reporter;
    BackoffPolicy retry{std::chrono::milliseconds(500), std::chrono::seconds(30)};  // acknowledge, details, journal
  };
  JobRunner(Options options, Parts parts);

  enum class Ending {
    kFinished,  // succeeded, failed or lost; recorded
    kLeft,      // journalled for the next start: we were stopped
    kNotTaken,  // nothing was acknowledged: the journal cannot be written, or we may not acknowledge
  };
  // A job that was polled. `stop` ends waiting, not the handler: that is cancel().
  Ending run(const aws::PipelineJob& offered, const std::stop_token& stop);
  // A job of the journal, after a restart.
  Ending resume(const store::Job& row, const std::stop_token& stop);

  // "This execution may be over": watch_executions() asks at once for its jobs, also for one that begins within the
  // next minute. How many are running.
  int look_at(const std::string& execution_id);

  // Tells all running handlers to stop.
  void cancel(StopReason reason);

  // Called twice a second by one thread: log lines, progress, time-outs. Blocks on the store.
  void watch_time();
  // Called by another thread: executions that were stopped, handlers that hang. Blocks on AWS and the store.
  void watch_executions(const std::stop_token& stop);

 private:
  std::optional<aws::PipelineJob> read_offer(const aws::PipelineJob& offered, Ending& ending);
  AcknowledgeVerdict acknowledge(const store::Job& row, bool may_have_happened, std::string& note,
                                 const std::stop_token& stop);
  std::optional<aws::PipelineJob> read_details(const store::Job& row, std::string& note, const std::stop_token& stop);
  Ending execute(store::Job row, aws::PipelineJob job, Attempt attempt, const std::stop_token& stop);
  Result run_handler(RunningJob& running);
  // A Continue with a token that the next job's server believes.
  Result with_token(Result result, const aws::PipelineJob& job, const std::string& first_id) const;
  Ending finish(store::Job row, Result result, Tried tried, const std::stop_token& stop);
  Ending lose(store::Job row, const std::string& reason, const std::stop_token& stop);
  bool is_stopped(const store::Job& row) const;
  // Tries for a while; false and a warning when the store stays unavailable.
  bool save(const store::Job& row, const std::stop_token& stop);
  void hear(RunningJob& running, std::chrono::steady_clock::time_point now);
  void end_hung(const std::shared_ptr<RunningJob>& running, const std::stop_token& stop);
  std::vector<std::shared_ptr<RunningJob>> running() const;

  const Options options_;
  const Parts parts_;
  const JobCalls calls_;
  const Reporter reporter_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<RunningJob>> running_;  // guarded by mutex_; by our id
  bool cancelled_ = false;  // guarded by mutex_: a job that begins now stops at once
  // Executions that look_at() was called for, and when; guarded by mutex_.
  std::map<std::string, std::chrono::steady_clock::time_point> heard_;
};

}  // namespace penstock::jobs
