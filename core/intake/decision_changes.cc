#include "core/intake/decision_changes.h"

#include <utility>

#include "core/base/error.h"
#include "core/json/json.h"

namespace penstock::intake {
namespace {

using json::Json;
using json::string_or;
using Key = std::pair<std::string, std::string>;  // webhook, ref

bool flag(const Json& object, std::string_view member) {
  const Json* const value = json::find(object, member);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

// Its items, or nothing.
const Json& list(const Json& object, std::string_view member) {
  static const Json kEmpty = Json::array();
  const Json* const value = json::find(object, member);
  return value != nullptr && value->is_array() ? *value : kEmpty;
}

Json parse_decisions(std::string_view text) {
  Json parsed = Json::parse(text, nullptr, false);
  if (!parsed.is_array()) throw Error(ErrorKind::kCorrupt, "comparing decisions: expected a JSON array");
  return parsed;
}

DecisionSide side_of(const Json& decision) {
  DecisionSide side;
  side.target_pipeline = string_or(decision, "targetPipeline");
  side.target_action = string_or(decision, "targetAction");
  side.matched = flag(decision, "matched");
  side.waiting = flag(decision, "waiting");
  side.reason = string_or(decision, "reason");
  if (const Json* const variables = json::find(decision, "variables"); variables != nullptr) {
    for (const auto& [name, value] : variables->items()) {
      if (value.is_string()) side.variables.emplace(name, value.get<std::string>());
    }
  }
  return side;
}

FilterSide filter_side(const Json& filter) {
  return {.condition = string_or(filter, "condition"),
          .expected = string_or(filter, "expected"),
          .matched = flag(filter, "matched"),
          .note = string_or(filter, "note")};
}

// The filters of both times in pairs: first those that ask the very same, then those that ask the same query by the
// same condition, then by any. What is left over stands alone.
class FilterPairs {
 public:
  FilterPairs(const Json& then, const Json& now) {
    for (const Json& filter : then) then_.push_back(&filter);
    for (const Json& filter : now) pairs_.push_back({nullptr, &filter});
    pair_up({"jsonPath", "condition", "expected"});
    pair_up({"jsonPath", "condition"});
    pair_up({"jsonPath"});
    for (const Json* filter : then_) pairs_.push_back({filter, nullptr});
  }
  const std::vector<std::pair<const Json*, const Json*>>& get() const noexcept { return pairs_; }

 private:
  void pair_up(std::initializer_list<std::string_view> members) {
    for (auto& [then, now] : pairs_) {
      if (then != nullptr) continue;
      for (auto candidate = then_.begin(); candidate != then_.end(); ++candidate) {
        bool is_same = true;
        for (const std::string_view member : members) {
          is_same = is_same && string_or(**candidate, member) == string_or(*now, member);
        }
        if (!is_same) continue;
        then = *candidate;
        then_.erase(candidate);
        break;
      }
    }
  }

  std::vector<const Json*> then_;  // without a partner
  std::vector<std::pair<const Json*, const Json*>> pairs_;
};

std::vector<FilterChange> compare_filters(const Json& then_decision, const Json& now_decision) {
  std::vector<FilterChange> changes;
  const FilterPairs pairs(list(then_decision, "filters"), list(now_decision, "filters"));
  for (const auto& [then, now] : pairs.get()) {
    FilterChange change;
    if (then != nullptr) change.then = filter_side(*then);
    if (now != nullptr) change.now = filter_side(*now);
    const bool is_same = change.then && change.now && change.then->condition == change.now->condition &&
                         change.then->expected == change.now->expected && change.then->matched == change.now->matched;
    if (is_same) continue;
    const Json& shown = now != nullptr ? *now : *then;
    change.json_path = string_or(shown, "jsonPath");
    change.selected = json::dump(list(shown, "selected"));
    changes.push_back(std::move(change));
  }
  return changes;
}

bool is_different(const DecisionSide& then, const DecisionSide& now) {
  return then.matched != now.matched || then.waiting != now.waiting || then.target_pipeline != now.target_pipeline ||
         then.target_action != now.target_action || then.variables != now.variables ||
         (!then.matched && then.reason != now.reason);
}

// What waits for the changed paths is not decided yet. Where they decided then, that it waits is no difference.
bool is_decided_by_paths(const Json& then, const Json& now) {
  return json::find(then, "changedPaths") != nullptr && string_or(now, "waitingFor") == "changedPaths";
}

}  // namespace

std::vector<DecisionChange> compare_decisions(std::string_view then_json, std::string_view now_json) {
  const Json then_list = parse_decisions(then_json), now_list = parse_decisions(now_json);
  const auto key_of = [](const Json& decision) {
    return Key{string_or(decision, "webhook"), string_or(decision, "ref")};
  };
  std::map<Key, const Json*> before;
  for (const Json& decision : then_list) before.emplace(key_of(decision), &decision);

  std::vector<DecisionChange> changes;
  for (const Json& decision : now_list) {
    Key key = key_of(decision);
    DecisionChange change;
    change.now = side_of(decision);
    if (const auto found = before.find(key); found != before.end()) {
      change.then = side_of(*found->second);
      change.filters = compare_filters(*found->second, decision);
      DecisionSide decided = *change.now;
      if (is_decided_by_paths(*found->second, decision)) {
        decided.matched = change.then->matched;
        decided.waiting = change.then->waiting;
        decided.reason = change.then->reason;
      }
      before.erase(found);
      if (change.filters.empty() && !is_different(*change.then, decided)) continue;
    }
    change.webhook = std::move(key.first);
    change.ref = std::move(key.second);
    changes.push_back(std::move(change));
  }
  // In their own order, not in the map's.
  for (const Json& decision : then_list) {
    const auto left = before.find(key_of(decision));
    if (left == before.end() || left->second != &decision) continue;
    DecisionChange change;
    change.webhook = left->first.first;
    change.ref = left->first.second;
    change.then = side_of(decision);
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace penstock::intake
