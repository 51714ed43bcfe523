#include "core/json/tape.h"

#include <array>
#include <bit>
#include <utility>

namespace penstock::json {
namespace {

unsigned fingerprint(std::string_view name) noexcept {
  if (name.empty()) return 0;
  return static_cast<unsigned>(name.size()) * 5 + static_cast<unsigned char>(name.front()) * 3 +
         static_cast<unsigned char>(name.back()) * 7;
}

}  // namespace

Tape::Tape(std::unique_ptr<std::uint64_t[]> words, std::unique_ptr<std::uint8_t[]> strings)
    : words_(std::move(words)), strings_(std::move(strings)) {}

std::size_t Tape::examine() {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  const Index end = after(kRoot);
  for (Index at = kRoot; at < end;) {
    switch (kind(at)) {
      case '{':
        find_repeated_names(at);
        deepest = std::max(deepest, ++depth);
        ++at;
        break;
      case '[':
        deepest = std::max(deepest, ++depth);
        ++at;
        break;
      case '}':
      case ']':
        --depth;
        ++at;
        break;
      default:
        at = after(at);
    }
  }
  std::sort(shadowed_.begin(), shadowed_.end());
  return deepest;
}

void Tape::find_repeated_names(Index object) {
  constexpr std::size_t kFew = 16;
  const Index end = after(object) - 1;
  std::array<std::string_view, kFew> few;
  std::size_t count = 0;
  Index at = object + 1;
  std::uint64_t seen = 0;  // one bit for each kind of name so far: most new names need no comparison
  for (; at != end && count < kFew; at = after(at + 1)) {
    const std::string_view name = string(at);
    const std::uint64_t bit = std::uint64_t{1} << (fingerprint(name) & 63);
    if ((seen & bit) != 0 && std::find(few.begin(), few.begin() + count, name) != few.begin() + count) {
      shadowed_.push_back(at + 1);
    } else {
      few[count++] = name;
      seen |= bit;
    }
  }
  if (at == end) return;

  // Many members: sorted, so that a hostile object costs no more than n log n. What the first loop noted is found
  // again.
  std::erase_if(shadowed_, [&](Index value) { return value > object && value < end; });
  std::vector<std::pair<std::string_view, Index>> names;
  for (at = object + 1; at != end; at = after(at + 1)) names.emplace_back(string(at), at + 1);
  std::sort(names.begin(), names.end());
  for (std::size_t i = 1; i < names.size(); ++i) {
    if (names[i].first == names[i - 1].first) shadowed_.push_back(names[i].second);
  }
}

Type Tape::type(Index value) const noexcept {
  switch (kind(value)) {
    case '{':
      return Type::kObject;
    case '[':
      return Type::kArray;
    case '"':
      return Type::kString;
    case 't':
    case 'f':
      return Type::kBoolean;
    case 'l':
    case 'u':
    case 'd':
      return Type::kNumber;
    default:
      return Type::kNull;
  }
}

Number Tape::number(Index value) const noexcept {
  const std::uint64_t bits = words_[value + 1];
  switch (kind(value)) {
    case 'l':
      return Number::of(static_cast<std::int64_t>(bits));
    case 'u':
      return Number::of(bits);
    default:
      return Number::of(std::bit_cast<double>(bits));
  }
}

std::size_t Tape::size(Index value) const noexcept {
  if (!is_container(value)) return 0;
  if (!must_count(value)) return stored_size(value);
  std::size_t walked = 0;
  if (is_array(value)) {
    for ([[maybe_unused]] const Index element : elements(value)) ++walked;
  } else {
    for ([[maybe_unused]] const Member member : members(value)) ++walked;
  }
  return walked;
}

std::vector<Tape::Index> Tape::numbers() const {
  std::vector<Index> result;
  const Index end = after(kRoot);
  for (Index at = kRoot; at < end;) {
    switch (kind(at)) {
      case 'l':
      case 'u':
      case 'd':
        result.push_back(at);
        at += 2;
        break;
      default:
        ++at;
    }
  }
  return result;
}

}  // namespace penstock::json
