#include "core/base/wake.h"

#include <utility>

namespace penstock {

void Wake::notify() {
  {
    std::lock_guard lock(mutex_);
    notified_ = true;
  }
  condition_.notify_one();
}

bool Wake::wait_until(std::stop_token stop, std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  condition_.wait_until(lock, stop, deadline, [this] { return notified_; });
  return std::exchange(notified_, false);
}

}  // namespace penstock
