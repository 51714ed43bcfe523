#include "core/hooks/glob.h"

#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::hooks {
namespace {

constexpr std::size_t kMaxPattern = 4'096;  // bytes; bounds the work per character of the text

void refuse_length(std::string_view pattern) {
  if (pattern.size() <= kMaxPattern) return;
  throw Error(ErrorKind::kInvalidInput, "column " + std::to_string(kMaxPattern) + ": the pattern is longer than " +
                                            std::to_string(kMaxPattern) + " bytes");
}

}  // namespace

std::uint32_t next_code_point(std::string_view text, std::size_t& at) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const auto first = byte(at);
  const std::size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
  if (length == 1) return byte(at++);
  if (length == 0 || at + length > text.size()) return 0x110000u + byte(at++);
  auto code_point = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0u) != 0x80u) return 0x110000u + byte(at++);
    code_point = code_point << 6 | (byte(at + i) & 0x3fu);
  }
  at += length;
  return code_point;
}

class Glob::Compiler {
 public:
  enum class Braces { kAlternatives, kAlternativesAndCaptures };

  Compiler(std::string_view pattern, SlashMeaning slash, Braces braces) : slash_(slash), braces_(braces) {
    for (std::size_t at = 0; at < pattern.size();) {
      const auto begin = at;
      characters_.push_back(next_code_point(pattern, at));
      bytes_.push_back(pattern.substr(begin, at - begin));
    }
    glob_.slash_ = slash;
  }

  Glob compile() {
    while (auto c = take()) compile_one(*c);
    if (in_group_) fail(group_column_, "the alternatives opened here are not closed with '}'");
    emit(Step::Kind::kAccept);
    classify();
    return std::move(glob_);
  }

 private:
  void classify() {
    using Kind = Step::Kind;
    const auto& steps = glob_.steps_;
    std::size_t leading = 0;
    while (steps[leading].kind == Kind::kLiteral) ++leading;
    glob_.prefix_ = literal_.substr(0, leading == 0 ? 0 : literal_ends_[leading - 1]);
    const auto rest = steps.begin() + static_cast<std::ptrdiff_t>(leading);
    if (rest->kind == Kind::kAccept) {
      glob_.shape_ = Shape::kLiteral;
    } else if (steps.end() - rest >= 4 && rest[0].kind == Kind::kBranch && rest[1].kind == Kind::kAny &&
               rest[2].kind == Kind::kJump && is_valid_utf8(literal_) &&
               std::all_of(rest + 3, steps.end() - 1, [](const Step& s) { return s.kind == Kind::kLiteral; })) {
      glob_.shape_ = Shape::kPrefixAndSuffix;
      glob_.suffix_ = literal_.substr(glob_.prefix_.size());
    }
  }

  [[noreturn]] static void fail(std::size_t column, const std::string& what) {
    throw Error(ErrorKind::kInvalidInput, "column " + std::to_string(column) + ": " + what);
  }

  std::optional<std::uint32_t> take() {
    return at_ < characters_.size() ? std::optional(characters_[at_++]) : std::nullopt;
  }
  bool next_is(char c) const { return at_ < characters_.size() && characters_[at_] == static_cast<std::uint32_t>(c); }

  std::uint32_t emit(Step::Kind kind, std::uint32_t value = 0, std::uint32_t second = 0) {
    glob_.steps_.push_back({kind, value, second});
    return static_cast<std::uint32_t>(glob_.steps_.size() - 1);
  }
  std::uint32_t here() const { return static_cast<std::uint32_t>(glob_.steps_.size()); }

  void emit_literal() {
    emit(Step::Kind::kLiteral, characters_[at_ - 1]);
    literal_ += bytes_[at_ - 1];
    literal_ends_.push_back(literal_.size());
  }

  std::uint32_t take_escaped() {
    if (at_ == characters_.size()) fail(at_, "a backslash at the end escapes nothing");
    return *take();
  }

