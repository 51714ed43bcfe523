#include "core/json/jsonpath_evaluator.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/json/utf8.h"

namespace penstock::json {
namespace {

// Siblings passed over on the way to one cost less than a visit.
constexpr std::size_t kSkipsPerVisit = 4;

}  // namespace

Evaluator::Evaluator(const Tape& tape, const ArrayFocus* focus, std::size_t& remaining_visits)
    : tape_(tape), remaining_(remaining_visits) {
  if (focus == nullptr) return;
  Index at = Tape::kRoot;
  for (const std::string& name : focus->path) {
    at = tape_.is_object(at) ? member(at, name) : Tape::kNone;
    if (at == Tape::kNone) return;
  }
  if (!tape_.is_array(at)) return;
  if (focus->index < tape_.size(at)) focus_element_ = element(at, static_cast<std::int64_t>(focus->index));
  focus_array_ = at;
}

void Evaluator::charge(std::size_t visits) {
  if (visits > remaining_) {
    remaining_ = 0;
    throw Error(ErrorKind::kExhausted, "the query visits too many nodes of this document");
  }
  remaining_ -= visits;
}

std::size_t Evaluator::size(Index value) {
  if (value == focus_array_) return focus_element_ == Tape::kNone ? 0 : 1;
  if (tape_.must_count(value)) charge(tape_.stored_size(value));
  return tape_.size(value);
}

Tape::Index Evaluator::element(Index array, std::int64_t index) {
  const auto count = static_cast<std::int64_t>(size(array));
  if (index < 0) index += count;
  if (index < 0 || index >= count) return Tape::kNone;
  if (array == focus_array_) return focus_element_;
  charge(1 + static_cast<std::size_t>(index) / kSkipsPerVisit);
  auto at = tape_.elements(array).begin();
  for (; index > 0; --index) ++at;
  return *at;
}

Tape::Index Evaluator::member(Index object, std::string_view name) {
  charge_repeated(object);
  std::size_t passed = 0;
  Index found = Tape::kNone;
  for (const auto [candidate, value] : tape_.members(object)) {
    if (candidate == name) {
      found = value;
      break;
    }
    ++passed;
  }
  charge(1 + passed / kSkipsPerVisit + passed * (name.size() / 1024));
  return found;
}

std::vector<Tape::Index> Evaluator::select(const PathQuery& query) {
  const Nodes nodes = run(query, Tape::kRoot, Paths::kIgnore);
  std::vector<Index> result;
  result.reserve(nodes.size());
  for (const Node& node : nodes) result.push_back(node.value);
  return result;
}

std::vector<Evaluator::Located> Evaluator::select_with_paths(const PathQuery& query) {
  places_.assign(1, Place{0, Tape::kRoot, 0});
  const Nodes nodes = run(query, Tape::kRoot, Paths::kRecord);
  std::vector<Located> result;
  result.reserve(nodes.size());
  for (const Node& node : nodes) result.push_back({node.value, path_of(node.place)});
  return result;
}

std::uint32_t Evaluator::place(const Node& parent, Index value, std::int64_t element, Paths paths) {
  if (paths == Paths::kIgnore) return 0;
  places_.push_back({parent.place, value, element});
  return static_cast<std::uint32_t>(places_.size() - 1);
}

std::string Evaluator::path_of(std::uint32_t place) {
  std::vector<const Place*> steps;
  for (std::uint32_t at = place; at != 0; at = places_[at].parent) steps.push_back(&places_[at]);
  std::string path = "$";
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if ((*step)->element != kMember) {
      path += '[' + std::to_string((*step)->element) + ']';
      continue;
    }
    const std::string_view name = tape_.string(Tape::name_of_member((*step)->value));
    charge_bytes(name.size());
    path += "['";
    for (const char c : name) {
      if (append_control_escape(path, c)) continue;
      if (c == '\'' || c == '\\') path.push_back('\\');
      path.push_back(c);
    }
    path += "']";
  }
  charge_bytes(path.size());
  return path;
}

Evaluator::Nodes Evaluator::run(const PathQuery& query, Index current, Paths paths) {
  Nodes nodes = {{query.is_absolute ? Tape::kRoot : current, 0}};
  for (const Segment& segment : query.segments) {
    Nodes next;
    for (const Node& node : nodes) {
      if (segment.is_descendant) {
        descend(segment.selectors, node, paths, next);
      } else {
        apply(segment.selectors, node, paths, next);
      }
    }
    nodes = std::move(next);
    if (nodes.empty()) break;
  }
  return nodes;
}

