// A compiled JSONPath query. Well-typed by construction: the parser makes nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/json/iregexp.h"
#include "core/json/jsonpath.h"
#include "core/json/number.h"

namespace penstock::json {

struct Expression;
struct FunctionCall;

struct Selector {
  enum class Kind { kName, kWildcard, kIndex, kSlice, kFilter };
  Kind kind = Kind::kWildcard;
  std::string name;
  std::int64_t index = 0;
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> end;
  std::int64_t step = 1;
  std::unique_ptr<const Expression> filter;
};

struct Segment {
  bool is_descendant = false;
  std::vector<Selector> selectors;
};

// Of the whole text, or embedded in a filter.
struct PathQuery {
  bool is_absolute = true;  // starts at '$', not at '@'
  bool is_singular = true;  // selects at most one node: names and indexes only
  bool has_blank_in_brackets = false;
  std::vector<Segment> segments;
};

struct Literal {
  enum class Kind { kNull, kFalse, kTrue, kNumber, kString };
  Kind kind = Kind::kNull;
  Number number;
  std::string text;
};

// Something in a filter that has a value or nodes: a side of a comparison, an argument of a function.
struct Operand {
  enum class Kind { kLiteral, kQuery, kCall };
  Kind kind = Kind::kLiteral;
  Literal literal;
  PathQuery query;
  std::unique_ptr<const FunctionCall> call;
};

enum class Function { kLength, kCount, kMatch, kSearch, kValue };

struct FunctionCall {
  Function function = Function::kLength;
  std::vector<Operand> arguments;
  // match() and search() whose pattern is a string literal: compiled with the query. Empty with the flag set: the
  // literal is no I-Regexp, and nothing matches.
  bool has_literal_pattern = false;
  std::optional<IRegexp> literal_pattern;
};

enum class Comparison { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

struct Expression {
  enum class Kind { kOr, kAnd, kNot, kComparison, kExistence, kCall };
  Kind kind = Kind::kExistence;
  std::vector<Expression> children;  // kOr, kAnd: two or more; kNot: one
  Comparison comparison = Comparison::kEqual;
  Operand left;   // kComparison; the query of kExistence and the call of kCall too
  Operand right;  // kComparison
};

struct JsonPath::Query {
  PathQuery path;
};

}  // namespace penstock::json
