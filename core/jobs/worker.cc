#include "core/jobs/worker.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/ids.h"

namespace penstock::jobs {
namespace {

constexpr std::chrono::milliseconds kWatchInterval{500};

std::vector<std::map<std::string, std::string>> make_queries(
    const std::map<std::string, std::vector<std::string>>& query_param) {
  std::vector<std::map<std::string, std::string>> queries;
  for (const auto& [name, values] : query_param) {
    for (const std::string& value : values) queries.push_back({{name, value}});
  }
  if (queries.empty()) queries.emplace_back();
  return queries;
}

void pause_until(const std::stop_token& stop, std::chrono::steady_clock::time_point end) {
  Wake none;
  none.wait_until(stop, end);
}

void pause(const std::stop_token& stop, std::chrono::milliseconds duration) {
  pause_until(stop, std::chrono::steady_clock::now() + duration);
}

}  // namespace

Worker::Worker(Options options, Parts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      runner_(options_.runner, parts_),
      queries_(make_queries(options_.query_param)),
      // Jobs may have been waiting while nobody polled.
      woken_at_(parts_.clock.steady_now()) {
  status_.action_type = options_.action_type.to_string();
}

Worker::~Worker() {
  stop_polling();
  abandon();
  if (poller_.joinable()) poller_.join();
  for (std::jthread& thread : runners_) thread.join();
  time_watch_.request_stop();
  execution_watch_.request_stop();
}

void Worker::start() {
  if (!runners_.empty()) return;
  for (int i = 0; i < std::max(1, options_.concurrency); ++i) {
    runners_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
  }
  time_watch_ = std::jthread([this](std::stop_token stop) { watch(std::move(stop)); });
  execution_watch_ = std::jthread([this](std::stop_token stop) { watch_executions(std::move(stop)); });
  poller_ = std::jthread([this](std::stop_token stop) { poll(std::move(stop)); });
}

void Worker::resume(std::vector<store::Job> jobs) {
  for (store::Job& job : jobs) {
    add([this, job = std::move(job)](const std::stop_token& stop) { return runner_.resume(job, stop); });
  }
}

void Worker::wake() {
  {
    std::lock_guard lock(mutex_);
    woken_at_ = parts_.clock.steady_now();
  }
  wake_.notify();
}

int Worker::look_at(const std::string& execution_id) {
  const int jobs = runner_.look_at(execution_id);
  if (jobs > 0) execution_wake_.notify();
  return jobs;
}

void Worker::stop_polling() {
  poller_.request_stop();
}

void Worker::abandon() {
  for (std::jthread& thread : runners_) thread.request_stop();
  runner_.cancel(StopReason::kShutdown);
}

void Worker::take_no_more() {
  {
    std::lock_guard lock(mutex_);
    takes_no_more_ = true;
  }
  changed_.notify_all();
  wake_.notify();
}

bool Worker::wait_until_idle(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline,
                             [this] { return running_ == 0 && tasks_.empty() && !runner_.has_works(); });
}

WorkerStatus Worker::status() const {
  std::lock_guard lock(mutex_);
  WorkerStatus status = status_;
  status.running = running_;
  return status;
}

void Worker::add(Task task) {
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  changed_.notify_all();
}

// A work that waits for its continued job keeps the slot for it.
int Worker::free_slots() const {
  if (takes_no_more_) return 0;
  return std::max(1, options_.concurrency) - running_ - static_cast<int>(tasks_.size()) -
         parts_.works->alone(status_.action_type);
}

bool Worker::may_poll() const {
  return free_slots() > 0 || parts_.works->alone(status_.action_type) > 0;
}

// --- poller ---

void Worker::poll(std::stop_token stop) {
  PollHistory history;
  {
    std::lock_guard lock(mutex_);
    status_.polling = true;
  }
  while (!stop.stop_requested()) {
    {
      // Without a free slot a polled job would wait, unacknowledged, for what another server could work now.
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [this] { return may_poll(); });
    }
    if (stop.stop_requested()) break;
    PollOutcome outcome = PollOutcome::kFailed;
    try {
      outcome = poll_round(stop);
    } catch (const Error& error) {
      if (stop.stop_requested()) break;
      outcome = poll_outcome_of(error);
      note_poll_error(error);
    } catch (const std::exception& error) {
      note_poll_error(Error(ErrorKind::kInternal, error.what()));
    }
    std::chrono::milliseconds since_wake{0};
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(not_taken_, false)) outcome = PollOutcome::kFailed;
      since_wake = std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.steady_now() - woken_at_);
    }
    history.add(outcome);
    const auto delay = next_poll_delay(options_.poll, history, outcome, since_wake, random_unit());
    if (outcome == PollOutcome::kThrottled || outcome == PollOutcome::kFailed) {
      pause(stop, delay);  // a wake must not undo the back-off
    } else {
      const auto polled_at = std::chrono::steady_clock::now();
      // However often it is woken, it leaves a pause: whoever sends events must not decide how many calls are made.
      if (wake_.wait_for(stop, delay)) pause_until(stop, polled_at + std::min(options_.poll.woken, delay));
    }
  }
  std::lock_guard lock(mutex_);
  status_.polling = false;
}

