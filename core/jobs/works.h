// Work that goes on after its first job was answered, until a continued job of the action reports its result.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/jobs/handler.h"
#include "core/jobs/running_job.h"

namespace penstock::jobs {

struct WorkEnd {
  enum class Kind {
    kResult,
    kUnwanted,     // its execution is over: nobody wants a result
    kInterrupted,  // this process ends
  };
  Kind kind = Kind::kResult;
  Result result;       // kResult
  std::string detail;  // kUnwanted: why
};

// One run of a handler. Jobs join it one after another; in between it is alone. Thread-safe.
class Work {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // `owner` watches over it. Joined at first by the job that began it.
  Work(const void* owner, std::string action_type, std::string state, std::shared_ptr<RunningJob> running);

  const void* owner() const noexcept { return owner_; }
  const std::string& action_type() const noexcept { return action_type_; }
  const std::string& state() const noexcept { return state_; }  // of the handler's own, with which it was begun
  RunningJob& running() noexcept { return *running_; }
  const std::shared_ptr<RunningJob>& shared_running() const noexcept { return running_; }

  // A continued job brings fresh credentials. False while another one has joined.
  bool join(const aws::PipelineJob& job);
  void leave(TimePoint now);
  std::optional<TimePoint> alone_since() const;

  // The first end stays.
  void end(WorkEnd end);
  bool has_ended() const;
  // Blocks; nothing when it still runs at `until`, or waiting was stopped.
  std::optional<WorkEnd> wait(TimePoint until, const std::stop_token& stop);

 private:
  const void* const owner_;
  const std::string action_type_, state_;
  const std::shared_ptr<RunningJob> running_;
  mutable std::mutex mutex_;
  std::condition_variable_any ended_;
  // Guarded by mutex_:
  bool joined_ = true;
  TimePoint alone_since_{};
  std::optional<WorkEnd> end_;
};

// All works of this process, whichever worker began them, by the id of their first job. Thread-safe.
class Works {
 public:
  // False when there is one of that id.
  bool add(const std::string& id, std::shared_ptr<Work> work);
  std::shared_ptr<Work> find(const std::string& id) const;
  void remove(const std::string& id);

  std::vector<std::pair<std::string, std::shared_ptr<Work>>> of(const void* owner) const;
  // Of an action type, those that wait for their continued job, running or not.
  int alone(const std::string& action_type) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Work>> works_;  // guarded by mutex_
};

}  // namespace penstock::jobs
