#include "core/jobs/worker_pool.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/base/error.h"

namespace penstock::jobs {
namespace {

// For jobs that were acknowledged when a worker of their type was configured: they must be reported all the same.
class OrphanHandler final : public Handler {
 public:
  std::string_view name() const noexcept override { return "none"; }
  Result run(Context& context) override {
    return Fail{aws::FailureType::kConfigurationError,
                "running the job: the server has no worker for action type " + context.job().action_type.to_string() +
                    " any more; add it to its configuration and retry the stage",
                ""};
  }
};

}  // namespace

WorkerPool::WorkerPool(Parts parts, std::vector<Worker::Options> workers)
    : parts_(std::move(parts)), initial_(std::move(workers)) {}

WorkerPool::~WorkerPool() {
  std::vector<std::unique_ptr<Worker>> all;
  {
    std::lock_guard lock(mutex_);
    std::move(workers_.begin(), workers_.end(), std::back_inserter(all));
    std::move(retired_.begin(), retired_.end(), std::back_inserter(all));
    workers_.clear();
    retired_.clear();
    orphan_thread_.request_stop();
    if (orphans_) orphans_->cancel(StopReason::kShutdown);
  }
  // All at once first: their handlers end side by side.
  for (auto& worker : all) {
    worker->stop_polling();
    worker->abandon();
  }
}

void WorkerPool::start() {
  std::map<std::string, std::vector<store::Job>> journalled;
  parts_.store.interrupt_works();
  for (store::Job& job : parts_.store.unfinished_jobs()) journalled[job.action_type].push_back(std::move(job));

  std::lock_guard lock(mutex_);
  if (std::exchange(started_, true)) return;
  for (Worker::Options& options : std::exchange(initial_, {})) {
    const std::string type = options.action_type.to_string();
    auto worker = std::make_unique<Worker>(std::move(options), parts_);
    if (const auto found = journalled.find(type); found != journalled.end()) {
      worker->resume(std::move(found->second));
      journalled.erase(found);
    }
    worker->start();
    workers_.push_back(std::move(worker));
  }
  if (journalled.empty()) return;
  std::vector<store::Job> orphans;
  for (auto& [type, jobs] : journalled) std::move(jobs.begin(), jobs.end(), std::back_inserter(orphans));
  JobRunner::Options options;
  options.handler = std::make_shared<OrphanHandler>();
  options.tokens = JobRunner::Options::Tokens::kIgnored;
  orphans_ = std::make_unique<JobRunner>(std::move(options), parts_);
  orphan_thread_ = std::jthread([this, runner = orphans_.get(), orphans = std::move(orphans)](std::stop_token stop) {
    for (const store::Job& job : orphans) {
      if (stop.stop_requested()) return;
      try {
        runner->resume(job, stop);
      } catch (const std::exception& error) {
        parts_.log.error("ending a job without a worker failed", {{"job", job.job_id}, {"error", error.what()}});
      }
    }
  });
}

void WorkerPool::wake() {
  std::lock_guard lock(mutex_);
  for (const auto& worker : workers_) worker->wake();
}

int WorkerPool::wake(const std::function<bool(const aws::ActionTypeId&)>& is_meant) {
  int woken = 0;
  std::lock_guard lock(mutex_);
  for (const auto& worker : workers_) {
    if (!is_meant(worker->action_type())) continue;
    worker->wake();
    ++woken;
  }
  return woken;
}

int WorkerPool::look_at(const std::string& execution_id) {
  int jobs = 0;
  std::lock_guard lock(mutex_);
  for (const auto& worker : workers_) jobs += worker->look_at(execution_id);
  for (const auto& worker : retired_) jobs += worker->look_at(execution_id);
  return jobs;
}

void WorkerPool::replace(std::vector<Worker::Options> workers) {
  std::vector<std::unique_ptr<Worker>> finished;  // destroyed outside the lock
  std::lock_guard lock(mutex_);
  if (!started_) {
    initial_ = std::move(workers);
    return;
  }
  for (auto& worker : workers_) {
    worker->stop_polling();
    retired_.push_back(std::move(worker));
  }
  workers_.clear();
  for (auto it = retired_.begin(); it != retired_.end();) {
    const WorkerStatus status = (*it)->status();
    if (status.running == 0 && !status.polling && (*it)->wait_until_idle(std::chrono::steady_clock::now())) {
      finished.push_back(std::move(*it));
      it = retired_.erase(it);
    } else {
      ++it;
    }
  }
  for (Worker::Options& options : workers) {
    auto worker = std::make_unique<Worker>(std::move(options), parts_);
    worker->start();
    workers_.push_back(std::move(worker));
  }
}

bool WorkerPool::drain(std::chrono::steady_clock::time_point deadline) {
  std::vector<Worker*> all;
  {
    std::lock_guard lock(mutex_);
    for (const auto& worker : workers_) all.push_back(worker.get());
    for (const auto& worker : retired_) all.push_back(worker.get());
    orphan_thread_.request_stop();
  }
  for (Worker* worker : all) worker->take_no_more();
  bool idle = true;
  for (Worker* worker : all) idle = worker->wait_until_idle(deadline) && idle;
  for (Worker* worker : all) {
    worker->stop_polling();
    worker->abandon();
  }
  return idle;
}

std::vector<WorkerStatus> WorkerPool::status() const {
  std::lock_guard lock(mutex_);
  std::vector<WorkerStatus> list;
  for (const auto& worker : workers_) list.push_back(worker->status());
  return list;
}

}  // namespace penstock::jobs
