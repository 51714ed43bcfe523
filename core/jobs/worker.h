// Works the jobs of one action type: a poller and a bounded pool.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
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
#include "core/base/wake.h"
#include "core/jobs/job_runner.h"
#include "core/jobs/poll_policy.h"

namespace penstock::jobs {

// For /readyz and the operator.
struct WorkerStatus {
  std::string action_type;
  bool polling = false;
  std::optional<std::chrono::steady_clock::time_point> last_poll;  // the last that was answered
  std::string last_error;                                          // of the last poll; empty = it was answered
  int running = 0;
};

// Threads: one poller (blocks on PollForJobs and on its wake), `concurrency` runners (block in handlers, AWS calls, the
// store), one clock watch (store), one execution watch (AWS, store). Thread-safe.
class Worker {
 public:
  struct Options {
    aws::ActionTypeId action_type;
    int concurrency = 4;
    PollSettings poll;
    // Property name -> values, for action types with a queryable property: one poll a value. At most one property.
    std::map<std::string, std::vector<std::string>> query_param;
    JobRunner::Options runner;
  };
  Worker(Options options, Parts parts);
  // Cancels what runs, leaves it journalled, joins. Blocks until the handlers return.
  ~Worker();

  void start();
  // Jobs of the journal, after a restart; before start() or at any time after.
  void resume(std::vector<store::Job> jobs);
  // "A job will show up soon": poll now, and quickly for a while.
  void wake();
  // "This execution may be over": the watch asks CodePipeline at once. How many of its jobs run here.
  int look_at(const std::string& execution_id);

  // Polls no more. Does not block.
  void stop_polling();
  // Takes no more jobs but those that continue what was begun, and polls while there are such. Does not block.
  void take_no_more();
  // True when nothing runs or waits any more, no begun work either; blocks until then or the deadline.
  bool wait_until_idle(std::chrono::steady_clock::time_point deadline);
  // Tells handlers and waits to end; jobs stay journalled for the next start. Does not block.
  void abandon();

  WorkerStatus status() const;
  const aws::ActionTypeId& action_type() const noexcept { return options_.action_type; }

 private:
  using Task = std::function<JobRunner::Ending(const std::stop_token&)>;

  void poll(std::stop_token stop);
  PollOutcome poll_round(const std::stop_token& stop);
  void note_poll_error(const Error& error);
  int free_slots() const;  // under mutex_
  bool may_poll() const;   // likewise
  void work(std::stop_token stop);
  void watch(std::stop_token stop);
  void watch_executions(std::stop_token stop);
  void add(Task task);

  const Options options_;
  const Parts parts_;
  JobRunner runner_;
  std::vector<std::map<std::string, std::string>> queries_;  // one poll each; a single empty one without a query

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_:
  std::deque<Task> tasks_;
  int running_ = 0;
  bool takes_no_more_ = false;
  bool not_taken_ = false;  // a job could not be taken: polling faster would only bring it again
  WorkerStatus status_;
  std::chrono::steady_clock::time_point woken_at_;

  Wake wake_;
  Wake execution_wake_;  // of the execution watch
  // Only the poller touches these:
  std::size_t next_query_ = 0;
  std::set<std::string> offered_;  // ids of the jobs that the last round brought
  // Last, so that they end before the rest goes.
  std::vector<std::jthread> runners_;
  std::jthread time_watch_, execution_watch_, poller_;
};

}  // namespace penstock::jobs
