// What the changed paths of a push mean for one of its triggers, in words and for the store. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/git/changed_paths.h"
#include "core/hooks/webhook.h"
#include "core/store/records.h"
#include "core/trigger/paths_policy.h"

namespace penstock::trigger {

struct PathsJudgement {
  store::PathsOutcome outcome;     // without the trigger's id
  bool matched = false;            // of the decision
  std::string reason;              // of the decision; empty = it waits as before
  std::string changed_paths_json;  // its member changedPaths; empty = none
};

// What the webhook's rules look at.
struct JudgedRef {
  std::string ref{};  // that was pushed, or that a pull request goes to; empty = the trigger's
  std::optional<hooks::PullRequestEvent> event{};
};

// Error{kExhausted} when the webhook's patterns ask for too much work on these files.
PathsJudgement judge_paths(const hooks::Webhook& webhook, const store::Trigger& trigger, const git::PushedPaths& paths,
                           const JudgedRef& judged = {});
// Without asking for files, if the ref alone says enough by now; nothing when it does not.
std::optional<PathsJudgement> judge_ref_alone(const hooks::Webhook& webhook, const store::Trigger& trigger,
                                              const JudgedRef& judged = {});
// The paths cannot be had.
PathsJudgement judge_unknown_paths(const hooks::Webhook& webhook, const store::Trigger& trigger,
                                   const PathsFailure& failure, Timestamp now);

// What a delivery's history says after that.
struct TellPaths {
  std::string webhook, ref;
  const PathsJudgement* judgement = nullptr;
};
struct ToldPaths {
  std::string decisions_json;
  std::string reason;  // of the delivery
};
// `decisions_json` and `reason` are as stored.
ToldPaths tell_paths(const std::string& decisions_json, const std::string& reason, const std::vector<TellPaths>& told);

}  // namespace penstock::trigger
