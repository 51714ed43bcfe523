#include "core/json/iregexp.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <vector>

#include "core/base/error.h"
#include "core/json/utf8.h"

namespace penstock::json {
namespace {

constexpr std::size_t kMaxPatternBytes = 4096;
constexpr std::size_t kMaxGroupDepth = 100;
constexpr std::size_t kMaxWeight = 100'000;
constexpr std::size_t kMaxOptional =
    2'500;  // pieces that may be left out: RE2 compiles a row of them in quadratic time
constexpr std::size_t kOptionalWeight = 8;
constexpr std::size_t kMaxRepeat = 1000;  // RE2's own, for one repetition and for nested ones multiplied
constexpr std::size_t kMaxTranslatedBytes = 256 << 10;
constexpr std::size_t kRegexMemory = 4 << 20;
constexpr std::size_t kCategoryWeight = 400;  // UTF-8 automata of a Unicode category

constexpr std::string_view kAnyCharacter = "[^\\n\\r]";
// RE2 knows no unassigned code points (Cn), hence its C is XSD's C without them.
constexpr std::string_view kAllButOther = "\\pL\\pM\\pN\\pP\\pS\\pZ";
constexpr std::string_view kAssigned = "\\pL\\pM\\pN\\pP\\pS\\pZ\\pC";

[[noreturn]] void throw_exhausted(const std::string& what) {
  throw Error(ErrorKind::kExhausted, "compiling the regular expression: " + what);
}

// Any code point, in or out of brackets, without a meaning of its own.
void append_literal(std::string& out, char32_t c) {
  const bool plain = c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  if (plain) {
    append_utf8(out, c);
    return;
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  out += "\\x";
  out.push_back(kDigits[c >> 4 & 0xF]);
  out.push_back(kDigits[c & 0xF]);
}

bool is_category(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 36> kCategories = {
      "L",  "Ll", "Lm", "Lo", "Lt", "Lu", "M",  "Mc", "Me", "Mn", "N",  "Nd", "Nl", "No", "P",  "Pc", "Pd", "Pe",
      "Pf", "Pi", "Po", "Ps", "Z",  "Zl", "Zp", "Zs", "S",  "Sc", "Sk", "Sm", "So", "C",  "Cc", "Cf", "Cn", "Co"};
  return std::find(kCategories.begin(), kCategories.end(), name) != kCategories.end();
}

// The code points that RE2's Unicode tables leave unassigned, as the inside of a bracket. Surrogates are left out: no
// text has them. Found by asking RE2, block by block, once (some ten milliseconds).
const std::string& unassigned_code_points() {
  static const std::string ranges = [] {
    const Regex some_unassigned("[^" + std::string(kAssigned) + "]");
    const Regex some_assigned("[" + std::string(kAssigned) + "]");
    constexpr char32_t kBlock = 128;
    constexpr char32_t kEnd = 0x110000;
    std::string result;
    std::optional<char32_t> start;
    const auto note = [&](char32_t c, bool unassigned) {
      if (unassigned && !start) start = c;
      if (!unassigned && start) {
        append_literal(result, *start);
        result.push_back('-');
        append_literal(result, c - 1);
        start.reset();
      }
    };
    for (char32_t block = 0; block < kEnd; block += kBlock) {
      if (is_high_surrogate(block) || is_low_surrogate(block)) {
        note(block, false);
        continue;
      }
      std::string text;
      for (char32_t c = block; c < block + kBlock; ++c) append_utf8(text, c);
      const bool has_unassigned = some_unassigned.matches_part(text);
      if (!has_unassigned || !some_assigned.matches_part(text)) {
        note(block, has_unassigned);
        continue;
      }
      for (char32_t c = block; c < block + kBlock; ++c) {
        text.clear();
        append_utf8(text, c);
        note(c, some_unassigned.matches_part(text));
      }
    }
    note(kEnd, false);
    return result;
  }();
  return ranges;
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  std::optional<TranslatedRegexp> run() {
    if (pattern_.size() > kMaxPatternBytes) {
      throw_exhausted("it is longer than " + std::to_string(kMaxPatternBytes) + " bytes");
    }
    if (!expression()) return std::nullopt;
    return TranslatedRegexp{std::move(out_), weight_};
  }

 private:
  struct Start {           // of an atom
    std::size_t position;  // in out_
    std::size_t weight;    // of all before it
    std::size_t optional;
  };

  bool at_end() const noexcept { return position_ >= pattern_.size(); }
  char peek() const noexcept { return at_end() ? '\0' : pattern_[position_]; }
  bool accept(char c) noexcept {
    if (at_end() || peek() != c) return false;
    ++position_;
    return true;
  }

  void add_weight(std::size_t weight) {
    weight_ += weight;
    if (weight_ > kMaxWeight) throw_exhausted("it repeats too much");
    if (out_.size() > kMaxTranslatedBytes) throw_exhausted("it repeats too much");
  }

  void add_optional(std::size_t pieces) {
    optional_ += pieces;
    if (optional_ > kMaxOptional) throw_exhausted("too much of it is optional");
    add_weight(1 + pieces * kOptionalWeight);
  }

  bool expression() {
    while (!at_end()) {
      const Start start{out_.size(), weight_, optional_};
      switch (peek()) {
        case '(':
          ++position_;
          if (groups_.size() >= kMaxGroupDepth) throw_exhausted("its groups are nested too deeply");
          groups_.push_back(start);
          out_ += "(?:";
          at_branch_start_ = true;
          continue;
        case ')': {
          if (groups_.empty()) return false;
          ++position_;
          out_.push_back(')');
          const Start group = groups_.back();
          groups_.pop_back();
          at_branch_start_ = false;
          if (!quantifier(group)) return false;
          continue;
        }
        case '|':
          ++position_;
          out_.push_back('|');
          add_weight(1);
          at_branch_start_ = true;
          continue;
        default:
          break;
      }
      if (!atom() || !quantifier(start)) return false;
      at_branch_start_ = false;
    }
    return groups_.empty();
  }

  // Anything but a group.
  bool atom() {
    switch (peek()) {
      case '.':
        ++position_;
        out_ += kAnyCharacter;
        add_weight(10);
        return true;
      case '^':
      case '$':
        if (anchor()) return true;
        break;
      case '[':
        return bracket();
      case '\\':
        return category_outside() || literal_escape();
      case '*':
      case '+':
      case '?':
      case ']':
      case '{':
      case '}':
        return false;
      default:
        break;
    }
    const CodePoint c = decode_code_point(pattern_, position_);
    if (c.length == 0) return false;
    position_ += c.length;
    append_literal(out_, c.value);
    add_weight(1);
    return true;
  }

  // RFC 9485 has '^' and '$' stand for themselves, yet lets engines take patterns as they are (section 5), in which
  // they are anchors; the RFC 9535 compliance suite, and everyone who writes '^refs/', expects that. So: '^' that
  // begins a branch and '$' that ends one are anchors; elsewhere, where an anchor could never match, they are
  // characters.
  bool anchor() {
    const std::string_view rest = pattern_.substr(position_ + 1);
    const char next = rest.empty() ? '|' : rest.front();
    if (peek() == '^') {
      if (!at_branch_start_ || next == '*' || next == '+' || next == '?' || next == '{') return false;
      out_ += "\\A";
    } else {
      if (next != '|' && next != ')') return false;
      out_ += "\\z";
    }
    ++position_;
    add_weight(1);
    return true;
  }

  bool literal_escape() {
    const std::optional<char32_t> c = single_escape();
    if (!c) return false;
    append_literal(out_, *c);
    add_weight(1);
    return true;
  }

  // SingleCharEsc; moves on only when there is one.
  std::optional<char32_t> single_escape() {
    if (peek() != '\\' || position_ + 1 >= pattern_.size()) return std::nullopt;
    const char c = pattern_[position_ + 1];
    char32_t meaning = static_cast<unsigned char>(c);
    switch (c) {
      case 'n':
        meaning = '\n';
        break;
      case 'r':
        meaning = '\r';
        break;
      case 't':
        meaning = '\t';
        break;
      default:
        if (std::string_view("()*+-.?[\\]^{|}").find(c) == std::string_view::npos) return std::nullopt;
    }
    position_ += 2;
    return meaning;
  }

  struct Category {
    std::string_view name;
    bool complement;
  };
  // charClassEsc; moves on only when there is one.
  std::optional<Category> category() {
    const std::string_view rest = pattern_.substr(position_);
    if (!rest.starts_with("\\p{") && !rest.starts_with("\\P{")) return std::nullopt;
    const std::size_t close = rest.find('}');
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view name = rest.substr(3, close - 3);
    if (!is_category(name)) return std::nullopt;
    position_ += close + 1;
    return Category{name, rest[1] == 'P'};
  }

  bool category_outside() {
    const std::optional<Category> found = category();
    if (!found) return false;
    if (found->name == "C" || found->name == "Cn") {
      out_ += found->complement ? "[" : "[^";
      out_ += found->name == "C" ? kAllButOther : kAssigned;
      out_ += "]";
    } else {
      append_category(*found);
    }
    add_weight(kCategoryWeight);
    return true;
  }

  void append_category(const Category& found) {
    out_ += found.complement ? "\\P{" : "\\p{";
    out_ += found.name;
    out_.push_back('}');
  }

  // charClassExpr
  bool bracket() {
    ++position_;
    out_.push_back('[');
    if (accept('^')) out_.push_back('^');
    bool empty = true;
    if (accept('-')) {
      append_literal(out_, '-');
      empty = false;
    }
    std::size_t weight = 2;
    while (!at_end() && peek() != ']' && peek() != '-') {
      if (const std::optional<Category> found = category()) {
        if (found->name == "C" || found->name == "Cn") {
          if (found->complement) {
            out_ += found->name == "C" ? kAllButOther : kAssigned;
          } else {
            if (found->name == "C") out_ += "\\pC";
            out_ += unassigned_code_points();
          }
        } else {
          append_category(*found);
        }
        weight += kCategoryWeight;
      } else if (!bracket_range()) {
        return false;
      } else {
        weight += 2;
      }
      empty = false;
    }
    if (accept('-')) {
      append_literal(out_, '-');
      empty = false;
    }
    if (empty || !accept(']')) return false;
    out_.push_back(']');
    add_weight(weight);
    return true;
  }

  bool bracket_range() {
    const std::optional<char32_t> first = bracket_character();
    if (!first) return false;
    append_literal(out_, *first);
    // A '-' right before the closing bracket stands for itself.
    if (peek() != '-' || pattern_.substr(position_ + 1, 1) == "]") return true;
    ++position_;
    const std::optional<char32_t> last = bracket_character();
    if (!last || *last < *first) return false;
    out_.push_back('-');
    append_literal(out_, *last);
    return true;
  }

  std::optional<char32_t> bracket_character() {
    if (peek() == '\\') return single_escape();
    if (at_end() || peek() == '-' || peek() == '[' || peek() == ']') return std::nullopt;
    const CodePoint c = decode_code_point(pattern_, position_);
    if (c.length == 0) return std::nullopt;
    position_ += c.length;
    return c.value;
  }

  // At most one, for the atom that was written from `start` on.
  bool quantifier(const Start& start) {
    if (accept('*')) {
      out_.push_back('*');
    } else if (accept('+')) {
      out_.push_back('+');
    } else if (accept('?')) {
      out_.push_back('?');
    } else if (peek() == '{') {
      return range_quantifier(start);
    } else {
      return true;
    }
    add_optional(1);
    return true;
  }

  // Saturates; nothing when there is no digit.
  std::optional<std::size_t> quantity() {
    if (at_end() || peek() < '0' || peek() > '9') return std::nullopt;
    std::size_t value = 0;
    while (!at_end() && peek() >= '0' && peek() <= '9') {
      value = std::min<std::size_t>(value * 10 + static_cast<std::size_t>(peek() - '0'), 1'000'000'000);
      ++position_;
    }
    return value;
  }

  bool range_quantifier(const Start& start) {
    ++position_;
    const std::optional<std::size_t> least = quantity();
    if (!least) return false;
    std::optional<std::size_t> most = least;
    if (accept(',')) most = quantity();
    if (!accept('}') || (most && *most < *least)) return false;

    const std::size_t copies = std::max<std::size_t>(most.value_or(*least + 1), 1);
    if (copies > kMaxWeight) throw_exhausted("it repeats too much");
    const std::size_t atom_optional = optional_ - start.optional;
    add_weight(std::max<std::size_t>(weight_ - start.weight, 1) * (copies - 1));
    add_optional(atom_optional * (copies - 1) + (most ? *most - *least : 1));
    repeat(out_.substr(start.position), start.position, *least, most);
    return true;
  }

  // {n,m} in pieces that RE2 takes.
  void repeat(const std::string& atom_text, std::size_t start, std::size_t least, std::optional<std::size_t> most) {
    const auto braces = [](std::size_t n) { return "{" + std::to_string(n) + "}"; };
    out_.resize(start);
    std::size_t pieces = 0;
    const auto piece = [&](const std::string& count) {
      out_ += atom_text + count;
      ++pieces;
      add_weight(0);
    };
    out_ += "(?:";
    while (least > kMaxRepeat) {
      piece(braces(kMaxRepeat));
      least -= kMaxRepeat;
      if (most) *most -= kMaxRepeat;
    }
    if (!most) {
      piece("{" + std::to_string(least) + ",}");
    } else {
      std::size_t optional = *most - least;
      const std::size_t now = std::min(optional, kMaxRepeat - least);
      piece("{" + std::to_string(least) + "," + std::to_string(least + now) + "}");
      for (optional -= now; optional > 0;) {
        const std::size_t some = std::min(optional, kMaxRepeat);
        piece("{0," + std::to_string(some) + "}");
        optional -= some;
      }
    }
    out_.push_back(')');
  }

  std::string_view pattern_;
  std::size_t position_ = 0;
  bool at_branch_start_ = true;
  std::string out_;
  std::size_t weight_ = 0;
  std::size_t optional_ = 0;
  std::vector<Start> groups_;
};

}  // namespace

std::optional<TranslatedRegexp> translate_iregexp(std::string_view pattern) {
  return Translator(pattern).run();
}

std::optional<IRegexp> IRegexp::compile(std::string_view pattern) {
  std::optional<TranslatedRegexp> translated = translate_iregexp(pattern);
  if (!translated) return std::nullopt;
  try {
    return IRegexp(Regex(translated->re2, kRegexMemory), translated->weight);
  } catch (const Error&) {
    // The syntax is sound, so what RE2 refuses is the size.
    throw_exhausted("it repeats too much");
  }
}

}  // namespace penstock::json
