#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "server/explanation.h"

namespace penstock::server {
namespace {

using json::Json;
using json::string_or;

// Of a kind, in each part.
constexpr std::size_t kMaxListed = 50;
constexpr std::size_t kMaxSelected = 5;

bool flag(const Json& object, std::string_view member) {
  const Json* const value = json::find(object, member);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

std::string move_of(const store::RefUpdateRecord& ref) {
  const auto exists = [](const std::string& id) { return id.find_first_not_of('0') != std::string::npos; };
  const auto shortened = [](const std::string& id) { return id.substr(0, 10); };
  if (!exists(ref.new_object_id)) return " deleted";
  if (!exists(ref.old_object_id)) return " at " + shortened(ref.new_object_id);
  return " from " + shortened(ref.old_object_id) + " to " + shortened(ref.new_object_id);
}

std::string subject(std::string_view webhook, std::string_view ref) {
  return std::string(webhook) + (ref.empty() ? "" : ", " + std::string(ref));
}

std::string values(const Json& selected, std::size_t count) {
  if (!selected.is_array() || selected.empty()) return "nothing";
  std::string text;
  for (std::size_t i = 0; i < selected.size() && i < kMaxSelected; ++i) {
    text += (i > 0 ? ", " : "") + truncate_utf8(json::dump(selected[i]), 200, 800);
  }
  const std::size_t shown = std::min(selected.size(), kMaxSelected);
  if (count > shown) text += " and " + std::to_string(count - shown) + " more";
  return text;
}

std::string condition(const std::string& name, const std::string& expected) {
  if (name == "exists") return expected == "false" ? "must select nothing" : "must select something";
  return name + " " + in_quotes(expected);
}

std::string verdict(bool matched, bool waiting) {
  return matched ? "matches" : waiting ? "waits" : "does not match";
}

std::string_view would(Prospect::Step step) {
  switch (step) {
    case Prospect::Step::kStart:
      return "would start";
    case Prospect::Step::kWait:
      return "would wait";
    case Prospect::Step::kPostpone:
      return "would be postponed";
    case Prospect::Step::kSkip:
      return "would be skipped";
    case Prospect::Step::kFail:
      return "would fail";
  }
  return "";
}

// Those that failed, as the others only repeat what was asked.
void write_failed_filters(std::string& out, const Json& decision) {
  const Json* const filters = json::find(decision, "filters");
  if (filters == nullptr || !filters->is_array()) return;
  std::size_t number = 0;
  for (const Json& filter : *filters) {
    ++number;
    if (flag(filter, "matched")) continue;
    const Json* const selected = json::find(filter, "selected");
    const Json* const count = json::find(filter, "selectedCount");
    const std::string note = string_or(filter, "note");
    out += "    filter " + std::to_string(number) + " " + string_or(filter, "jsonPath") + " " +
           condition(string_or(filter, "condition"), string_or(filter, "expected")) + ": found " +
           values(selected != nullptr ? *selected : Json(),
                  count != nullptr && count->is_number_unsigned() ? count->get<std::size_t>() : 0) +
           (note.empty() ? "" : " (" + note + ")") + "\n";
  }
}

void write_decision(std::string& out, const Json& decision) {
  const bool matched = flag(decision, "matched");
  const std::string pipeline = string_or(decision, "targetPipeline");
  out += "  " + subject(string_or(decision, "webhook"), string_or(decision, "ref")) + " " +
         verdict(matched, flag(decision, "waiting")) + ": " + string_or(decision, "reason") +
         (pipeline.empty() ? "" : "; pipeline " + in_quotes(pipeline)) + "\n";
  if (!matched) write_failed_filters(out, decision);
}

// `more` writes what belongs to a decision.
template <typename More>
void write_decisions(std::string& out, const std::string& decisions_json, const More& more) {
  const Json decisions = Json::parse(decisions_json, nullptr, false);
  if (!decisions.is_array()) return;
  std::size_t unmatched = 0, listed = 0, left_out = 0;
  for (const Json& decision : decisions) {
    const bool matters = flag(decision, "matched") || flag(decision, "waiting");
    std::size_t& count = matters ? listed : unmatched;
    if (count == kMaxListed) {
      ++left_out;
      continue;
    }
    ++count;
    write_decision(out, decision);
    more(decision);
  }
  if (left_out > 0) out += "  and " + std::to_string(left_out) + " more\n";
}

// "  pull request 17 from refs/heads/a to refs/heads/main: OPEN"
void write_pull_request(std::string& out, const std::string& text) {
  const Json pull_request = Json::parse(text, nullptr, false);
  if (!pull_request.is_object()) return;
  const Json* const number = json::find(pull_request, "id");
  out += "  pull request";
  if (number != nullptr && number->is_number_integer()) out += " " + json::dump(*number);
  for (const auto& [name, word] : {std::pair("sourceRef", " from "), std::pair("targetRef", " to ")}) {
    if (const std::string ref = json::string_or(pull_request, name); !ref.empty()) out += word + ref;
  }
  const std::string event = json::string_or(pull_request, "event");
  out += ": " + (event.empty() ? json::string_or(pull_request, "reason") : event) + "\n";
}

// Of a stored delivery or an explanation.
template <typename Source>
void write_event(std::string& out, const Source& source) {
  out += source.event_type.empty() ? "an event" : source.event_type;
  if (!source.repository_name.empty())
    out += " to " + (source.project.empty() ? "" : source.project + "/") + source.repository_name;
  out += "\n";
  if (!source.pull_request_json.empty()) write_pull_request(out, source.pull_request_json);
  const std::vector<store::RefUpdateRecord>& ref_updates = source.ref_updates;
  for (std::size_t i = 0; i < ref_updates.size() && i < kMaxListed; ++i) {
    const store::RefUpdateRecord& ref = ref_updates[i];
    out += "  " + ref.name + move_of(ref) + "\n";
  }
  if (ref_updates.size() > kMaxListed) {
    out += "  and " + std::to_string(ref_updates.size() - kMaxListed) + " more\n";
  }
}

void write_trigger(std::string& out, const store::Trigger& trigger) {
  out += "    trigger of " + in_quotes(trigger.pipeline) + ": " + std::string(store::to_string(trigger.state));
  if (!trigger.pipeline_execution_id.empty()) out += ", execution " + trigger.pipeline_execution_id;
  if (!trigger.error.empty()) out += ", " + trigger.error;
  out += "\n";
}

void write_then(std::string& out, const store::Delivery& then) {
  out += "then: " + std::string(store::to_string(then.outcome)) + ", " + then.reason + "\n";
  write_decisions(out, then.decisions_json, [&](const Json& decision) {
    for (const store::Trigger& trigger : then.triggers) {
      if (trigger.webhook == string_or(decision, "webhook") && trigger.ref == string_or(decision, "ref")) {
        write_trigger(out, trigger);
      }
    }
  });
}

void write_now(std::string& out, const WholeExplanation& explanation) {
  out += "now: " + std::string(store::to_string(explanation.now.outcome)) + ", " + explanation.now.reason + "\n";
  write_decisions(out, explanation.now.decisions_json, [&](const Json& decision) {
    for (const Prospect& prospect : explanation.prospects) {
      if (prospect.trigger.webhook != string_or(decision, "webhook") ||
          prospect.trigger.ref != string_or(decision, "ref")) {
        continue;
      }
      out += "    " + std::string(would(prospect.step)) + ": " + prospect.reason + "\n";
    }
  });
}

void write_filter_change(std::string& out, const intake::FilterChange& change) {
  const auto side = [](const intake::FilterSide& filter) {
    return condition(filter.condition, filter.expected) + (filter.matched ? " (matched)" : " (did not match)");
  };
  out += "    filter " + change.json_path + ": ";
  if (change.then && change.now) {
    out += side(*change.then) + ", now " + side(*change.now);
  } else if (change.now) {
    out += "new, " + side(*change.now);
  } else {
    out += "gone, it was " + side(*change.then);
  }
  const Json selected = Json::parse(change.selected, nullptr, false);
  out += "; found " + values(selected, selected.is_array() ? selected.size() : 0) + "\n";
}

void write_variables(std::string& out, const intake::DecisionSide& then, const intake::DecisionSide& now) {
  if (then.variables == now.variables) return;
  const auto text = [](const intake::DecisionSide& side) {
    return side.variables.empty() ? std::string("none") : json::dump(Json(side.variables));
  };
  out += "    variables: " + text(then) + ", now " + text(now) + "\n";
}

void write_change(std::string& out, const intake::DecisionChange& change) {
  out += "  " + subject(change.webhook, change.ref) + ": ";
  if (!change.then) {
    out += "new, " + verdict(change.now->matched, change.now->waiting) + "\n";
    return;
  }
  const std::string before = change.then->matched ? "matched" : change.then->waiting ? "waited" : "did not match";
  if (!change.now) {
    out += "is not among the webhooks any more; it " + before + "\n";
    return;
  }
  const std::string after = verdict(change.now->matched, change.now->waiting);
  const bool is_same = change.then->matched == change.now->matched && change.then->waiting == change.now->waiting;
  out += is_same ? after + " as before\n" : before + ", " + after + " now: " + change.now->reason + "\n";
  if (change.then->target_pipeline != change.now->target_pipeline) {
    out += "    pipeline: " + in_quotes(change.then->target_pipeline) + ", now " +
           in_quotes(change.now->target_pipeline) + "\n";
  }
  if (change.then->target_action != change.now->target_action) {
    out +=
        "    action: " + in_quotes(change.then->target_action) + ", now " + in_quotes(change.now->target_action) + "\n";
  }
  for (const intake::FilterChange& filter : change.filters) write_filter_change(out, filter);
  write_variables(out, *change.then, *change.now);
}

}  // namespace

std::string to_text(const WholeExplanation& explanation) {
  std::string out;
  if (!explanation.then) {
    const intake::Explanation& now = explanation.now;
    write_event(out, now);
    write_now(out, explanation);
    return out;
  }
  const store::Delivery& then = *explanation.then;
  out += "delivery " + then.id + ", received " + format_rfc3339(then.received_at) + " at endpoint " +
         in_quotes(then.endpoint) + ": ";
  write_event(out, then);
  write_then(out, then);
  write_now(out, explanation);
  out += explanation.changes.empty() ? "different: nothing\n" : "different:\n";
  for (std::size_t i = 0; i < explanation.changes.size() && i < kMaxListed; ++i) {
    write_change(out, explanation.changes[i]);
  }
  if (explanation.changes.size() > kMaxListed) {
    out += "  and " + std::to_string(explanation.changes.size() - kMaxListed) + " more\n";
  }
  return out;
}

}  // namespace penstock::server