PollOutcome Worker::poll_round(const std::stop_token& stop) {
  PollOutcome outcome = PollOutcome::kEmpty;
  // Each round begins one value further, so that a busy value cannot starve the others of slots.
  const std::size_t begin = next_query_++;
  // A job comes again and again until it is acknowledged; while that fails it is no reason to hurry.
  const std::set<std::string> known = std::exchange(offered_, {});
  for (std::size_t i = 0; i < queries_.size() && !stop.stop_requested(); ++i) {
    int slots = 0, awaited = 0;
    {
      std::lock_guard lock(mutex_);
      slots = std::max(0, free_slots());
      awaited = parts_.works->alone(status_.action_type);
    }
    if (slots + awaited == 0) break;
    // Whether a third-party job continues something is not known before its details are.
    if (options_.action_type.owner == "ThirdParty") slots += std::exchange(awaited, 0);
    std::vector<aws::PipelineJob> jobs = parts_.calls().poll({.action_type = options_.action_type,
                                                              .max_batch_size = slots + awaited,
                                                              .query_param = queries_[(begin + i) % queries_.size()]},
                                                             stop);
    {
      std::lock_guard lock(mutex_);
      status_.last_poll = parts_.clock.steady_now();
      status_.last_error.clear();
      if (takes_no_more_) slots = 0;
    }
    for (aws::PipelineJob& job : jobs) {
      const JobRunner::Claim claim = runner_.judge(job);
      // What is not acknowledged is offered again, here or elsewhere.
      if (claim == JobRunner::Claim::kLeave || (claim == JobRunner::Claim::kBegin && slots-- <= 0)) continue;
      offered_.insert(job.id);
      if (!known.contains(job.id)) outcome = PollOutcome::kJobs;
      add([this, job = std::move(job)](const std::stop_token& token) { return runner_.run(job, token); });
    }
  }
  return outcome;
}

void Worker::note_poll_error(const Error& error) {
  bool is_new = false;
  {
    std::lock_guard lock(mutex_);
    is_new = status_.last_error != error.what();
    status_.last_error = error.what();
  }
  std::string advice;
  if (error.code() == "ActionTypeNotFoundException") advice = "create the action type, or correct the worker's";
  if (error.kind() == ErrorKind::kPermission) {
    advice = options_.action_type.owner == "ThirdParty"
                 ? "allow codepipeline:PollForThirdPartyJobs; only accounts that AWS has registered as the provider may"
                 : "allow codepipeline:PollForJobs on the action type";
  }
  // Said once, not at every poll.
  if (is_new) {
    parts_.log.warning("polling for jobs failed",
                       {{"actionType", options_.action_type.to_string()}, {"error", error.what()}, {"advice", advice}});
  } else {
    parts_.log.debug("polling for jobs failed",
                     {{"actionType", options_.action_type.to_string()}, {"error", error.what()}});
  }
}

// --- pool ---

void Worker::work(std::stop_token stop) {
  while (true) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return !tasks_.empty(); }) || stop.stop_requested()) {
        tasks_.clear();  // not acknowledged, or journalled: nothing is lost
        changed_.notify_all();
        return;
      }
      task = std::move(tasks_.front());
      tasks_.pop_front();
      ++running_;
    }
    JobRunner::Ending ending = JobRunner::Ending::kFinished;
    try {
      ending = task(stop);
    } catch (const std::exception& error) {
      parts_.log.error("working a job failed", {{"error", error.what()}});
      ending = JobRunner::Ending::kNotTaken;
    }
    {
      std::lock_guard lock(mutex_);
      --running_;
      if (ending == JobRunner::Ending::kNotTaken) not_taken_ = true;
    }
    changed_.notify_all();
  }
}

void Worker::watch(std::stop_token stop) {
  while (!stop.stop_requested()) {
    pause(stop, kWatchInterval);
    runner_.watch_time();
    changed_.notify_all();  // works end by themselves
  }
}

void Worker::watch_executions(std::stop_token stop) {
  while (!stop.stop_requested()) {
    execution_wake_.wait_for(stop, 2 * kWatchInterval);
    runner_.watch_executions(stop);
  }
}

}  // namespace penstock::jobs
