// decide(event, webhooks) -> decisions. Pure: no I/O, no clock. Called by intake for every delivery, by the trigger
// stage for decisions that had to wait for the target action's configuration, and by `penstock explain`.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/hooks/event.h"
#include "core/hooks/webhook.h"

namespace penstock::hooks {

enum class Verdict {
  kMatched,
  kNotMatched,
  kWaiting,  // all filters that can be judged pass; the others need the action's configuration, which is not known yet
  kWaitingForPaths,  // all filters pass, and so does the ref; what the push has changed is not known yet
};

// The end of the reason of a decision that does.
inline constexpr std::string_view kWaitsForPaths = "waiting for the changed paths";

struct FilterResult {
  std::string json_path;
  Webhook::Condition condition = Webhook::Condition::kExists;
  std::string expected;  // the condition's operand, with placeholders filled in as far as known
  // JSON texts of the selected values, at most 20, each at most 200 characters: a text that was too long is cut and
  // ends in "…", an array or object that was too long becomes a JSON string of its beginning.
  std::vector<std::string> selected;
  std::size_t selected_count = 0;
  bool matched = false;
  std::string note;  // why not, where the values alone do not say it ("waiting for …", "query visited too many nodes")
};

// One per (webhook, ref update) of a push; one per webhook for other events. Filters see a push's refUpdates as if the
// ref in question were the only entry, so that a push of two branches is judged and started branch by branch.
struct Decision {
  std::string webhook;
  std::string target_pipeline;  // empty with routes
  std::string target_action;
  // Of a push, or of what a pull request would build; empty for other events.
  std::string ref;
  std::string commit_id;  // newObjectId, or the pull request's; also empty when the ref was deleted
  std::string push_key;   // identity of (push, ref), or of the event
  Verdict verdict = Verdict::kNotMatched;
  std::string reason;  // "all filters passed", "filter 2 did not match: …", "the branch was deleted"
  std::vector<FilterResult> filters;
  std::map<std::string, std::string> variables;  // evaluated for matches
};

// The target action's configuration as last read, or nothing when it was never read. Asked only for a webhook all of
// whose other filters pass, so that a push does not make the program read the pipelines of every other webhook.
using ActionConfigurationLookup = std::function<std::optional<std::map<std::string, std::string>>(
    const std::string& pipeline, const std::string& action)>;

struct DecideLimits {
  std::size_t max_visited_nodes = 2'000'000;  // over all queries of one event
  // Past this many decisions those that did not match are counted but not kept, so that a push of very many refs is
  // still started where it should be.
  std::size_t max_decisions = 5'000;
  std::size_t max_judgements = 1'000'000;      // (webhook, ref) pairs; the rest is not judged
  std::size_t max_compared_bytes = 64u << 20;  // of selected texts, over all filters; globs count eightfold
};

// In the order of the refs, then of the webhooks. What the limits cut off is said in the last decision's reason. An
// event that is `not_actionable` has no decisions; tests are decided like others, it is for the caller to start
// nothing.
std::vector<Decision> decide(const Event& event, const std::vector<const Webhook*>& webhooks,
                             const ActionConfigurationLookup& configuration, const DecideLimits& limits = {});

// What became of an event in a few words, by the number of webhooks: "1 webhook matched".
struct VerdictCounts {
  std::size_t matched = 0, waiting = 0, waiting_for_paths = 0;
};
std::string summarize(const VerdictCounts& counts);

// The `decisions` array of the history API for these decisions, as JSON text. Members of a decision: webhook,
// targetPipeline, targetAction, ref, commitId (the two are null for events without refs), matched, waiting (only when
// true; then with waitingFor: "actionConfiguration" or "changedPaths"), reason, filters [{jsonPath, condition,
// expected, selected, selectedCount, matched, note (only with text)}], variables (only for matches that have some).
std::string decisions_to_json(const std::vector<Decision>& decisions);
void append_decision_json(std::string& out, const Decision& decision);

}  // namespace penstock::hooks
