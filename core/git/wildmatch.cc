#include "core/git/wildmatch.h"

#include <array>
#include <cctype>
#include <optional>
#include <utility>

namespace penstock::git {
namespace {

using ByteTest = bool (*)(unsigned char);

// The classes of the C locale, spelled out: what the process's locale says is no concern of a tree's.
bool is_lower(unsigned char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(unsigned char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_digit(unsigned char c) {
  return c >= '0' && c <= '9';
}
bool is_alpha(unsigned char c) {
  return is_lower(c) || is_upper(c);
}
bool is_alnum(unsigned char c) {
  return is_alpha(c) || is_digit(c);
}
bool is_blank(unsigned char c) {
  return c == ' ' || c == '\t';
}
bool is_space(unsigned char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_cntrl(unsigned char c) {
  return c < 0x20 || c == 0x7f;
}
bool is_print(unsigned char c) {
  return c >= 0x20 && c < 0x7f;
}
bool is_graph(unsigned char c) {
  return is_print(c) && c != ' ';
}
bool is_punct(unsigned char c) {
  return is_graph(c) && !is_alnum(c);
}
bool is_xdigit(unsigned char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

constexpr std::array<std::pair<std::string_view, ByteTest>, 12> kNamedClasses{{{"alnum", is_alnum},
                                                                               {"alpha", is_alpha},
                                                                               {"blank", is_blank},
                                                                               {"cntrl", is_cntrl},
                                                                               {"digit", is_digit},
                                                                               {"graph", is_graph},
                                                                               {"lower", is_lower},
                                                                               {"print", is_print},
                                                                               {"punct", is_punct},
                                                                               {"space", is_space},
                                                                               {"upper", is_upper},
                                                                               {"xdigit", is_xdigit}}};

unsigned char byte_at(std::string_view text, std::size_t position) {
  return position < text.size() ? static_cast<unsigned char>(text[position]) : 0;
}

}  // namespace

Wildmatch::Wildmatch(std::string_view pattern, Slash slash) {
  // Git's patterns are C strings.
  pattern = pattern.substr(0, pattern.find('\0'));
  const bool separator = slash == Slash::kSeparator;
  if (pattern.size() > 64u << 10) malformed_ = true;
  for (std::size_t i = 0; i < pattern.size() && !malformed_;) {
    const char c = pattern[i];
    if (c == '*') {
      i = add_stars(pattern, i, slash);
    } else if (c == '[') {
      i = add_class(pattern, i, slash);
    } else if (c == '?') {
      steps_.push_back({separator ? Step::Kind::kAnyButSlash : Step::Kind::kAny, 0});
      ++i;
    } else {
      if (c == '\\' && ++i == pattern.size()) {
        malformed_ = true;
        break;
      }
      steps_.push_back({Step::Kind::kByte, byte_at(pattern, i)});
      ++i;
    }
  }
  if (malformed_) {
    steps_ = {};
    classes_ = {};
    return;
  }
  // The slash of "**/" need not be there.
  const std::size_t special = pattern.find_last_of("*?[]\\");
  std::string_view suffix = pattern.substr(special == std::string_view::npos ? 0 : special + 1);
  if (special != std::string_view::npos && pattern[special] == '*' && suffix.starts_with('/')) suffix.remove_prefix(1);
  suffix_ = suffix;
  steps_.shrink_to_fit();
  classes_.shrink_to_fit();
}

// Gives the position after the stars, and after the slash of "**/".
std::size_t Wildmatch::add_stars(std::string_view pattern, std::size_t position, Slash slash) {
  const std::size_t begin = position;
  while (byte_at(pattern, position) == '*') ++position;
  if (slash == Slash::kOrdinary) {
    steps_.push_back({Step::Kind::kMany, 0});
    return position;
  }
  const unsigned char next = byte_at(pattern, position);
  const bool after_folder = begin == 0 || pattern[begin - 1] == '/';
  const bool before_folder = next == 0 || next == '/' || (next == '\\' && byte_at(pattern, position + 1) == '/');
  if (position - begin < 2 || !after_folder || !before_folder) {
    steps_.push_back({Step::Kind::kManyButSlash, 0});
    return position;
  }
  if (next != '/') {
    steps_.push_back({Step::Kind::kMany, 0});
    return position;
  }
  // No folder at all, or as many as there are.
  steps_.push_back({Step::Kind::kBranch, static_cast<std::uint32_t>(steps_.size() + 3)});
  steps_.push_back({Step::Kind::kMany, 0});
  steps_.push_back({Step::Kind::kByte, '/'});
  return position + 1;
}

// Gives the position after the class.
std::size_t Wildmatch::add_class(std::string_view pattern, std::size_t position, Slash slash) {
  ByteSet set;
  const auto refuse = [&] {
    malformed_ = true;
    return pattern.size();
  };
  std::size_t i = position + 1;
  unsigned char c = byte_at(pattern, i);
  const bool negated = c == '!' || c == '^';
  if (negated) c = byte_at(pattern, ++i);
  unsigned char previous = 0;  // what a range may begin with; 0 = nothing
  do {                         // a ']' that comes first is a member
    if (c == 0) return refuse();
    if (c == '\\') {
      c = byte_at(pattern, ++i);
      if (c == 0) return refuse();
      set.set(c);
    } else if (c == '-' && previous != 0 && byte_at(pattern, i + 1) != 0 && byte_at(pattern, i + 1) != ']') {
      c = byte_at(pattern, ++i);
      if (c == '\\') {
        c = byte_at(pattern, ++i);
        if (c == 0) return refuse();
      }
      for (unsigned member = previous; member <= c; ++member) set.set(member);
      c = 0;
    } else if (c == '[' && byte_at(pattern, i + 1) == ':') {
      const std::size_t name = i + 2;
      const std::size_t end = pattern.find(']', name);
      if (end == std::string_view::npos) return refuse();
      if (end == name || pattern[end - 1] != ':') {
        set.set('[');  // no named class after all
      } else {
        std::optional<ByteTest> test;
        for (const auto& [known, known_test] : kNamedClasses) {
          if (pattern.substr(name, end - 1 - name) == known) test = known_test;
        }
        if (!test) return refuse();
        for (unsigned member = 1; member < 256; ++member) {
          if ((*test)(static_cast<unsigned char>(member))) set.set(member);
        }
        i = end;
        c = 0;
      }
    } else {
      set.set(c);
    }
    previous = c;
    c = byte_at(pattern, ++i);
  } while (c != ']');
  if (negated) set.flip();
  if (slash == Slash::kSeparator) set.reset('/');
  steps_.push_back({Step::Kind::kClass, static_cast<std::uint32_t>(classes_.size())});
  classes_.push_back(set);
  return i + 1;
}

// With all steps that are reached without consuming anything. Branches only lead onwards.
void Wildmatch::add(std::uint32_t step, std::vector<std::uint32_t>& set, Scratch& scratch) const {
  while (scratch.seen[step] != scratch.turn) {
    scratch.seen[step] = scratch.turn;
    ++scratch.work;
    if (step == steps_.size()) {
      set.push_back(step);
      return;
    }
    const Step& reached = steps_[step];
    if (reached.kind == Step::Kind::kBranch) {
      add(step + 1, set, scratch);
      step = reached.value;
      continue;
    }
    set.push_back(step);
    if (reached.kind != Step::Kind::kMany && reached.kind != Step::Kind::kManyButSlash) return;
    ++step;
  }
}

bool Wildmatch::matches(std::string_view text, Scratch& scratch) const {
  if (malformed_ || !text.ends_with(suffix_)) return false;
  if (scratch.seen.size() <= steps_.size()) scratch.seen.resize(steps_.size() + 1, 0);
  scratch.current.clear();
  ++scratch.turn;
  add(0, scratch.current, scratch);
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    scratch.next.clear();
    ++scratch.turn;
    for (const std::uint32_t index : scratch.current) {
      ++scratch.work;
      if (index == steps_.size()) continue;
      const Step& step = steps_[index];
      switch (step.kind) {
        case Step::Kind::kByte:
          if (step.value == byte) add(index + 1, scratch.next, scratch);
          break;
        case Step::Kind::kAny:
          add(index + 1, scratch.next, scratch);
          break;
        case Step::Kind::kAnyButSlash:
          if (byte != '/') add(index + 1, scratch.next, scratch);
          break;
        case Step::Kind::kClass:
          if (classes_[step.value].test(byte)) add(index + 1, scratch.next, scratch);
          break;
        case Step::Kind::kManyButSlash:
          if (byte != '/') add(index, scratch.next, scratch);
          break;
        case Step::Kind::kMany:
          add(index, scratch.next, scratch);
          break;
        case Step::Kind::kBranch:
          break;  // never in a set
      }
    }
    scratch.current.swap(scratch.next);
    if (scratch.current.empty()) return false;
  }
  return scratch.seen[steps_.size()] == scratch.turn;
}

std::size_t Wildmatch::bytes() const noexcept {
  return sizeof *this + suffix_.capacity() + steps_.capacity() * sizeof(Step) + classes_.capacity() * sizeof(ByteSet);
}

}  // namespace penstock::git
