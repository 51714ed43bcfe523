// git's progress meter, thinned out for a log that people read.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::git {

// Lets through: the first, the last ("done") and at most one line a second of each counting phase, and every other line
// up to a bound. Drops ssh's debug lines. Lines come out printable and without any of `secrets`. Not thread-safe.
class ProgressFilter {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  ProgressFilter(std::function<void(std::string_view)> sink, std::vector<std::string> secrets,
                 Clock clock = std::chrono::steady_clock::now);
  ProgressFilter(const ProgressFilter&) = delete;
  ProgressFilter& operator=(const ProgressFilter&) = delete;
  ~ProgressFilter();

  void feed(std::string_view line);

 private:
  void emit(std::string_view line);
  std::function<void(std::string_view)> sink_;
  std::vector<std::string> secrets_;
  Clock clock_;
  std::string phase_;
  std::chrono::steady_clock::time_point last_{};
  std::size_t other_lines_ = 0;
};

// Every occurrence of a secret (of at least four bytes) becomes "***".
std::string mask(std::string_view text, const std::vector<std::string>& secrets);

}  // namespace penstock::git
