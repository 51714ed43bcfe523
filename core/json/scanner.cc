#include "core/json/scanner.h"

#include <vector>

#include "core/json/utf8.h"

namespace penstock::json {
namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

class Scanner {
 public:
  Scanner(std::string_view text, std::size_t max_depth, const std::function<void(std::string_view)>& on_number)
      : text_(text), max_depth_(max_depth), on_number_(on_number) {}

  ScanResult run() {
    if (document()) {
      skip_space();
      if (position_ < text_.size()) fail("unexpected text after the end of the document");
    }
    return std::move(result_);
  }

 private:
  enum class Container : char { kArray, kObject };

  bool fail(const char* reason) { return fail_at(position_, reason); }
  bool fail_at(std::size_t offset, const char* reason) {
    result_ = {ScanResult::Verdict::kInvalid, offset, reason};
    return false;
  }

  bool at_end() const noexcept { return position_ >= text_.size(); }
  char peek() const noexcept { return at_end() ? '\0' : text_[position_]; }

  void skip_space() noexcept {
    while (!at_end() && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')) ++position_;
  }

  bool document() {
    skip_space();
    if (at_end()) return fail("the document is empty");
    bool value_done = false;  // false: a value is to come; true: one has just ended
    for (;;) {
      skip_space();
      if (!value_done) {
        if (peek() == '[' || peek() == '{') {
          if (!open(value_done)) return false;
        } else {
          if (!scalar()) return false;
          value_done = true;
        }
        continue;
      }
      if (open_.empty()) return true;
      const bool object = open_.back() == Container::kObject;
      if (at_end()) return fail("unexpected end of the document");
      if (peek() == ',') {
        ++position_;
        if (object && !member_name()) return false;
        value_done = false;
      } else if (peek() == (object ? '}' : ']')) {
        ++position_;
        open_.pop_back();
      } else {
        return fail(object ? "expected ',' or '}'" : "expected ',' or ']'");
      }
    }
  }

  bool open(bool& value_done) {
    const bool object = peek() == '{';
    if (open_.size() >= max_depth_) {
      result_ = {ScanResult::Verdict::kTooDeep, position_, "arrays and objects are nested too deeply"};
      return false;
    }
    ++position_;
    skip_space();
    if (peek() == (object ? '}' : ']')) {
      ++position_;
      value_done = true;
      return true;
    }
    open_.push_back(object ? Container::kObject : Container::kArray);
    value_done = false;
    return !object || member_name();
  }

  bool member_name() {
    skip_space();
    if (at_end()) return fail("unexpected end of the document");
    if (peek() != '"') return fail("expected a member name in double quotes");
    if (!string()) return false;
    skip_space();
    if (peek() != ':') return fail(at_end() ? "unexpected end of the document" : "expected ':'");
    ++position_;
    return true;
  }

  bool scalar() {
    if (at_end()) return fail("unexpected end of the document");
    switch (peek()) {
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        break;
    }
    if (peek() == '-' || is_digit(peek())) return number();
    return fail("expected a value");
  }

  bool word(std::string_view expected) {
    if (text_.substr(position_, expected.size()) != expected) return fail("expected a value");
    position_ += expected.size();
    return true;
  }

  bool digits() {
    if (!is_digit(peek())) return fail("expected a digit");
    while (is_digit(peek())) ++position_;
    return true;
  }

  bool number() {
    const std::size_t start = position_;
    if (peek() == '-') ++position_;
    if (peek() == '0') {
      ++position_;
      if (is_digit(peek())) return fail_at(start, "a number starts with a superfluous zero");
    } else if (!digits()) {
      return false;
    }
    if (peek() == '.') {
      ++position_;
      if (!digits()) return false;
    }
    if (peek() == 'e' || peek() == 'E') {
      ++position_;
      if (peek() == '+' || peek() == '-') ++position_;
      if (!digits()) return false;
    }
    if (on_number_) on_number_(text_.substr(start, position_ - start));
    return true;
  }

  bool string() {
    const std::size_t start = position_++;
    while (!at_end()) {
      const char c = peek();
      if (c == '"') {
        ++position_;
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) return fail("a control character in a string is not escaped");
      if (c == '\\') {
        if (!escape()) return false;
        continue;
      }
      const CodePoint code_point = decode_code_point(text_, position_);
      if (code_point.length == 0) return fail("a string is not valid UTF-8");
      position_ += code_point.length;
    }
    return fail_at(start, "a string is not closed");
  }

  bool escape() {
    const std::size_t start = position_++;
    const char c = peek();
    ++position_;
    switch (c) {
      case '"':
      case '\\':
      case '/':
      case 'b':
      case 'f':
      case 'n':
      case 'r':
      case 't':
        return true;
      case 'u':
        break;
      default:
        return fail_at(start, "unknown escape in a string");
    }
    const int unit = parse_hex4(text_, position_);
    if (unit < 0) return fail_at(start, "\\u is not followed by four hexadecimal digits");
    position_ += 4;
    if (is_low_surrogate(static_cast<std::uint32_t>(unit))) return fail_at(start, "lone surrogate in a string");
    if (is_high_surrogate(static_cast<std::uint32_t>(unit))) {
      const int low = text_.substr(position_, 2) == "\\u" ? parse_hex4(text_, position_ + 2) : -1;
      if (low < 0 || !is_low_surrogate(static_cast<std::uint32_t>(low))) {
        return fail_at(start, "lone surrogate in a string");
      }
      position_ += 6;
    }
    return true;
  }

  std::string_view text_;
  std::size_t max_depth_;
  const std::function<void(std::string_view)>& on_number_;
  std::size_t position_ = 0;
  std::vector<Container> open_;
  ScanResult result_;
};

}  // namespace

ScanResult scan_json(std::string_view text, std::size_t max_depth,
                     const std::function<void(std::string_view)>& on_number) {
  return Scanner(text, max_depth, on_number).run();
}

std::string_view skip_byte_order_mark(std::string_view text) noexcept {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text;
}

}  // namespace penstock::json
