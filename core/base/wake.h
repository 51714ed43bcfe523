// "Look now": an in-process signal that carries no data, so that a stage need not wait for its poll interval.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace penstock {

// Thread-safe. A notification that comes while nobody waits is kept for the next wait; several are one.
class Wake {
 public:
  void notify();

  // Blocks until notified, stopped, or the deadline. True when it was notified.
  bool wait_until(std::stop_token stop, std::chrono::steady_clock::time_point deadline);
  bool wait_for(std::stop_token stop, std::chrono::milliseconds duration) {
    return wait_until(std::move(stop), std::chrono::steady_clock::now() + duration);
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any condition_;
  bool notified_ = false;
};

}  // namespace penstock
