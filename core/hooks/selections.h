// What the JSONPaths of many webhooks select on one event: each distinct query is evaluated once per ref, or once per
// event when it cannot see the refs.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/hooks/event.h"
#include "core/json/jsonpath.h"

namespace penstock::hooks {

// Of the selected values so many are shown, each cut to about so many characters.
inline constexpr std::size_t kMaxShown = 20;
inline constexpr std::size_t kMaxShownCharacters = 200;

struct Selection {
  std::vector<json::Value> values;
  // The values as filters compare them: texts as they are, numbers, booleans and null by their JSON text. Arrays and
  // objects are compared with nothing and do not appear here.
  std::vector<std::string_view> texts;
  std::vector<std::string> owned_texts;  // its capacity is never exceeded, so that views stay good
  std::string problem;                   // why the query could not be evaluated

  // For FilterResult::selected.
  std::vector<std::string> shown() const;
};

struct Query {
  const json::JsonPath* path = nullptr;
  bool sees_refs = true;
};

// True when what the query selects may differ from ref to ref of a push.
bool may_see_refs(std::string_view query) noexcept;

// Not thread-safe; lives while one event is decided.
class Selections {
 public:
  // Queries are known by their position. Both must outlive this object.
  Selections(const Event& event, const std::vector<Query>& queries, std::size_t max_visited_nodes)
      : event_(event), queries_(queries), remaining_visits_(max_visited_nodes), selections_(queries.size()) {}

  // What follows is about this ref (null: the event has none), as if it were the only entry of refUpdates.
  void focus_on(const RefUpdate* ref);

  const Selection& get(std::size_t query);

 private:
  const Event& event_;
  const std::vector<Query>& queries_;
  std::size_t remaining_visits_;
  std::vector<std::optional<Selection>> selections_;
  json::ArrayFocus focus_{{"resource", "refUpdates"}, 0};
  bool is_focused_ = false;
};

}  // namespace penstock::hooks
