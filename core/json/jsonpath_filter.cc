// What a filter asks of a node: tests, comparisons, functions. RFC 9535 sections 2.3.5 and 2.4.
#include <algorithm>
#include <utility>

#include "core/json/jsonpath_evaluator.h"
#include "core/json/utf8.h"

namespace penstock::json {
namespace {

constexpr std::size_t kRegexWorkPerVisit = 64;  // states times bytes
constexpr std::size_t kMaxPatterns = 64;

}  // namespace

bool Evaluator::test(const Expression& expression, Index current) {
  charge(1);
  switch (expression.kind) {
    case Expression::Kind::kOr:
      return std::any_of(expression.children.begin(), expression.children.end(),
                         [&](const Expression& child) { return test(child, current); });
    case Expression::Kind::kAnd:
      return std::all_of(expression.children.begin(), expression.children.end(),
                         [&](const Expression& child) { return test(child, current); });
    case Expression::Kind::kNot:
      return !test(expression.children.front(), current);
    case Expression::Kind::kComparison:
      return compare(expression.comparison, item(expression.left, current), item(expression.right, current));
    case Expression::Kind::kExistence:
      return exists(expression.left.query, current);
    case Expression::Kind::kCall:
      return call_logical(*expression.left.call, current);
  }
  return false;
}

bool Evaluator::exists(const PathQuery& query, Index current) {
  if (query.is_singular) return run_singular(query, current) != Tape::kNone;
  return !run(query, current, Paths::kIgnore).empty();
}

Evaluator::Item Evaluator::item(Index value) const {
  Item result;
  switch (tape_.type(value)) {
    case Type::kNull:
      result.kind = Item::Kind::kNull;
      break;
    case Type::kBoolean:
      result.kind = tape_.kind(value) == 't' ? Item::Kind::kTrue : Item::Kind::kFalse;
      break;
    case Type::kNumber:
      result.kind = Item::Kind::kNumber;
      result.number = tape_.number(value);
      break;
    case Type::kString:
      result.kind = Item::Kind::kString;
      result.text = tape_.string(value);
      break;
    case Type::kArray:
    case Type::kObject:
      result.kind = Item::Kind::kContainer;
      result.container = value;
      break;
  }
  return result;
}

Evaluator::Item Evaluator::item(const Literal& literal) {
  Item result;
  switch (literal.kind) {
    case Literal::Kind::kNull:
      result.kind = Item::Kind::kNull;
      break;
    case Literal::Kind::kFalse:
      result.kind = Item::Kind::kFalse;
      break;
    case Literal::Kind::kTrue:
      result.kind = Item::Kind::kTrue;
      break;
    case Literal::Kind::kNumber:
      result.kind = Item::Kind::kNumber;
      result.number = literal.number;
      break;
    case Literal::Kind::kString:
      result.kind = Item::Kind::kString;
      result.text = literal.text;
      break;
  }
  return result;
}

Evaluator::Item Evaluator::item(const Operand& operand, Index current) {
  switch (operand.kind) {
    case Operand::Kind::kLiteral:
      return item(operand.literal);
    case Operand::Kind::kQuery: {
      const Index found = run_singular(operand.query, current);
      return found == Tape::kNone ? Item{} : item(found);
    }
    case Operand::Kind::kCall:
      return call_value(*operand.call, current);
  }
  return {};
}

Evaluator::Item Evaluator::call_value(const FunctionCall& call, Index current) {
  const auto number_of = [](std::size_t value) {
    Item result;
    result.kind = Item::Kind::kNumber;
    result.number = Number::of(static_cast<std::uint64_t>(value));
    return result;
  };
  const Operand& argument = call.arguments.front();
  switch (call.function) {
    case Function::kLength: {
      const Item measured = item(argument, current);
      if (measured.kind == Item::Kind::kString) {
        charge_bytes(measured.text.size());
        return number_of(count_code_points(measured.text));
      }
      if (measured.kind == Item::Kind::kContainer) return number_of(size(measured.container));
      return {};
    }
    case Function::kCount:
      return number_of(run(argument.query, current, Paths::kIgnore).size());
    case Function::kValue: {
      const Nodes nodes = run(argument.query, current, Paths::kIgnore);
      return nodes.size() == 1 ? item(nodes.front().value) : Item{};
    }
    case Function::kMatch:
    case Function::kSearch:
      break;  // logical
  }
  return {};
}

bool Evaluator::call_logical(const FunctionCall& call, Index current) {
  const Item subject = item(call.arguments[0], current);
  const IRegexp* regexp = nullptr;
  if (call.has_literal_pattern) {
    if (call.literal_pattern) regexp = &*call.literal_pattern;
  } else {
    const Item text = item(call.arguments[1], current);
    if (subject.kind == Item::Kind::kString && text.kind == Item::Kind::kString) regexp = pattern(text.text);
  }
  if (regexp == nullptr || subject.kind != Item::Kind::kString) return false;
  charge(1 + (subject.text.size() + 1) * (regexp->weight() + 1) / kRegexWorkPerVisit);
  return call.function == Function::kMatch ? regexp->matches_whole(subject.text) : regexp->matches_part(subject.text);
}

// Null when the text is no I-Regexp.
const IRegexp* Evaluator::pattern(std::string_view text) {
  charge_bytes(text.size());
  std::string key(text);
  auto found = patterns_.find(key);
  if (found == patterns_.end()) {
    if (patterns_.size() >= kMaxPatterns) patterns_.clear();
    std::optional<IRegexp> compiled = IRegexp::compile(text);
    charge(100 + text.size() + (compiled ? compiled->weight() : 0));
    found = patterns_.emplace(std::move(key), std::move(compiled)).first;
  }
  return found->second ? &*found->second : nullptr;
}

bool Evaluator::compare(Comparison comparison, const Item& left, const Item& right) {
  switch (comparison) {
    case Comparison::kEqual:
      return equal(left, right);
    case Comparison::kNotEqual:
      return !equal(left, right);
    case Comparison::kLess:
      return less(left, right);
    case Comparison::kLessOrEqual:
      return less(left, right) || equal(left, right);
    case Comparison::kGreater:
      return less(right, left);
    case Comparison::kGreaterOrEqual:
      return less(right, left) || equal(left, right);
  }
  return false;
}

bool Evaluator::equal(const Item& left, const Item& right) {
  if (left.kind != right.kind) return false;
  switch (left.kind) {
    case Item::Kind::kNothing:
    case Item::Kind::kNull:
    case Item::Kind::kFalse:
    case Item::Kind::kTrue:
      return true;
    case Item::Kind::kNumber:
      return left.number == right.number;
    case Item::Kind::kString:
      charge_bytes(std::min(left.text.size(), right.text.size()));
      return left.text == right.text;
    case Item::Kind::kContainer:
      return equal_containers(left.container, right.container);
  }
  return false;
}

// UTF-8 orders bytewise as Unicode orders scalar values.
bool Evaluator::less(const Item& left, const Item& right) {
  if (left.kind != right.kind) return false;
  if (left.kind == Item::Kind::kNumber) return left.number < right.number;
  if (left.kind != Item::Kind::kString) return false;
  charge_bytes(std::min(left.text.size(), right.text.size()));
  return left.text < right.text;
}

bool Evaluator::equal_containers(Index left, Index right) {
  using Child = std::pair<std::string_view, Index>;
  const auto children_of = [&](Index container) {
    std::vector<Child> children;
    for_each_child(container, [&](Index child, std::int64_t position) {
      const std::string_view name =
          position == kMember ? tape_.string(Tape::name_of_member(child)) : std::string_view();
      charge(name.size() / 64);
      children.emplace_back(name, child);
    });
    return children;
  };
  const auto by_name = [](const Child& a, const Child& b) { return a.first < b.first; };
  const auto same_name = [](const Child& a, const Child& b) { return a.first == b.first; };

  std::vector<std::pair<Index, Index>> pending = {{left, right}};
  while (!pending.empty()) {
    const auto [a, b] = pending.back();
    pending.pop_back();
    if (a == b) continue;
    if (!tape_.is_container(a) || !tape_.is_container(b)) {
      if (!equal(item(a), item(b))) return false;
      continue;
    }
    if (tape_.is_array(a) != tape_.is_array(b) || size(a) != size(b)) return false;
    std::vector<Child> in_a = children_of(a);
    std::vector<Child> in_b = children_of(b);
    if (!std::equal(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(), same_name)) {
      charge(in_a.size() * 4);
      std::sort(in_a.begin(), in_a.end(), by_name);
      std::sort(in_b.begin(), in_b.end(), by_name);
      if (!std::equal(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(), same_name)) return false;
    }
    for (std::size_t i = in_a.size(); i-- > 0;) pending.emplace_back(in_a[i].second, in_b[i].second);
  }
  return true;
}

}  // namespace penstock::json