  void compile_one(std::uint32_t c) {
    switch (c) {
      case '*': {
        const bool crosses = next_is('*');
        while (next_is('*')) ++at_;
        emit_loop(slash_ == SlashMeaning::kOrdinary || crosses ? Step::Kind::kAny : Step::Kind::kAnyButSlash);
        return;
      }
      case '?':
        emit(slash_ == SlashMeaning::kOrdinary ? Step::Kind::kAny : Step::Kind::kAnyButSlash);
        return;
      case '[':
        compile_class();
        return;
      case '\\':
        take_escaped();
        emit_literal();
        return;
      case '{':
        if (in_group_) fail(at_, "alternatives cannot be nested");
        if (braces_ == Braces::kAlternativesAndCaptures && compile_capture()) return;
        in_group_ = true;
        group_column_ = at_;
        open_branch_ = emit(Step::Kind::kBranch);
        glob_.steps_[open_branch_].value = here();
        return;
      case ',':
        if (!in_group_) break;
        jumps_to_end_.push_back(emit(Step::Kind::kJump));
        glob_.steps_[open_branch_].second = here();
        open_branch_ = emit(Step::Kind::kBranch);
        glob_.steps_[open_branch_].value = here();
        return;
      case '}':
        if (!in_group_) break;
        // The last alternative has no successor: its branch goes the same way twice.
        glob_.steps_[open_branch_].second = glob_.steps_[open_branch_].value;
        for (const auto jump : jumps_to_end_) glob_.steps_[jump].value = here();
        jumps_to_end_.clear();
        in_group_ = false;
        return;
      default:
        break;
    }
    emit_literal();
  }

  // "{name}", of which the brace is taken already. False: what follows are alternatives.
  bool compile_capture() {
    const auto column = at_;
    std::string name;
    auto end = at_;
    for (; end < characters_.size() && characters_[end] != '}'; ++end) {
      if (characters_[end] == ',') return false;
      name += bytes_[end];
    }
    if (end == characters_.size()) return false;  // the group that is not closed is told of in the end
    constexpr std::string_view kNameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    if (name.empty() || name.size() > 50 || name.find_first_not_of(kNameCharacters) != std::string::npos)
      fail(column, "expected a name of letters, digits, \"_\" and \"-\" in the braces, or alternatives with commas");
    for (const Capture& other : glob_.captures_) {
      if (other.name == name) fail(column, "{" + name + "} is there twice");
    }
    at_ = end + 1;
    Capture capture{.name = std::move(name), .begin = here()};
    emit(Step::Kind::kAnyButSlash);
    emit_loop(Step::Kind::kAnyButSlash);
    glob_.captures_.push_back(std::move(capture));
    return true;
  }

  // Any number of such characters.
  void emit_loop(Step::Kind kind) {
    const auto branch = emit(Step::Kind::kBranch, here() + 1, here() + 3);
    emit(kind);
    emit(Step::Kind::kJump, branch);
  }

  void compile_class() {
    const auto column = at_;
    Class set;
    if (next_is('!')) {
      set.negated = true;
      ++at_;
    }
    while (!next_is(']')) {
      const auto first = take_class_member(column);
      auto last = first;
      if (next_is('-') && at_ + 1 < characters_.size() && characters_[at_ + 1] != ']') {
        ++at_;
        last = take_class_member(column);
        if (last < first) fail(at_, "the range runs backwards");
      }
      set.ranges.emplace_back(first, last);
    }
    ++at_;
    if (set.ranges.empty()) fail(column, "the character class is empty");
    emit(Step::Kind::kClass, static_cast<std::uint32_t>(glob_.classes_.size()));
    glob_.classes_.push_back(std::move(set));
  }

  std::uint32_t take_class_member(std::size_t column) {
    const auto c = take();
    if (!c) fail(column, "the character class opened here is not closed with ']'");
    return *c == '\\' ? take_escaped() : *c;
  }

  SlashMeaning slash_;
  Braces braces_;
  std::vector<std::uint32_t> characters_;
  std::vector<std::string_view> bytes_;
  std::size_t at_ = 0;
  Glob glob_;
  std::string literal_;  // the literal characters one after the other
  std::vector<std::size_t> literal_ends_;
  bool in_group_ = false;
  std::size_t group_column_ = 0;
  std::uint32_t open_branch_ = 0;
  std::vector<std::uint32_t> jumps_to_end_;
};

Glob Glob::compile(std::string_view pattern, SlashMeaning slash) {
  refuse_length(pattern);
  return Compiler(pattern, slash, Compiler::Braces::kAlternatives).compile();
}

Glob Glob::compile_with_captures(std::string_view pattern) {
  refuse_length(pattern);
  return Compiler(pattern, SlashMeaning::kSeparator, Compiler::Braces::kAlternativesAndCaptures).compile();
}

bool Glob::consumes(const Step& step, std::uint32_t code_point) const noexcept {
  switch (step.kind) {
    case Step::Kind::kAny:
      return true;
    case Step::Kind::kLiteral:
      return step.value == code_point;
    case Step::Kind::kAnyButSlash:
      return code_point != '/';
    case Step::Kind::kClass:
      return class_contains(classes_[step.value], code_point);
    case Step::Kind::kBranch:
    case Step::Kind::kJump:
    case Step::Kind::kAccept:
      break;
  }
  return false;
}

