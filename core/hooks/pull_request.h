// What a service-hook event says about a pull request, and what of it could be built.
//
// Sources: https://learn.microsoft.com/azure/devops/service-hooks/events and, for the names of the events,
// https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-filter.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/json/document.h"

namespace penstock::hooks {

// As CodePipeline V2 has them.
enum class PullRequestEvent {
  kOpen,
  kUpdated,  // also votes, reviewers and the like: the event does not tell them from pushes to the source branch
  kClosed,   // completed or abandoned
};
std::string_view to_string(PullRequestEvent event) noexcept;  // "OPEN"
std::optional<PullRequestEvent> parse_pull_request_event(std::string_view text) noexcept;

struct PullRequest {
  std::optional<std::int64_t> id;
  std::string source_ref, target_ref;  // full, well-formed; empty: not told
  // Lower-case hex; empty: not told, or (the merge commit) there is none.
  std::string source_commit_id, target_commit_id, merge_commit_id;
  std::string status;        // "active", "completed", "abandoned", … as sent
  std::string merge_status;  // "succeeded", "conflicts", "queued", … as sent
  bool is_draft = false;
  std::string fork;  // the other repository that the source is in, as people name it; empty: it is in this one

  std::optional<PullRequestEvent> event;
  // What a start would build: for a completed pull request what the target branch has become, otherwise the source.
  std::string ref, commit_id;
  // Why this event starts nothing, whatever is configured; empty: it can.
  std::string refusal;

  bool is_completed() const noexcept { return status == "completed"; }
};

// Whether events of this type are about pull requests.
bool is_about_pull_requests(std::string_view event_type) noexcept;

// Reads the pull request of such an event out of its `resource`; nothing when that holds none (Minimal or None resource
// details). Pure, bounded.
std::optional<PullRequest> read_pull_request(std::string_view event_type, const json::Value& resource);

// The members id, sourceRef, targetRef, sourceCommitId, targetCommitId, mergeCommitId, status, mergeStatus, isDraft,
// forkRepository, event and reason, as the history API has them; null for what was not told.
std::string to_json(const PullRequest& pull_request);

}  // namespace penstock::hooks
