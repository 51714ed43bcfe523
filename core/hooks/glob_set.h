// Many globs over many texts: each text is read once, however many globs there are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/hooks/glob.h"

namespace penstock::hooks {

// Immutable and thread-safe once made.
class GlobSet {
 public:
  explicit GlobSet(std::vector<Glob> globs);

  std::size_t size() const noexcept { return globs_.size(); }
  const Glob& operator[](std::size_t index) const { return globs_[index]; }

  class Matcher;

 private:
  using Step = Glob::Step;
  // What every glob is in at once, as the numbers of their steps; rising.
  using Steps = std::vector<std::uint32_t>;

  std::uint32_t class_of(std::uint32_t code_point) const noexcept;

  std::vector<Glob> globs_;
  // The steps of all globs one after the other.
  struct Place {
    std::uint32_t glob = 0, step = 0;
  };
  std::vector<Place> places_;
  std::vector<std::uint32_t> first_steps_;  // by glob
  // Characters that no glob tells apart are one class. Its first character stands for it.
  std::vector<std::uint32_t> class_begins_;
  std::array<std::uint16_t, 128> ascii_classes_{};
};

// A deterministic automaton that is made on the way, as far as the texts need it, and begun anew when it takes more
// than some megabytes. Not thread-safe. The set must outlive it.
class GlobSet::Matcher {
 public:
  // A step is what one glob does with one character. In all there may be so many that are not known from before.
  explicit Matcher(const GlobSet& set, std::uint64_t max_steps = 1'000'000'000);

  // The globs that match, by their positions, rising; good until the next call. Error{kExhausted} when the globs ask
  // for too much work.
  const std::vector<std::uint32_t>& match(std::string_view text);

 private:
  static constexpr std::uint32_t kUnknown = 0xffffffff;
  struct State {
    const Steps* steps = nullptr;
    std::vector<std::uint32_t> matching;
    std::vector<std::uint32_t> next;  // by class
  };
  struct StepsHash {
    std::size_t operator()(const Steps& steps) const noexcept;
  };

  void begin_anew();
  void add(std::uint32_t place, Steps& steps);
  std::uint32_t intern(Steps steps);
  std::uint32_t advance(std::uint32_t state, std::uint32_t char_class);

  const GlobSet& set_;
  const std::uint64_t max_steps_;
  std::uint64_t taken_steps_ = 0;
  std::unordered_map<Steps, std::uint32_t, StepsHash> numbers_;
  std::vector<State> states_;
  std::size_t bytes_ = 0;
  std::vector<std::uint64_t> seen_;  // by place: the turn in which it was added last
  std::uint64_t turn_ = 0;
  Steps pending_;
};

}  // namespace penstock::hooks