bool Glob::class_contains(const Class& set, std::uint32_t code_point) const noexcept {
  if (slash_ == SlashMeaning::kSeparator && code_point == '/') return false;
  const bool listed = std::any_of(set.ranges.begin(), set.ranges.end(), [&](const auto& range) {
    return range.first <= code_point && code_point <= range.second;
  });
  return listed != set.negated;
}

bool Glob::matches(std::string_view text) const {
  if (shape_ == Shape::kLiteral) return text == prefix_;
  if (!text.starts_with(prefix_)) return false;
  if (shape_ == Shape::kPrefixAndSuffix) {
    return text.size() >= prefix_.size() + suffix_.size() && text.ends_with(suffix_);
  }
  // Thompson's simulation: all states at once, so that no pattern can make it go back. `seen` holds for each state the
  // round in which it was last added.
  std::vector<std::uint32_t> now, next, pending;
  std::vector<std::size_t> seen(steps_.size(), 0);
  std::size_t round = 0;
  bool accepted = false;
  const auto add = [&](std::uint32_t state, std::vector<std::uint32_t>& states) {
    pending.push_back(state);
    while (!pending.empty()) {
      const auto current = pending.back();
      pending.pop_back();
      if (seen[current] == round) continue;
      seen[current] = round;
      const auto& step = steps_[current];
      switch (step.kind) {
        case Step::Kind::kBranch:
          pending.push_back(step.second);
          pending.push_back(step.value);
          break;
        case Step::Kind::kJump:
          pending.push_back(step.value);
          break;
        case Step::Kind::kAccept:
          accepted = true;
          break;
        case Step::Kind::kLiteral:
        case Step::Kind::kAny:
        case Step::Kind::kAnyButSlash:
        case Step::Kind::kClass:
          states.push_back(current);
          break;
      }
    }
  };
  ++round;
  add(0, now);
  for (std::size_t at = 0; at < text.size();) {
    if (now.empty()) return false;
    const auto c = next_code_point(text, at);
    ++round;
    accepted = false;
    next.clear();
    for (const auto state : now) {
      if (consumes(steps_[state], c)) add(state + 1, next);
    }
    now.swap(next);
  }
  return accepted;
}

std::vector<std::string> Glob::capture_names() const {
  std::vector<std::string> names;
  for (const Capture& capture : captures_) names.push_back(capture.name);
  return names;
}

// Tries one way after the other, no step twice at the same place. Every way leads through every capture, so that what a
// failed one noted is written over.
std::optional<std::vector<std::string_view>> Glob::capture(std::string_view text) const {
  using Kind = Step::Kind;
  std::vector<std::pair<std::size_t, std::size_t>> bounds(captures_.size());
  std::vector<bool> tried(steps_.size() * (text.size() + 1));
  std::vector<std::pair<std::uint32_t, std::size_t>> others = {{0, 0}};
  while (!others.empty()) {
    auto [step, at] = others.back();
    others.pop_back();
    for (bool goes_on = true; goes_on;) {
      for (std::size_t i = 0; i < captures_.size(); ++i) {
        if (captures_[i].begin == step) bounds[i].first = at;
        // The loop in it, which is left as soon as what follows matches from here.
        if (captures_[i].begin + 1 == step) bounds[i].second = at;
      }
      switch (steps_[step].kind) {
        case Kind::kBranch: {
          const std::size_t place = step * (text.size() + 1) + at;
          goes_on = !tried[place];
          tried[place] = true;
          const auto [value, second] = std::pair(steps_[step].value, steps_[step].second);
          const bool is_loop =
              step + 2 < steps_.size() && steps_[step + 2].kind == Kind::kJump && steps_[step + 2].value == step;
          if (goes_on) others.emplace_back(is_loop ? value : second, at);
          step = is_loop ? second : value;
          break;
        }
        case Kind::kJump:
          step = steps_[step].value;
          break;
        case Kind::kAccept:
          if (at == text.size()) {
            std::vector<std::string_view> values;
            for (const auto& [begin, end] : bounds) values.push_back(text.substr(begin, end - begin));
            return values;
          }
          goes_on = false;
          break;
        case Kind::kLiteral:
        case Kind::kAny:
        case Kind::kAnyButSlash:
        case Kind::kClass:
          goes_on = at < text.size() && consumes(steps_[step], next_code_point(text, at));
          ++step;
          break;
      }
    }
  }
  return std::nullopt;
}

std::string escape_glob(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string_view("*?[]{},\\!-").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace penstock::hooks
