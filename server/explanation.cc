#include "server/explanation.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/base/text.h"

namespace penstock::server {
namespace {

using json::Json;

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json side_to_json(const std::optional<intake::DecisionSide>& side) {
  if (!side) return nullptr;
  Json result = {{"targetPipeline", text_or_null(side->target_pipeline)},
                 {"targetAction", side->target_action},
                 {"matched", side->matched}};
  if (side->waiting) result["waiting"] = true;
  result["reason"] = side->reason;
  if (!side->variables.empty()) result["variables"] = side->variables;
  return result;
}

Json side_to_json(const std::optional<intake::FilterSide>& side) {
  if (!side) return nullptr;
  Json result = {{"condition", side->condition}, {"expected", side->expected}, {"matched", side->matched}};
  if (!side->note.empty()) result["note"] = side->note;
  return result;
}

template <typename Change>
std::string_view kind_of(const Change& change) {
  return !change.then ? "added" : !change.now ? "removed" : "changed";
}

Json change_to_json(const intake::DecisionChange& change) {
  Json result = {{"webhook", change.webhook},         {"ref", text_or_null(change.ref)}, {"change", kind_of(change)},
                 {"then", side_to_json(change.then)}, {"now", side_to_json(change.now)}, {"filters", Json::array()}};
  for (const intake::FilterChange& filter : change.filters) {
    result["filters"].push_back({{"jsonPath", filter.json_path},
                                 {"change", kind_of(filter)},
                                 {"then", side_to_json(filter.then)},
                                 {"now", side_to_json(filter.now)},
                                 {"selected", Json::parse(filter.selected, nullptr, false)}});
  }
  return result;
}

Json prospect_to_json(const Prospect& prospect) {
  const store::NewTrigger& trigger = prospect.trigger;
  return {{"webhook", trigger.webhook},
          {"pipeline", text_or_null(trigger.pipeline)},
          {"ref", text_or_null(trigger.ref)},
          {"commitId", text_or_null(trigger.commit_id)},
          {"next", to_string(prospect.step)},
          {"until", prospect.until ? Json(format_rfc3339(*prospect.until)) : Json(nullptr)},
          {"reason", prospect.reason}};
}

}  // namespace

std::string_view to_string(Prospect::Step step) noexcept {
  switch (step) {
    case Prospect::Step::kStart:
      return "start";
    case Prospect::Step::kWait:
      return "wait";
    case Prospect::Step::kPostpone:
      return "postpone";
    case Prospect::Step::kSkip:
      return "skip";
    case Prospect::Step::kFail:
      return "fail";
  }
  return "start";
}

std::vector<Prospect> make_prospects(const std::vector<store::NewTrigger>& triggers, const trigger::GateMap& gates,
                                     const std::vector<store::PendingTrigger>& pending, Timestamp now) {
  std::map<std::string, std::size_t> ahead;
  for (const store::PendingTrigger& trigger : pending) ++ahead[trigger.pipeline];
  std::vector<Prospect> prospects;
  for (const store::NewTrigger& trigger : triggers) {
    Prospect& prospect = prospects.emplace_back(Prospect{.trigger = trigger});
    const auto gate = gates.find(trigger.webhook);
    const trigger::GateVerdict verdict =
        gate != gates.end() ? trigger::judge_gate(gate->second, now) : trigger::GateVerdict{};
    switch (verdict.step) {
      case trigger::GateVerdict::Step::kGo:
        prospect.reason = "nothing delays it";
        if (gate != gates.end()) {
          prospect.reason = "calendar " + in_quotes(gate->second.calendar->name()) + " is open";
        }
        if (const auto found = ahead.find(trigger.pipeline); found != ahead.end() && found->second > 0) {
          prospect.reason += found->second == 1
                                 ? "; one earlier trigger of the pipeline goes first"
                                 : "; " + std::to_string(found->second) + " earlier triggers of the pipeline go first";
        }
        break;
      case trigger::GateVerdict::Step::kPostpone:
        prospect.step = Prospect::Step::kPostpone;
        prospect.until = verdict.until;
        prospect.reason = "calendar " + in_quotes(gate->second.calendar->name()) + " is " + verdict.reason;
        break;
      case trigger::GateVerdict::Step::kSkip:
        prospect.step = Prospect::Step::kSkip;
        prospect.reason = verdict.reason;
        break;
      case trigger::GateVerdict::Step::kFail:
        prospect.step = Prospect::Step::kFail;
        prospect.reason = verdict.reason;
        break;
    }
    if (trigger.undecided || trigger.awaits_paths) {
      const std::string then = prospect.step == Prospect::Step::kStart ? "" : "; then: " + prospect.reason;
      prospect.step = Prospect::Step::kWait;
      prospect.until.reset();
      prospect.reason = trigger.awaits_paths ? "it waits for the changed paths"
                                             : "it waits for the configuration of action " + in_quotes(trigger.action) +
                                                   " of pipeline " + in_quotes(trigger.pipeline);
      prospect.reason += then;
    }
    if (!trigger.pipeline.empty()) ++ahead[trigger.pipeline];
  }
  return prospects;
}

WholeExplanation make_explanation(std::optional<store::Delivery> then, intake::Explanation now,
                                  const trigger::GateMap& gates, const std::vector<store::PendingTrigger>& pending,
                                  Timestamp time) {
  WholeExplanation result;
  result.prospects = make_prospects(now.triggers, gates, pending, time);
  if (then) {
    result.changes =
        intake::compare_decisions(then->decisions_json.empty() ? "[]" : then->decisions_json, now.decisions_json);
  }
  result.then = std::move(then);
  result.now = std::move(now);
  return result;
}

Json to_json(const WholeExplanation& explanation) {
  Json triggers = Json::array(), differences = Json::array();
  for (const Prospect& prospect : explanation.prospects) triggers.push_back(prospect_to_json(prospect));
  for (const intake::DecisionChange& change : explanation.changes) differences.push_back(change_to_json(change));
  const intake::Explanation& now = explanation.now;
  Json result;
  if (explanation.then) {
    result["deliveryId"] = explanation.then->id;
    result["then"] = {{"outcome", store::to_string(explanation.then->outcome)}, {"reason", explanation.then->reason}};
  }
  result["now"] = {{"outcome", store::to_string(now.outcome)},
                   {"reason", now.reason},
                   {"decisions", Json::parse(now.decisions_json, nullptr, false)},
                   {"triggers", std::move(triggers)}};
  if (explanation.then) result["differences"] = std::move(differences);
  return result;
}

}  // namespace penstock::server
