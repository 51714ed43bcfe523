// What the JSONPaths of many webhooks select on one event: each distinct query is evaluated once per ref, or once per
// event when it cannot see the refs.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/hooks/event.h"
#include "core/json/jsonpath.h"

namespace penstock::hooks {

struct Selection {
  std::vector<json::Value> values;
  // The values as filters compare them: texts as they are, numbers, booleans and null by their JSON text. Arrays and
  // objects are compared with nothing and do not appear here.
  std::vector<std::string_view> texts;
  std::deque<std::string> owned_texts;
  std::string problem;                            // why the query could not be evaluated
  std::optional<std::vector<std::string>> shown;  // for FilterResult::selected, made when first asked for
};

// Not thread-safe; lives while one event is decided.
class Selections {
 public:
  Selections(const Event& event, std::size_t max_visited_nodes) : event_(event), remaining_visits_(max_visited_nodes) {}

  // Registers a query; the same text gives the same slot. The path must outlive this object.
  std::size_t add(const json::JsonPath& path);

  // What follows is about this ref (null: the event has none), as if it were the only entry of refUpdates.
  void focus_on(const RefUpdate* ref);

  const Selection& get(std::size_t slot);
  const std::vector<std::string>& shown(std::size_t slot);

 private:
  struct Slot {
    const json::JsonPath* path;
    bool sees_refs;
    std::optional<Selection> selection;
  };

  const Event& event_;
  std::size_t remaining_visits_;
  std::vector<Slot> slots_;
  std::unordered_map<std::string_view, std::size_t> slot_of_;
  std::optional<json::ArrayFocus> focus_;
};

}  // namespace penstock::hooks
