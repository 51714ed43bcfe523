// A clock that only the test moves.
#pragma once

#include <mutex>

#include "core/base/time.h"

namespace penstock::testing {

// Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(Timestamp start = from_milliseconds(1'795'253'400'000));  // 2026-11-21T09:30:00Z
  Timestamp now() const override;
  std::chrono::steady_clock::time_point steady_now() const override;
  void advance(std::chrono::milliseconds by);
  // Civil time only, in either direction: what NTP or a person does.
  void jump(std::chrono::milliseconds by);

 private:
  mutable std::mutex mutex_;
  Timestamp now_;
  std::chrono::steady_clock::time_point steady_{};
};

}  // namespace penstock::testing
