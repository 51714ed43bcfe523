// The jobs stage: all workers, and what the journal holds for workers that are no longer configured.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/jobs/worker.h"

namespace penstock::jobs {

// Thread-safe.
class WorkerPool {
 public:
  WorkerPool(Parts parts, std::vector<Worker::Options> workers);
  ~WorkerPool();  // abandon() and join

  // Resumes what the journal holds, then polls. Error when the journal cannot be read.
  void start();
  // "A job will show up soon."
  void wake();
  // The same for the workers of some action types. How many those are.
  int wake(const std::function<bool(const aws::ActionTypeId&)>& is_meant);
  // "This execution may be over": CodePipeline is asked at once about its jobs. How many of them run here.
  int look_at(const std::string& execution_id);
  // Before start(): these instead of the constructor's. Later, on reload: the old workers poll no more and finish what
  // they run, the new ones begin.
  void replace(std::vector<Worker::Options> workers);

  // Polls no more and waits for running jobs; true when all have ended by the deadline. Whatever has not is cancelled
  // then and stays journalled, so that the next start resumes it.
  bool drain(std::chrono::steady_clock::time_point deadline);

  std::vector<WorkerStatus> status() const;

 private:
  const Parts parts_;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<Worker>> retired_;  // finishing their last jobs
  bool started_ = false;
  std::vector<Worker::Options> initial_;  // until start()
  std::unique_ptr<JobRunner> orphans_;
  std::jthread orphan_thread_;  // last
};

}  // namespace penstock::jobs
