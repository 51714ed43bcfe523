// Makes episodes of single failures: told when one begins and when it is over.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/error.h"
#include "core/store/store.h"

namespace penstock::store {

// Thread-safe. The callback is called for one at a time, in the order of what happened; current() waits for none.
class Troubles {
 public:
  explicit Troubles(std::function<void(const Trouble&)> tell) : tell_(std::move(tell)) {}

  // One attempt of the part's: null = it succeeded.
  void note(Trouble::Part part, const Error* failure);
  // The cause of what goes on; empty = all is well.
  std::string current(Trouble::Part part) const;

 private:
  struct Episode {
    bool open = false;
    std::chrono::steady_clock::time_point began;
    std::uint64_t failures = 0;
    std::string cause;
  };
  const std::function<void(const Trouble&)> tell_;
  std::mutex telling_;
  mutable std::mutex mutex_;  // guards episodes_
  std::array<Episode, 2> episodes_;
};

}  // namespace penstock::store
