// One job from its claim to its accepted result. Called on the threads of a worker's pool.
//
// In two steps (Options::details_first) the first job begins the work and is answered at once with Continue and our id
// of it, so that the console has its link while the work runs. The work is a thread of this runner; the continued jobs
// join it one after another, each for `continue_after`, and the one that is there at its end reports the result.
//  - The first job's row and log show the work: its log, phases, artifact, and how it ended (work_state). The continued
//    jobs have rows of their own, which name it (continuation_of).
//  - The timeout is that of the work. Execution stopped, time-out and a handler that hangs end it as they end a job.
//  - Its result is journalled in the first job's row before it is reported; one job takes it. A process that begins
//    meanwhile reports it, too.
//  - A continued job that finds neither work nor result (the process that had it is gone) begins the work again, as a
//    resumed job does; the handler is told (Attempt::kResumed). Nothing else is needed than the token and the job.
//  - No continued job for `unclaimed_after`: the work is ended, and that is its result.
//  - A work keeps its slot until its result is reported, so that a continued job never waits for one.
//  - Each continued job brings fresh credentials; in between the last ones are used while they are good.
//  - With several servers a continued job is left to the server that has the work, five minutes at most.
//
// The journal leads: a job is written as claimed before it is acknowledged, its result before it is reported. After a
// crash at any point resume() goes on from what is written.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
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
#include "core/jobs/works.h"
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
  std::shared_ptr<Works> works = std::make_shared<Works>();
  std::shared_ptr<const ContinuationTokens> tokens = std::make_shared<ContinuationTokens>();
  // Told of each job that has come to its end, whichever. Called on threads of the pools; may be null.
  std::function<void(const store::Job& row)> on_ended = nullptr;
  std::shared_ptr<ThirdPartyJobs> third_party = nullptr;  // null where no such action is configured

  JobCalls calls() const { return JobCalls(codepipeline, third_party); }
};

enum class RevisionSource { kPushed, kHead };

// Thread-safe.
class JobRunner {
 public:
  struct DetailsFirst {
    std::chrono::milliseconds continue_after{std::chrono::minutes(5)};
    std::chrono::milliseconds unclaimed_after{std::chrono::minutes(15)};
  };
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
    std::optional<DetailsFirst> details_first;
    // Whether a continued job's token must be one of ours. A job that is only to fail needs none.
    enum class Tokens { kRequired, kIgnored };
    Tokens tokens = Tokens::kRequired;
  };
  JobRunner(Options options, Parts parts);
  ~JobRunner();  // ends the works, as cancel(kShutdown) does, and blocks until they have ended

  enum class Ending {
    kFinished,  // succeeded, failed or lost; recorded
    kLeft,      // journalled for the next start: we were stopped
    kNotTaken,  // nothing was acknowledged: the journal cannot be written, or we may not acknowledge
  };
  // What to do with a polled job when there may be no slot for it.
  enum class Claim {
    kBegin,
    kJoin,   // its work runs here and keeps a slot for it
    kLeave,  // its work is another server's: not to be acknowledged
  };
  Claim judge(const aws::PipelineJob& job);
  bool has_works() const;

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
  // `row` is afterwards as it was recorded.
  Ending finish(store::Job& row, Result result, Tried tried, const std::stop_token& stop);
  Ending lose(store::Job row, const std::string& reason, const std::stop_token& stop);
  bool is_stopped(const store::Job& row) const;
  // Tries for a while; false and a warning when the store stays unavailable.
  bool save(const store::Job& row, const std::stop_token& stop);
  void hear(RunningJob& running, std::chrono::steady_clock::time_point now);
  void end_hung(const std::shared_ptr<RunningJob>& running, const std::stop_token& stop);
  std::vector<std::shared_ptr<RunningJob>> running() const;
  void flush_log(RunningJob& running) const;

  // two_step.cc
  Ending begin_work(store::Job row, const aws::PipelineJob& job, std::optional<PushedRevision> pushed, Attempt attempt,
                    const std::string& first_id, const std::stop_token& stop);
  void run_work(const std::string& id, Work& work);
  void end_work(const std::string& id, Work& work, Result result);
  Continue go_on(const aws::PipelineJob& job, const std::string& id, Work& work) const;
  Ending answer_first(const aws::PipelineJob& job, const std::string& id, Work& work, const std::stop_token& stop);
  Ending join(store::Job row, const aws::PipelineJob& job, const std::string& id, const std::shared_ptr<Work>& work,
              const std::stop_token& stop);
  Ending await_work(store::Job row, const aws::PipelineJob& job, const std::string& id,
                    const std::shared_ptr<Work>& work, const std::stop_token& stop);
  // What a work has come to whose process is gone.
  std::optional<Result> recorded_result(const std::string& first_id) const;
  Ending report_recorded(store::Job row, const aws::PipelineJob& job, const std::string& first_id, Result result,
                         const std::stop_token& stop);
  void watch_works(std::chrono::steady_clock::time_point now);
  void end_works();
  // As save(), for the row of a work.
  void update(RunningJob& running, const std::function<void(store::Job&)>& change) const;

  struct WorkThread {
    std::shared_ptr<std::atomic<bool>> done;
    std::jthread thread;
  };

  // How long the store may be unavailable before the job goes on without its record: CodePipeline waits for the result.
  static constexpr int kSaveAttempts = 6;

  const Options options_;
  const Parts parts_;
  const JobCalls calls_;
  const Reporter reporter_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<RunningJob>> running_;  // guarded by mutex_; by our id
  bool cancelled_ = false;  // guarded by mutex_: a job that begins now stops at once
  // Executions that look_at() was called for, and when; guarded by mutex_.
  std::map<std::string, std::chrono::steady_clock::time_point> heard_;
  std::map<std::string, std::chrono::steady_clock::time_point> left_;  // guarded by mutex_; by CodePipeline's id
  std::vector<WorkThread> work_threads_;                               // guarded by mutex_
};

}  // namespace penstock::jobs
