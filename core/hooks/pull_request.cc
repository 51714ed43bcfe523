#include "core/hooks/pull_request.h"

#include <utility>

#include "core/base/text.h"
#include "core/hooks/event_fields.h"
#include "core/hooks/json_writer.h"

namespace penstock::hooks {
namespace {

constexpr std::string_view kComment = "ms.vss-code.git-pullrequest-comment-event";
constexpr std::size_t kMaxStatus = 64;

std::string ref_of(const OptionalValue& value) {
  auto name = text_of(value, 4 * kMaxRefName);
  return is_ref_name(name) ? name : std::string();
}

// All zeros are no commit.
std::string commit_of(const OptionalValue& value) {
  auto id = to_lower(text_of(find(value, "commitId"), kMaxId));
  return is_object_id(id) && !is_all_zeros(id) ? id : std::string();
}

// The repository that the source is in, if that is another one. A server that fills in `forkSource` for a branch of
// the same repository names the same id.
std::string fork_of(const OptionalValue& pull_request) {
  const auto fork = find(pull_request, "forkSource");
  if (is_absent(fork)) return {};
  const auto repository = find(fork, "repository");
  const auto id = to_lower(text_of(find(repository, "id"), kMaxId));
  if (!id.empty() && id == to_lower(text_of(find(find(pull_request, "repository"), "id"), kMaxId))) return {};
  const auto project = text_of(find(find(repository, "project"), "name"));
  const auto name = text_of(find(repository, "name"));
  if (!name.empty()) return project.empty() ? name : project + "/" + name;
  return id.empty() ? "another repository" : id;
}

std::string name_of(const PullRequest& pull_request) {
  return "pull request" + (pull_request.id ? " " + std::to_string(*pull_request.id) : std::string());
}

std::string merge_text(const PullRequest& pull_request) {
  return pull_request.merge_status.empty() ? std::string()
                                           : " (merge status " + in_quotes(pull_request.merge_status) + ")";
}

bool has_failed_to_merge(const PullRequest& pull_request) noexcept {
  return pull_request.merge_status == "conflicts" || pull_request.merge_status == "failure" ||
         pull_request.merge_status == "rejectedByPolicy";
}

// Which of V2's events this is; nothing and the reason when it is none of them.
//
// "git.pullrequest.merged" is sent whenever the server has tried the merge, for active pull requests too: whether one
// is completed is told by its status alone.
std::optional<PullRequestEvent> classify(std::string_view event_type, const PullRequest& pull_request,
                                         std::string& reason) {
  if (event_type == kComment) {
    reason = "a comment on " + name_of(pull_request) + " changes nothing of it";
    return std::nullopt;
  }
  if (pull_request.status == "abandoned") return PullRequestEvent::kClosed;
  if (pull_request.is_completed()) {
    if (!has_failed_to_merge(pull_request)) return PullRequestEvent::kClosed;
    reason = name_of(pull_request) + " was not merged" + merge_text(pull_request);
    return std::nullopt;
  }
  if (pull_request.status.empty()) {
    reason = "the event does not tell the status of " + name_of(pull_request);
    return std::nullopt;
  }
  if (event_type == "git.pullrequest.created") return PullRequestEvent::kOpen;
  if (event_type == "git.pullrequest.updated") return PullRequestEvent::kUpdated;
  if (event_type == "git.pullrequest.merged") {
    reason = "merging " + name_of(pull_request) + " was only attempted" + merge_text(pull_request) +
             ": its status is " + in_quotes(pull_request.status) + ", not \"completed\"";
  } else {
    reason = in_quotes(event_type) + " is none of the events OPEN, UPDATED and CLOSED";
  }
  return std::nullopt;
}

// Sets what is to be built, or why nothing can be.
void choose_revision(PullRequest& pull_request) {
  if (!pull_request.event) return;
  if (pull_request.is_completed()) {
    // What was merged is in this repository, wherever it came from.
    if (pull_request.target_ref.empty() || pull_request.merge_commit_id.empty()) {
      pull_request.refusal = name_of(pull_request) + " is completed, but the event does not tell its " +
                             (pull_request.target_ref.empty() ? "target branch" : "merge commit");
      return;
    }
    pull_request.ref = pull_request.target_ref;
    pull_request.commit_id = pull_request.merge_commit_id;
    return;
  }
  if (!pull_request.fork.empty()) {
    pull_request.refusal = "the source of " + name_of(pull_request) + " is in another repository, " +
                           in_quotes(pull_request.fork) + ": commits of forks are not built before they are merged";
    return;
  }
  if (pull_request.source_ref.empty() || pull_request.source_commit_id.empty()) {
    pull_request.refusal = "the event does not tell the source " +
                           std::string(pull_request.source_ref.empty() ? "branch" : "commit") + " of " +
                           name_of(pull_request);
    return;
  }
  pull_request.ref = pull_request.source_ref;
  pull_request.commit_id = pull_request.source_commit_id;
}

}  // namespace

std::string_view to_string(PullRequestEvent event) noexcept {
  switch (event) {
    case PullRequestEvent::kOpen:
      return "OPEN";
    case PullRequestEvent::kUpdated:
      return "UPDATED";
    case PullRequestEvent::kClosed:
      return "CLOSED";
  }
  return "";
}

std::optional<PullRequestEvent> parse_pull_request_event(std::string_view text) noexcept {
  for (const auto event : {PullRequestEvent::kOpen, PullRequestEvent::kUpdated, PullRequestEvent::kClosed}) {
    if (to_string(event) == text) return event;
  }
  return std::nullopt;
}

bool is_about_pull_requests(std::string_view event_type) noexcept {
  return event_type.starts_with("git.pullrequest.") || event_type == kComment;
}

std::optional<PullRequest> read_pull_request(std::string_view event_type, const json::Value& resource) {
  if (resource.type() != json::Type::kObject) return std::nullopt;
  OptionalValue source = resource;
  if (const auto inner = resource.find("pullRequest"); inner && inner->type() == json::Type::kObject) source = inner;

  PullRequest pull_request;
  pull_request.id = integer_of(find(source, "pullRequestId"));
  pull_request.source_ref = ref_of(find(source, "sourceRefName"));
  pull_request.target_ref = ref_of(find(source, "targetRefName"));
  // Minimal details have the id at most, by which nothing can be judged.
  if (pull_request.source_ref.empty() && pull_request.target_ref.empty()) return std::nullopt;
  pull_request.source_commit_id = commit_of(find(source, "lastMergeSourceCommit"));
  pull_request.target_commit_id = commit_of(find(source, "lastMergeTargetCommit"));
  pull_request.merge_commit_id = commit_of(find(source, "lastMergeCommit"));
  pull_request.status = text_of(find(source, "status"), kMaxStatus);
  pull_request.merge_status = text_of(find(source, "mergeStatus"), kMaxStatus);
  const auto is_draft = find(source, "isDraft");
  pull_request.is_draft = is_draft && is_draft->boolean().value_or(false);
  pull_request.fork = fork_of(source);
  pull_request.event = classify(event_type, pull_request, pull_request.refusal);
  choose_revision(pull_request);
  return pull_request;
}

std::string to_json(const PullRequest& pull_request) {
  std::string out;
  {
    ObjectWriter object(out);
    object.raw("id", pull_request.id ? std::to_string(*pull_request.id) : "null");
    object.text_or_null("sourceRef", pull_request.source_ref);
    object.text_or_null("targetRef", pull_request.target_ref);
    object.text_or_null("sourceCommitId", pull_request.source_commit_id);
    object.text_or_null("targetCommitId", pull_request.target_commit_id);
    object.text_or_null("mergeCommitId", pull_request.merge_commit_id);
    object.text_or_null("status", pull_request.status);
    object.text_or_null("mergeStatus", pull_request.merge_status);
    object.raw("isDraft", pull_request.is_draft ? "true" : "false");
    object.text_or_null("forkRepository", pull_request.fork);
    object.text_or_null("event", pull_request.event ? to_string(*pull_request.event) : std::string_view());
    object.text_or_null("reason", pull_request.refusal);
  }
  return out;
}

}  // namespace penstock::hooks
