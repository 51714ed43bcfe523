// I-Regexp (RFC 9485), the regular expressions of JSONPath's match() and search().
//
// The pattern is checked against RFC 9485's grammar and rewritten for RE2, which matches in linear time. One thing goes
// beyond that grammar's meaning: '^' that begins a branch and '$' that ends one are anchors, as nearly every user and
// the RFC 9535 compliance suite expect; elsewhere they stand for themselves.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/regex.h"

namespace penstock::json {

struct TranslatedRegexp {
  std::string re2;
  // Roughly how many states the automaton has: what compiling costs once and, at worst, each byte of a subject.
  std::size_t weight = 0;
};

// Nothing when the pattern is no I-Regexp: also for {3,2} and [z-a], which its grammar lets through but whose meaning
// (XSD's) is none. Throws Error{kExhausted} when the pattern is longer than 4 KiB, nests groups deeper than 100, or
// repeats to more than 100,000 states or 2,500 optional pieces.
std::optional<TranslatedRegexp> translate_iregexp(std::string_view pattern);

class IRegexp {
 public:
  // Nothing when the pattern is no I-Regexp. Throws Error{kExhausted} for one that would need too much.
  static std::optional<IRegexp> compile(std::string_view pattern);

  bool matches_whole(std::string_view text) const { return regex_.matches_whole(text); }
  bool matches_part(std::string_view text) const { return regex_.matches_part(text); }
  std::size_t weight() const noexcept { return weight_; }

 private:
  IRegexp(Regex regex, std::size_t weight) : regex_(std::move(regex)), weight_(weight) {}
  Regex regex_;
  std::size_t weight_;
};

}  // namespace penstock::json
