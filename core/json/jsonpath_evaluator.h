// Runs a compiled query over one document.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/json/jsonpath_ast.h"
#include "core/json/tape.h"

namespace penstock::json {

// Made for one evaluation. Recursion is bounded by the query's nesting, never by the document; time and memory by
// `remaining_visits`, which pays for every child looked at, every pair compared, and for names, strings and regular
// expressions by their length. Not thread-safe.
class Evaluator {
 public:
  // All must outlive the evaluator.
  Evaluator(const Tape& tape, const ArrayFocus* focus, std::size_t& remaining_visits);

  std::vector<Tape::Index> select(const PathQuery& query);

  struct Located {
    Tape::Index value;
    std::string path;
  };
  std::vector<Located> select_with_paths(const PathQuery& query);

 private:
  using Index = Tape::Index;

  // A node and, when paths are wanted, where it was found.
  struct Node {
    Index value;
    std::uint32_t place;
  };
  using Nodes = std::vector<Node>;
  struct Place {
    std::uint32_t parent;
    Index value;
    std::int64_t element;  // position in an array; kMember: the name lies before the value
  };
  static constexpr std::int64_t kMember = -1;
  enum class Paths { kIgnore, kRecord };

  // The value of an operand: nothing, a container of the document, or a scalar.
  struct Item {
    enum class Kind { kNothing, kContainer, kNull, kFalse, kTrue, kNumber, kString };
    Kind kind = Kind::kNothing;
    Index container = Tape::kNone;
    Number number;
    std::string_view text;
  };

  void charge(std::size_t visits);
  void charge_bytes(std::size_t bytes) { charge(1 + bytes / 64); }
  // For passing over repeated members, which nobody sees.
  void charge_repeated(Index object) {
    if (tape_.has_repeated_names()) charge(tape_.stored_size(object));
  }

  // The document as the focus shows it.
  std::size_t size(Index value);
  Index element(Index array, std::int64_t index);  // from the end when negative; kNone when there is none
  Index member(Index object, std::string_view name);
  template <typename Visit>
  void for_each_child(Index value, Visit&& visit);  // visit(child, position or kMember)

  Nodes run(const PathQuery& query, Index current, Paths paths);
  Index run_singular(const PathQuery& query, Index current);
  void apply(const std::vector<Selector>& selectors, Node node, Paths paths, Nodes& out);
  void apply(const Selector& selector, Node node, Paths paths, Nodes& out);
  void apply_slice(const Selector& slice, Node node, Paths paths, Nodes& out);
  void descend(const std::vector<Selector>& selectors, Node start, Paths paths, Nodes& out);
  std::uint32_t place(const Node& parent, Index value, std::int64_t element, Paths paths);
  std::string path_of(std::uint32_t place);

  bool test(const Expression& expression, Index current);
  bool exists(const PathQuery& query, Index current);
  bool call_logical(const FunctionCall& call, Index current);
  Item call_value(const FunctionCall& call, Index current);
  Item item(const Operand& operand, Index current);
  Item item(Index value) const;
  static Item item(const Literal& literal);
  const IRegexp* pattern(std::string_view text);

  bool compare(Comparison comparison, const Item& left, const Item& right);
  bool equal(const Item& left, const Item& right);
  bool less(const Item& left, const Item& right);
  bool equal_containers(Index left, Index right);

  const Tape& tape_;
  std::size_t& remaining_;
  Index focus_array_ = Tape::kNone;
  Index focus_element_ = Tape::kNone;  // kNone: the index is past the end, the array shows nothing
  std::vector<Place> places_;
  std::unordered_map<std::string, std::optional<IRegexp>> patterns_;  // that came out of the document
};

template <typename Visit>
void Evaluator::for_each_child(Index value, Visit&& visit) {
  if (value == focus_array_) {
    if (focus_element_ == Tape::kNone) return;
    charge(1);
    visit(focus_element_, std::int64_t{0});
  } else if (tape_.is_array(value)) {
    std::int64_t position = 0;
    for (const Index child : tape_.elements(value)) {
      charge(1);
      visit(child, position++);
    }
  } else if (tape_.is_object(value)) {
    charge_repeated(value);
    for (const auto [name, child] : tape_.members(value)) {
      charge(1);
      visit(child, kMember);
    }
  }
}

}  // namespace penstock::json
