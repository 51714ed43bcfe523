// The Azure DevOps service-hook envelope, read tolerantly into what deciding needs.
//
// Follows https://learn.microsoft.com/azure/devops/service-hooks/events; every member but `eventType` may be absent or
// null in real deliveries (Minimal or None resource details, events made through the API, older servers).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/hooks/pull_request.h"
#include "core/json/document.h"

namespace penstock::hooks {

struct RefUpdate {
  std::string name;           // full ref: refs/heads/main, refs/tags/v1; well-formed as git check-ref-format has it
  std::string old_object_id;  // lower-case hex; 40 zeros: the ref did not exist; empty: not told
  std::string new_object_id;  // lower-case hex; 40 zeros: the ref is deleted
  bool forced = false;
  std::size_t index = 0;  // in the body's refUpdates array, of which malformed entries are skipped
  bool is_deletion() const noexcept;
  bool is_creation() const noexcept;
};

struct Repository {
  std::string id;  // GUID; may be empty
  std::string name;
  std::string project;
  std::string remote_url;  // without user information; a hint, never fetched from
};

struct Event {
  std::shared_ptr<const json::Document> document;  // the whole body
  std::string event_type;
  std::string id;
  std::string subscription_id;
  std::optional<std::int64_t> notification_id;
  std::string publisher_id;
  std::optional<Repository> repository;
  std::optional<std::int64_t> push_id;
  std::vector<RefUpdate> ref_updates;  // git.push: all of them; otherwise empty
  std::optional<PullRequest> pull_request;
  std::string pushed_by;
  std::string host;  // of repository.remoteUrl or resourceContainers; lower case; may be empty

  // The portal's Test button: subscription id of zeros, or one of Microsoft's canned sample event ids.
  bool is_test = false;
  // Why nothing can be decided on this event ("set "Resource details to send" to All …"); empty = it can.
  std::string not_actionable;
  // What of the body was left aside and why ("refUpdates[1] was skipped: …"); at most 20.
  std::vector<std::string> notes;

  bool is_push() const noexcept { return event_type == "git.push"; }
};

// Throws Error{kInvalidInput} for bytes that are not a JSON object in UTF-8 (a byte order mark is accepted) or that
// have no `eventType`, Error{kExhausted} past the bounds of json::Document. At most 10,000 refUpdates are read; texts
// are cut to sane lengths. Pure, thread-safe.
Event parse_event(std::string_view body);

// Makes the same push the same text: (repository id, or host + project + name without it; pushId; ref; newObjectId).
// Names count without case. Without a pushId the event's id stands in for it: a branch that is set back to an earlier
// commit is a push of its own. Lengths are part of the text, so that no two pushes can collide by choosing names.
std::string push_key(const Event& event, const RefUpdate& ref);
// For events that are not pushes. Of a pull request that can be built: (repository, pull request, what has become of
// it, source commit). That it was opened and that it was updated is the same here: votes and the like come as updates
// too, and must not build again what was built already. Otherwise (event type, event id), or a hash of the body when
// there is no id.
std::string event_key(const Event& event);
// Whether such a key is that of a pull request that can be built.
bool is_pull_request_key(std::string_view key) noexcept;

// The StartPipelineExecution idempotency token of a trigger: lower-case hex SHA-256 of exactly these.
std::string client_request_token(std::string_view push_key, std::string_view webhook, std::string_view pipeline,
                                 int generation);

}  // namespace penstock::hooks
