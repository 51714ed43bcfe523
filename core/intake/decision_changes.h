// What is different between two lists of decisions on one event: those of then and those of now. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::intake {

// A filter as it was judged at one time.
struct FilterSide {
  std::string condition, expected;
  bool matched = false;
  std::string note;  // may be empty
};
// One that was added or removed has one side; of others something of it differs.
struct FilterChange {
  std::string json_path;
  std::optional<FilterSide> then, now;
  std::string selected = "[]";  // JSON array: what the query saw, as far as it was kept
};

struct DecisionSide {
  std::string target_pipeline, target_action;  // the first is empty with routes
  bool matched = false, waiting = false;
  std::string reason;
  std::map<std::string, std::string> variables;
};
// Of one webhook about one ref. One that is defined at one time only has one side.
struct DecisionChange {
  std::string webhook;
  std::string ref;  // empty for events without
  std::optional<DecisionSide> then, now;
  std::vector<FilterChange> filters;
};

// Both are `decisions` arrays of the history API. In the order of `now`, then what there was only then. Filters of a
// webhook are recognised by what they ask, wherever they stand. Error{kCorrupt} for what is no such array.
std::vector<DecisionChange> compare_decisions(std::string_view then, std::string_view now);

}  // namespace penstock::intake
