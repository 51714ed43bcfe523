#include "core/trigger/paths_judgement.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/base/text.h"
#include "core/hooks/decision.h"
#include "core/json/json.h"

namespace penstock::trigger {
namespace {

using json::Json;
using Step = store::PathsOutcome::Step;

constexpr std::size_t kShownPipelines = 10;
// Paths are in it, which may be long, and no UTF-8.
constexpr std::size_t kMaxReason = 2000;

std::string bounded(const std::string& reason) {
  return truncate_utf8(reason, kMaxReason, 3 * kMaxReason);
}

const std::string& ref_of(const store::Trigger& trigger, const JudgedRef& judged) noexcept {
  return judged.ref.empty() ? trigger.ref : judged.ref;
}

std::string_view to_string(git::PushedPaths::Basis basis) noexcept {
  switch (basis) {
    case git::PushedPaths::Basis::kOldCommit:
      return "oldCommit";
    case git::PushedPaths::Basis::kMergeBase:
      return "mergeBase";
    case git::PushedPaths::Basis::kAllFiles:
      return "allFiles";
  }
  return "";
}

std::string list_of(const std::vector<std::string>& pipelines) {
  std::string text;
  for (std::size_t i = 0; i < pipelines.size() && i < kShownPipelines; ++i)
    text += (i == 0 ? "" : ", ") + in_quotes(pipelines[i]);
  if (pipelines.size() > kShownPipelines)
    text += " and " + std::to_string(pipelines.size() - kShownPipelines) + " more";
  return text;
}

// The trigger goes on, as itself or as those of the pipelines.
void let_go(PathsJudgement& judgement, const hooks::Webhook& webhook, const store::Trigger& trigger,
            std::vector<std::string> pipelines) {
  judgement.matched = true;
  if (!webhook.has_routes()) {
    if (!trigger.pipeline.empty()) {
      judgement.outcome.step = Step::kGoes;
      return;
    }
    pipelines = {webhook.definition().target_pipeline};  // it had routes when the delivery came
  }
  judgement.outcome.step = Step::kSplits;
  judgement.outcome.reason = "replaced by the triggers of " + list_of(pipelines);
  judgement.outcome.pipelines = std::move(pipelines);
}

void skip(PathsJudgement& judgement, std::string reason) {
  judgement.outcome.step = Step::kSkips;
  judgement.outcome.reason = reason;
  judgement.reason = std::move(reason);
}

// Those that every file leads to.
std::vector<std::string> fixed_pipelines(const hooks::Webhook& webhook) {
  std::vector<std::string> pipelines;
  for (const hooks::RouteDefinition& route : webhook.definition().path_rules.routes) {
    if (route.target_pipeline.find('{') != std::string::npos) continue;
    if (std::find(pipelines.begin(), pipelines.end(), route.target_pipeline) == pipelines.end())
      pipelines.push_back(route.target_pipeline);
  }
  return pipelines;
}

Json& entry_of(Json& decisions, const TellPaths& told) {
  for (Json& entry : decisions) {
    if (json::string_or(entry, "webhook") == told.webhook && json::string_or(entry, "ref") == told.ref) return entry;
  }
  decisions.push_back({{"webhook", told.webhook}, {"ref", told.ref}, {"matched", false}, {"reason", ""}});
  return decisions.back();
}

// Without its end that says what it waits for.
std::string beginning_of(const std::string& reason) {
  const auto end = reason.rfind(hooks::kWaitsForPaths);
  return end == std::string::npos ? reason : reason.substr(0, end);
}

std::string summarize(const Json& decisions) {
  std::set<std::string> matched, waiting, waiting_for_paths;
  for (const Json& entry : decisions) {
    const std::string webhook = json::string_or(entry, "webhook");
    if (const Json* value = json::find(entry, "matched"); value != nullptr && *value == true) matched.insert(webhook);
    if (const std::string what = json::string_or(entry, "waitingFor"); !what.empty())
      (what == "changedPaths" ? waiting_for_paths : waiting).insert(webhook);
  }
  return hooks::summarize({matched.size(), waiting.size(), waiting_for_paths.size()});
}

// What the store has added to the reason.
std::string_view note_on_repetition(std::string_view reason) {
  const auto note = reason.find(" triggers exist already");
  if (note == std::string_view::npos) return {};
  const auto begin = reason.rfind("; ", note);
  return begin == std::string_view::npos ? std::string_view() : reason.substr(begin);
}

}  // namespace

PathsJudgement judge_paths(const hooks::Webhook& webhook, const store::Trigger& trigger, const git::PushedPaths& paths,
                           const JudgedRef& judged) {
  PathsJudgement judgement;
  const hooks::FileVerdict verdict = webhook.path_rules()->judge_files(
      ref_of(trigger, judged), {.paths = paths.changed.paths, .is_complete = paths.changed.is_complete}, judged.event);
  judgement.changed_paths_json = hooks::to_json(verdict, {.basis = std::string(to_string(paths.basis)),
                                                          .base_commit_id = paths.base_commit_id,
                                                          .note = paths.note,
                                                          .changed = paths.changed.paths.size(),
                                                          .is_complete = paths.changed.is_complete});
  if (!verdict.passes) {
    skip(judgement, bounded(verdict.reason));
    return judgement;
  }
  judgement.reason = bounded(verdict.reason);
  std::vector<std::string> pipelines;
  for (const hooks::RoutedPipeline& routed : verdict.pipelines) pipelines.push_back(routed.pipeline);
  let_go(judgement, webhook, trigger, std::move(pipelines));
  return judgement;
}

std::optional<PathsJudgement> judge_ref_alone(const hooks::Webhook& webhook, const store::Trigger& trigger,
                                              const JudgedRef& judged) {
  PathsJudgement judgement;
  const hooks::RefVerdict verdict = webhook.path_rules() != nullptr
                                        ? webhook.path_rules()->judge_ref(ref_of(trigger, judged), judged.event)
                                        : hooks::RefVerdict{};
  switch (verdict.next) {
    case hooks::RefVerdict::Next::kNeedsFiles:
      return std::nullopt;
    case hooks::RefVerdict::Next::kRefused:
      skip(judgement, verdict.reason);
      return judgement;
    case hooks::RefVerdict::Next::kPasses:
      judgement.reason = "the webhook looks at no files any more";
      let_go(judgement, webhook, trigger, {});
      return judgement;
  }
  return std::nullopt;
}

PathsJudgement judge_unknown_paths(const hooks::Webhook& webhook, const store::Trigger& trigger,
                                   const PathsFailure& failure, Timestamp now) {
  PathsJudgement judgement;
  const std::string why = bounded(failure.reason);
  judgement.outcome.reason = why;
  if (failure.step == PathsFailure::Step::kRetry) {
    judgement.outcome.step = Step::kWaits;
    judgement.outcome.next_attempt_at = now + failure.delay;
    return judgement;
  }
  judgement.reason = why;
  std::vector<std::string> pipelines = fixed_pipelines(webhook);
  if (failure.step == PathsFailure::Step::kStart && webhook.has_routes()) {
    const auto& routes = webhook.definition().path_rules.routes;
    const auto templated = std::count_if(routes.begin(), routes.end(), [](const hooks::RouteDefinition& route) {
      return route.target_pipeline.find('{') != std::string::npos;
    });
    if (templated > 0) {
      judgement.reason += "; " + std::to_string(templated) + (templated == 1 ? " route starts" : " routes start") +
                          " nothing, as the pipeline's name comes out of the changed path";
    }
  }
  const bool starts = failure.step == PathsFailure::Step::kStart && (!webhook.has_routes() || !pipelines.empty());
  if (starts) {
    let_go(judgement, webhook, trigger, std::move(pipelines));
    judgement.outcome.note = judgement.reason;
  } else {
    if (judgement.reason.starts_with(kStartedAlthough)) judgement.reason.erase(0, kStartedAlthough.size());
    judgement.outcome.step = Step::kFails;
    judgement.outcome.reason = judgement.reason;
  }
  judgement.changed_paths_json = json::dump({{"basis", "unknown"}, {"reason", judgement.reason}});
  return judgement;
}

ToldPaths tell_paths(const std::string& decisions_json, const std::string& reason, const std::vector<TellPaths>& told) {
  Json decisions = decisions_json.empty() ? Json::array() : json::parse_json(decisions_json, "stored decisions");
  if (!decisions.is_array()) decisions = Json::array();
  std::string why_nothing;
  for (const TellPaths& each : told) {
    const PathsJudgement& judgement = *each.judgement;
    if (judgement.reason.empty()) continue;
    Json& entry = entry_of(decisions, each);
    entry["matched"] = judgement.matched;
    entry.erase("waiting");
    entry.erase("waitingFor");
    entry["reason"] =
        judgement.matched ? beginning_of(json::string_or(entry, "reason")) + judgement.reason : judgement.reason;
    if (!judgement.changed_paths_json.empty())
      entry["changedPaths"] = json::parse_json(judgement.changed_paths_json, "the verdict on changed paths");
    why_nothing = judgement.reason;
  }
  ToldPaths result;
  result.reason = summarize(decisions);
  if (result.reason == hooks::summarize({}) && told.size() == 1 && !why_nothing.empty())
    result.reason += ": " + why_nothing;
  result.reason += note_on_repetition(reason);
  result.decisions_json = json::dump(decisions);
  return result;
}

}  // namespace penstock::trigger
