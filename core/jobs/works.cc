#include "core/jobs/works.h"

#include <algorithm>
#include <utility>

namespace penstock::jobs {

Work::Work(const void* owner, std::string action_type, std::string state, std::shared_ptr<RunningJob> running)
    : owner_(owner), action_type_(std::move(action_type)), state_(std::move(state)), running_(std::move(running)) {}

bool Work::join(const aws::PipelineJob& job) {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(joined_, true)) return false;
  }
  running_->adopt(job);
  return true;
}

void Work::leave(TimePoint now) {
  running_->close();
  std::lock_guard lock(mutex_);
  joined_ = false;
  alone_since_ = now;
}

std::optional<Work::TimePoint> Work::alone_since() const {
  std::lock_guard lock(mutex_);
  return joined_ ? std::nullopt : std::optional(alone_since_);
}

void Work::end(WorkEnd end) {
  {
    std::lock_guard lock(mutex_);
    if (end_) return;
    end_ = std::move(end);
  }
  ended_.notify_all();
}

bool Work::has_ended() const {
  std::lock_guard lock(mutex_);
  return end_.has_value();
}

std::optional<WorkEnd> Work::wait(TimePoint until, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  ended_.wait_until(lock, stop, until, [this] { return end_.has_value(); });
  return end_;
}

bool Works::add(const std::string& id, std::shared_ptr<Work> work) {
  std::lock_guard lock(mutex_);
  return works_.emplace(id, std::move(work)).second;
}

std::shared_ptr<Work> Works::find(const std::string& id) const {
  std::lock_guard lock(mutex_);
  const auto found = works_.find(id);
  return found == works_.end() ? nullptr : found->second;
}

void Works::remove(const std::string& id) {
  std::lock_guard lock(mutex_);
  works_.erase(id);
}

std::vector<std::pair<std::string, std::shared_ptr<Work>>> Works::of(const void* owner) const {
  std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, std::shared_ptr<Work>>> list;
  for (const auto& [id, work] : works_) {
    if (work->owner() == owner) list.emplace_back(id, work);
  }
  return list;
}

int Works::alone(const std::string& action_type) const {
  std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(works_.begin(), works_.end(), [&](const auto& entry) {
    return entry.second->action_type() == action_type && entry.second->alone_since().has_value();
  }));
}

}  // namespace penstock::jobs
