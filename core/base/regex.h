// Regular expressions in linear time (RE2): the only engine that foreign input may meet.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace penstock {

// RE2 syntax over UTF-8. Immutable and thread-safe.
class Regex {
 public:
  // Throws Error{kInvalidInput} with RE2's reason. `max_memory` bounds the compiled program and its caches, in bytes.
  explicit Regex(std::string_view pattern, std::size_t max_memory = 1 << 20);
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  bool matches_whole(std::string_view text) const;
  bool matches_part(std::string_view text) const;
  const std::string& pattern() const noexcept { return pattern_; }

 private:
  struct Compiled;
  std::string pattern_;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace penstock