// As run(), for a query that selects at most one node, without a list of one.
Tape::Index Evaluator::run_singular(const PathQuery& query, Index current) {
  Index at = query.is_absolute ? Tape::kRoot : current;
  for (const Segment& segment : query.segments) {
    const Selector& selector = segment.selectors.front();
    if (selector.kind == Selector::Kind::kName) {
      at = tape_.is_object(at) ? member(at, selector.name) : Tape::kNone;
    } else {
      at = tape_.is_array(at) ? element(at, selector.index) : Tape::kNone;
    }
    if (at == Tape::kNone) break;
  }
  return at;
}

void Evaluator::apply(const std::vector<Selector>& selectors, Node node, Paths paths, Nodes& out) {
  if (!tape_.is_container(node.value)) return;
  charge(selectors.size() / kSkipsPerVisit);
  for (const Selector& selector : selectors) apply(selector, node, paths, out);
}

void Evaluator::apply(const Selector& selector, Node node, Paths paths, Nodes& out) {
  switch (selector.kind) {
    case Selector::Kind::kName: {
      if (!tape_.is_object(node.value)) return;
      const Index found = member(node.value, selector.name);
      if (found != Tape::kNone) out.push_back({found, place(node, found, kMember, paths)});
      return;
    }
    case Selector::Kind::kWildcard:
      for_each_child(node.value, [&](Index child, std::int64_t position) {
        out.push_back({child, place(node, child, position, paths)});
      });
      return;
    case Selector::Kind::kIndex: {
      if (!tape_.is_array(node.value)) return;
      const Index found = element(node.value, selector.index);
      if (found == Tape::kNone) return;
      const std::int64_t position =
          selector.index < 0 ? selector.index + static_cast<std::int64_t>(size(node.value)) : selector.index;
      out.push_back({found, place(node, found, position, paths)});
      return;
    }
    case Selector::Kind::kSlice:
      if (tape_.is_array(node.value)) apply_slice(selector, node, paths, out);
      return;
    case Selector::Kind::kFilter:
      for_each_child(node.value, [&](Index child, std::int64_t position) {
        if (test(*selector.filter, child)) out.push_back({child, place(node, child, position, paths)});
      });
      return;
  }
}

// RFC 9535 section 2.3.4.2.2. No overflow: all numbers of a query are below 2^53.
void Evaluator::apply_slice(const Selector& slice, Node node, Paths paths, Nodes& out) {
  const auto length = static_cast<std::int64_t>(size(node.value));
  const std::int64_t step = slice.step;
  if (step == 0 || length == 0) return;
  const auto normalize = [&](std::int64_t i) { return i >= 0 ? i : length + i; };
  const std::int64_t start = normalize(slice.start.value_or(step > 0 ? 0 : length - 1));
  const std::int64_t end = slice.end ? normalize(*slice.end) : (step > 0 ? length : -1);
  const std::int64_t first =
      step > 0 ? std::clamp<std::int64_t>(start, 0, length) : std::clamp<std::int64_t>(start, -1, length - 1);
  const std::int64_t bound =
      step > 0 ? std::clamp<std::int64_t>(end, 0, length) : std::clamp<std::int64_t>(end, -1, length - 1);

  charge(1 + static_cast<std::size_t>(length) / kSkipsPerVisit);
  std::vector<Index> children;
  children.reserve(static_cast<std::size_t>(length));
  if (node.value == focus_array_) {
    children.push_back(focus_element_);
  } else {
    for (const Index child : tape_.elements(node.value)) children.push_back(child);
  }
  for (std::int64_t i = first; step > 0 ? i < bound : i > bound; i += step) {
    charge(1);
    const Index child = children[static_cast<std::size_t>(i)];
    out.push_back({child, place(node, child, i, paths)});
  }
}

// The node itself, then all below it, parents before children, siblings in the order of the document.
void Evaluator::descend(const std::vector<Selector>& selectors, Node start, Paths paths, Nodes& out) {
  std::vector<Node> pending = {start};
  while (!pending.empty()) {
    const Node node = pending.back();
    pending.pop_back();
    apply(selectors, node, paths, out);
    const std::size_t first_child = pending.size();
    for_each_child(node.value, [&](Index child, std::int64_t position) {
      if (tape_.is_container(child)) pending.push_back({child, place(node, child, position, paths)});
    });
    std::reverse(pending.begin() + static_cast<std::ptrdiff_t>(first_child), pending.end());
  }
}

}  // namespace penstock::json
