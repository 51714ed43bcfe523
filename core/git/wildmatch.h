// Git's file name patterns (gitignore(5), wildmatch), matched in time linear in the pattern times the text whatever
// they are: both come from people we do not know. The answers are those of git, also for the patterns that its manual
// does not speak of.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::git {

// * any characters, ? one, [abc] [a-z] [!x] [^x] [[:alpha:]] classes, backslash takes the next byte as it is. Bytes,
// not characters. The whole text must match. Immutable once made.
class Wildmatch {
 public:
  // kSeparator: '*', '?' and classes stop at '/'; "**/" is any number of folders, "/**" everything below. kOrdinary:
  // '/' is a byte as others are.
  enum class Slash { kSeparator, kOrdinary };

  // Lent by whoever matches, so that no memory is taken for each match. Not shared between threads.
  struct Scratch {
    std::vector<std::uint32_t> current, next;
    std::vector<std::uint64_t> seen;  // by step: the turn in which it was added last
    std::uint64_t turn = 0;
    std::uint64_t work = 0;  // steps taken so far, by all matches
  };

  // Every pattern is one; malformed ones match nothing. At most 64 KiB.
  Wildmatch(std::string_view pattern, Slash slash);

  bool matches(std::string_view text, Scratch& scratch) const;

  // What it takes in memory, about.
  std::size_t bytes() const noexcept;

 private:
  // An NFA in the order of the pattern: each step consumes one byte and goes on, consumes and stays, or branches.
  struct Step {
    enum class Kind : std::uint8_t { kByte, kAny, kAnyButSlash, kClass, kManyButSlash, kMany, kBranch };
    Kind kind = Kind::kByte;
    std::uint32_t value = 0;  // kByte: the byte; kClass: index; kBranch: target
  };
  using ByteSet = std::bitset<256>;

  std::size_t add_stars(std::string_view pattern, std::size_t position, Slash slash);
  std::size_t add_class(std::string_view pattern, std::size_t position, Slash slash);
  void add(std::uint32_t step, std::vector<std::uint32_t>& set, Scratch& scratch) const;

  std::vector<Step> steps_;
  std::vector<ByteSet> classes_;
  std::string suffix_;  // what every match ends in: tells most texts without the NFA
  bool malformed_ = false;
};

}  // namespace penstock::git
