#include "core/json/jsonpath_parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/json/utf8.h"

namespace penstock::json {
namespace {

constexpr std::size_t kMaxQueryBytes = 64 << 10;
constexpr int kMaxNesting = 50;
constexpr std::int64_t kMaxInteger = (std::int64_t{1} << 53) - 1;  // RFC 7493

enum class ValueKind { kValue, kNodes };     // what a parameter wants
enum class ResultKind { kValue, kLogical };  // what a function gives; none of RFC 9535's gives nodes

struct Signature {
  std::string_view name;
  Function function;
  std::vector<ValueKind> parameters;
  ResultKind result;
};

const std::array<Signature, 5>& signatures() {
  static const std::array<Signature, 5> table = {{
      {"length", Function::kLength, {ValueKind::kValue}, ResultKind::kValue},
      {"count", Function::kCount, {ValueKind::kNodes}, ResultKind::kValue},
      {"match", Function::kMatch, {ValueKind::kValue, ValueKind::kValue}, ResultKind::kLogical},
      {"search", Function::kSearch, {ValueKind::kValue, ValueKind::kValue}, ResultKind::kLogical},
      {"value", Function::kValue, {ValueKind::kNodes}, ResultKind::kValue},
  }};
  return table;
}

ResultKind result_of(const FunctionCall& call) {
  for (const Signature& signature : signatures()) {
    if (signature.function == call.function) return signature.result;
  }
  return ResultKind::kValue;
}

std::string_view name_of(const FunctionCall& call) {
  for (const Signature& signature : signatures()) {
    if (signature.function == call.function) return signature.name;
  }
  return "";
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_lower(char c) noexcept {
  return c >= 'a' && c <= 'z';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  PathQuery run() {
    if (text_.size() > kMaxQueryBytes) fail(0, "the query is longer than " + std::to_string(kMaxQueryBytes) + " bytes");
    for (std::size_t at = 0; at < text_.size();) {
      const CodePoint c = decode_code_point(text_, at);
      if (c.length == 0) fail(at, "the query is not valid UTF-8");
      at += c.length;
    }
    if (peek() != '$') fail(position_, "expected '$' at the start of the query");
    PathQuery query = path_query();
    if (!at_end()) fail(position_, "expected '.', '[' or the end of the query, found " + found());
    return query;
  }

 private:
  class Nesting {
   public:
    explicit Nesting(Parser& parser) : parser_(parser) {
      if (++parser_.nesting_ > kMaxNesting) parser_.fail(parser_.position_, "the query is nested too deeply");
    }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    ~Nesting() { --parser_.nesting_; }

   private:
    Parser& parser_;
  };

  [[noreturn]] void fail(std::size_t offset, const std::string& what) const {
    const std::size_t column = count_code_points(text_.substr(0, offset)) + 1;
    throw Error(ErrorKind::kInvalidInput, "column " + std::to_string(column) + ": " + what);
  }
  std::string found() const {
    if (at_end()) return "the end of the query";
    const CodePoint c = decode_code_point(text_, position_);
    return in_quotes(text_.substr(position_, std::max(c.length, 1u)));
  }

  bool at_end() const noexcept { return position_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const noexcept {
    return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0';
  }
  bool accept(std::string_view token) noexcept {
    if (!text_.substr(position_).starts_with(token)) return false;
    position_ += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token)) fail(position_, "expected '" + std::string(token) + "', found " + found());
  }
  void skip_space() noexcept {
    while (is_blank(peek())) ++position_;
  }

  // From the '$' or '@' on.
  PathQuery path_query() {
    PathQuery query;
    query.is_absolute = peek() == '$';
    ++position_;
    for (;;) {
      const std::size_t before_space = position_;
      skip_space();
      if (peek() != '.' && peek() != '[') {
        position_ = before_space;  // blank space belongs to the path only between segments
        return query;
      }
      query.segments.push_back(segment(query));
    }
  }

  Segment segment(PathQuery& query) {
    Segment result;
    if (accept("..")) {
      result.is_descendant = true;
      query.is_singular = false;
    }
    if (peek() == '[') {
      const std::size_t start = position_;
      result.selectors = bracketed();
      const Selector::Kind kind = result.selectors.front().kind;
      if (result.selectors.size() > 1 || (kind != Selector::Kind::kName && kind != Selector::Kind::kIndex)) {
        query.is_singular = false;
      }
      query.has_blank_in_brackets |= is_blank(text_[start + 1]) || is_blank(text_[position_ - 2]);
      return result;
    }
    if (!result.is_descendant) expect(".");
    Selector selector;
    if (accept("*")) {
      query.is_singular = false;
    } else {
      selector.kind = Selector::Kind::kName;
      selector.name = shorthand_name();
    }
    result.selectors.push_back(std::move(selector));
    return result;
  }

  std::string shorthand_name() {
    const std::size_t start = position_;
    while (!at_end()) {
      const char c = peek();
      const bool is_letter = is_lower(c) || (c >= 'A' && c <= 'Z') || c == '_';
      if (is_letter || (is_digit(c) && position_ > start)) {
        ++position_;
      } else if (static_cast<unsigned char>(c) >= 0x80) {
        position_ += decode_code_point(text_, position_).length;
      } else {
        break;
      }
    }
    if (position_ == start) fail(position_, "expected a member name or '*', found " + found());
    return std::string(text_.substr(start, position_ - start));
  }

  std::vector<Selector> bracketed() {
    const Nesting nesting(*this);
    std::vector<Selector> selectors;
    expect("[");
    do {
      skip_space();
      selectors.push_back(selector());
      skip_space();
    } while (accept(","));
    if (!accept("]")) fail(position_, "expected ',' or ']', found " + found());
    return selectors;
  }

  Selector selector() {
    Selector result;
    const char c = peek();
    if (c == '\'' || c == '"') {
      result.kind = Selector::Kind::kName;
      result.name = string_literal();
    } else if (accept("*")) {
      result.kind = Selector::Kind::kWildcard;
    } else if (accept("?")) {
      result.kind = Selector::Kind::kFilter;
      skip_space();
      result.filter = std::make_unique<const Expression>(logical_or());
    } else if (c == ':' || c == '-' || is_digit(c)) {
      index_or_slice(result);
    } else {
      fail(position_, "expected a selector (a quoted name, an index, a slice, '*' or '?'), found " + found());
    }
    return result;
  }

  void index_or_slice(Selector& result) {
    std::optional<std::int64_t> first;
    if (peek() != ':') first = integer();
    const std::size_t before_space = position_;
    skip_space();
    if (first && peek() != ':') {
      position_ = before_space;
      result.kind = Selector::Kind::kIndex;
      result.index = *first;
      return;
    }
    const auto starts_integer = [&] { return peek() == '-' || is_digit(peek()); };
    result.kind = Selector::Kind::kSlice;
    result.start = first;
    expect(":");
    skip_space();
    if (starts_integer()) result.end = integer();
    skip_space();
    if (!accept(":")) return;
    skip_space();
    if (starts_integer()) result.step = integer();
  }

  std::int64_t integer() {
    const std::size_t start = position_;
    const bool is_negative = accept("-");
    if (!is_digit(peek())) fail(position_, "expected a digit, found " + found());
    if (peek() == '0') {
      ++position_;
      if (is_negative) fail(start, "-0 is not an integer here");
      if (is_digit(peek())) fail(start, "an integer must not start with a superfluous zero");
      return 0;
    }
    std::int64_t value = 0;
    for (; is_digit(peek()); ++position_) {
      value = value * 10 + (peek() - '0');
      if (value > kMaxInteger) fail(start, "the integer is outside -(2^53-1) to 2^53-1");
    }
    return is_negative ? -value : value;
  }

  std::string string_literal() {
    const std::size_t start = position_;
    const char quote = peek();
    ++position_;
    std::string result;
    for (;;) {
      if (at_end()) fail(start, "the string is not closed");
      const char c = peek();
      if (c == quote) {
        ++position_;
        return result;
      }
      if (static_cast<unsigned char>(c) < 0x20) {
        fail(position_, "a control character in a string must be escaped, found " + found());
      }
      if (c == '\\') {
        append_utf8(result, escape(quote));
      } else {
        result.push_back(c);
        ++position_;
      }
    }
  }

  char32_t escape(char quote) {
    const std::size_t start = position_++;
    const char c = peek();
    if (c == quote && !at_end()) {
      ++position_;
      return static_cast<char32_t>(c);
    }
    ++position_;
    switch (c) {
      case 'b':
        return '\b';
      case 'f':
        return '\f';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case '/':
        return '/';
      case '\\':
        return '\\';
      case 'u':
        break;
      default:
        fail(start, "unknown escape in a string");
    }
    const int unit = parse_hex4(text_, position_);
    if (unit < 0) fail(start, "\\u is not followed by four hexadecimal digits");
    position_ += 4;
    const auto high = static_cast<std::uint32_t>(unit);
    if (is_low_surrogate(high)) fail(start, "lone surrogate in a string");
    if (!is_high_surrogate(high)) return static_cast<char32_t>(high);
    const int low = accept("\\u") ? parse_hex4(text_, position_) : -1;
    if (low < 0 || !is_low_surrogate(static_cast<std::uint32_t>(low))) fail(start, "lone surrogate in a string");
    position_ += 4;
    return combine_surrogates(high, static_cast<std::uint32_t>(low));
  }

  Expression logical_or() { return operands_of("||", Expression::Kind::kOr, &Parser::logical_and); }
  Expression logical_and() { return operands_of("&&", Expression::Kind::kAnd, &Parser::basic_expression); }

  Expression operands_of(std::string_view sign, Expression::Kind kind, Expression (Parser::*next)()) {
    std::vector<Expression> children;
    for (;;) {
      children.push_back((this->*next)());
      const std::size_t before_space = position_;
      skip_space();
      if (!accept(sign)) {
        position_ = before_space;
        break;
      }
      skip_space();
    }
    if (children.size() == 1) return std::move(children.front());
    Expression all;
    all.kind = kind;
    all.children = std::move(children);
    return all;
  }

  Expression basic_expression() {
    const Nesting nesting(*this);
    if (!accept("!")) {
      if (peek() == '(') return parenthesized();
      return comparison_or_test();
    }
    skip_space();
    Expression result;
    result.kind = Expression::Kind::kNot;
    if (peek() == '(') {
      result.children.push_back(parenthesized());
    } else {
      const std::size_t start = position_;
      Operand tested = operand();
      if (comparison_ahead()) {
        fail(start, "'!' applies to a test or to parentheses, not to a comparison: write !(… == …)");
      }
      result.children.push_back(test(std::move(tested), start));
    }
    return result;
  }

  Expression parenthesized() {
    expect("(");
    skip_space();
    Expression result = logical_or();
    skip_space();
    expect(")");
    return result;
  }

  Expression comparison_or_test() {
    const std::size_t start = position_;
    Operand left = operand();
    if (!comparison_ahead()) return test(std::move(left), start);
    require_value(left, start);
    Expression result;
    result.kind = Expression::Kind::kComparison;
    skip_space();
    result.comparison = comparison();
    skip_space();
    const std::size_t right_start = position_;
    result.left = std::move(left);
    result.right = operand();
    require_value(result.right, right_start);
    return result;
  }

  bool comparison_ahead() {
    const std::size_t before = position_;
    skip_space();
    const char c = peek();
    const bool ahead = c == '<' || c == '>' || ((c == '=' || c == '!') && peek(1) == '=');
    position_ = before;
    return ahead;
  }

  Comparison comparison() {
    if (accept("==")) return Comparison::kEqual;
    if (accept("!=")) return Comparison::kNotEqual;
    if (accept("<=")) return Comparison::kLessOrEqual;
    if (accept("<")) return Comparison::kLess;
    if (accept(">=")) return Comparison::kGreaterOrEqual;
    expect(">");
    return Comparison::kGreater;
  }

  Expression test(Operand tested, std::size_t start) {
    Expression result;
    switch (tested.kind) {
      case Operand::Kind::kLiteral:
        fail(start, "a literal must be compared with something");
      case Operand::Kind::kQuery:
        result.kind = Expression::Kind::kExistence;
        break;
      case Operand::Kind::kCall:
        if (result_of(*tested.call) != ResultKind::kLogical) {
          fail(start, "the result of " + std::string(name_of(*tested.call)) + "() must be compared with something");
        }
        result.kind = Expression::Kind::kCall;
        break;
    }
    result.left = std::move(tested);
    return result;
  }

  void require_value(const Operand& used, std::size_t start) const {
    switch (used.kind) {
      case Operand::Kind::kLiteral:
        return;
      case Operand::Kind::kQuery:
        if (!used.query.is_singular) {
          fail(start, "only a query for at most one node (names and indexes) has a value here");
        }
        // The grammar of singular-query has no blank space there (section 2.3.5.1), unlike that of bracketed-selection.
        if (used.query.has_blank_in_brackets) {
          fail(start, "a query whose value is used must not have blank space inside its brackets");
        }
        return;
      case Operand::Kind::kCall:
        if (result_of(*used.call) != ResultKind::kValue) {
          fail(start, "the result of " + std::string(name_of(*used.call)) + "() is true or false and has no value");
        }
        return;
    }
  }

  Operand operand() {
    Operand result;
    const char c = peek();
    if (c == '$' || c == '@') {
      result.kind = Operand::Kind::kQuery;
      result.query = path_query();
    } else if (c == '\'' || c == '"') {
      result.literal.kind = Literal::Kind::kString;
      result.literal.text = string_literal();
    } else if (c == '-' || is_digit(c)) {
      result.literal.kind = Literal::Kind::kNumber;
      result.literal.number = number_literal();
    } else if (is_lower(c)) {
      word(result);
    } else {
      fail(position_, "expected a query, a literal or a function, found " + found());
    }
    return result;
  }

  // true, false, null or a function call.
  void word(Operand& result) {
    const std::size_t start = position_;
    while (is_lower(peek()) || is_digit(peek()) || peek() == '_') ++position_;
    const std::string_view name = text_.substr(start, position_ - start);
    if (peek() == '(') {
      result.kind = Operand::Kind::kCall;
      result.call = std::make_unique<const FunctionCall>(function_call(name, start));
      return;
    }
    if (name == "true") {
      result.literal.kind = Literal::Kind::kTrue;
    } else if (name == "false") {
      result.literal.kind = Literal::Kind::kFalse;
    } else if (name == "null") {
      result.literal.kind = Literal::Kind::kNull;
    } else {
      fail(start, "expected a query, a literal or a function, found " + in_quotes(name));
    }
  }

  Number number_literal() {
    const std::size_t start = position_;
    accept("-");
    const auto digits = [&] {
      if (!is_digit(peek())) fail(position_, "expected a digit, found " + found());
      while (is_digit(peek())) ++position_;
    };
    if (peek() == '0') {
      ++position_;
      if (is_digit(peek())) fail(start, "a number must not start with a superfluous zero");
    } else {
      digits();
    }
    if (accept(".")) digits();
    if (peek() == 'e' || peek() == 'E') {
      ++position_;
      if (peek() == '+' || peek() == '-') ++position_;
      digits();
    }
    return Number::parse(text_.substr(start, position_ - start));
  }

  FunctionCall function_call(std::string_view name, std::size_t start) {
    const Nesting nesting(*this);
    const auto& table = signatures();
    const auto signature =
        std::find_if(table.begin(), table.end(), [&](const Signature& candidate) { return candidate.name == name; });
    if (signature == table.end()) {
      fail(start, "unknown function " + in_quotes(name) + ": there are length, count, match, search and value");
    }
    FunctionCall call;
    call.function = signature->function;
    expect("(");
    skip_space();
    if (peek() != ')') {
      do {
        skip_space();
        call.arguments.push_back(argument(*signature, call.arguments.size()));
        skip_space();
      } while (accept(","));
    }
    if (call.arguments.size() != signature->parameters.size()) {
      fail(start, std::string(name) + "() takes " + std::to_string(signature->parameters.size()) + " argument" +
                      (signature->parameters.size() == 1 ? "" : "s") + ", not " +
                      std::to_string(call.arguments.size()));
    }
    if (!accept(")")) fail(position_, "expected ',' or ')', found " + found());
    compile_literal_pattern(call, start);
    return call;
  }

  Operand argument(const Signature& signature, std::size_t index) {
    const std::size_t start = position_;
    const std::string which = "argument " + std::to_string(index + 1) + " of " + std::string(signature.name) + "()";
    if (index >= signature.parameters.size()) fail(start, which + " is one too many");
    // A logical expression is well-formed here and never well-typed: no function takes one.
    if (peek() == '!' || peek() == '(') fail(start, which + " must not be a logical expression");
    Operand result = operand();
    const std::size_t end = position_;
    skip_space();
    if (comparison_ahead() || peek() == '&' || peek() == '|') {
      fail(start, which + " must not be a logical expression");
    }
    position_ = end;
    if (signature.parameters[index] == ValueKind::kValue) {
      require_value(result, start);
    } else if (result.kind != Operand::Kind::kQuery) {
      fail(start, which + " must be a query");
    }
    return result;
  }

  void compile_literal_pattern(FunctionCall& call, std::size_t start) const {
    if (call.function != Function::kMatch && call.function != Function::kSearch) return;
    const Operand& pattern = call.arguments[1];
    if (pattern.kind != Operand::Kind::kLiteral) return;
    call.has_literal_pattern = true;
    if (pattern.literal.kind != Literal::Kind::kString) return;
    try {
      call.literal_pattern = IRegexp::compile(pattern.literal.text);
    } catch (const Error& error) {
      fail(start, error.what());
    }
  }

  std::string_view text_;
  std::size_t position_ = 0;
  int nesting_ = 0;
};

}  // namespace

PathQuery parse_jsonpath(std::string_view text) {
  return Parser(text).run();
}

}  // namespace penstock::json
