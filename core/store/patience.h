// How long a list is searched for one page. A search that takes longer ends with the cursor that goes on.
#pragma once

#include <chrono>

namespace penstock::store {

class Patience {
 public:
  // Counts a step. Of the first few it never has enough, so that a machine that stalls does not cut short what is short
  // anyway.
  bool is_over() noexcept {
    if (!is_over_ && ++steps_ > kFreeSteps) is_over_ = std::chrono::steady_clock::now() > end_;
    return is_over_;
  }

 private:
  static constexpr int kFreeSteps = 20;
  static constexpr std::chrono::milliseconds kAtMost{25};
  const std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + kAtMost;
  int steps_ = 0;
  bool is_over_ = false;
};

}  // namespace penstock::store
