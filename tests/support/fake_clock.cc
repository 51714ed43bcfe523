#include "tests/support/fake_clock.h"

namespace penstock::testing {

FakeClock::FakeClock(Timestamp start) : now_(start) {}

Timestamp FakeClock::now() const {
  std::lock_guard lock(mutex_);
  return now_;
}

std::chrono::steady_clock::time_point FakeClock::steady_now() const {
  std::lock_guard lock(mutex_);
  return steady_;
}

void FakeClock::advance(std::chrono::milliseconds by) {
  std::lock_guard lock(mutex_);
  now_ += by;
  steady_ += by;
}

void FakeClock::jump(std::chrono::milliseconds by) {
  std::lock_guard lock(mutex_);
  now_ += by;
}

}  // namespace penstock::testing
