#include "core/hooks/event.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/hooks/event_fields.h"

namespace penstock::hooks {
namespace {

constexpr std::size_t kMaxRefUpdates = 10'000;
constexpr std::size_t kMaxNotes = 20;

constexpr std::string_view kPullRequestKey = "pull request;";
constexpr std::string_view kZeroSubscription = "00000000-0000-0000-0000-000000000000";

// Ids of the canned events that the portal's Test button posts; testing an existing subscription sends these together
// with the subscription's real id.
constexpr std::array<std::string_view, 6> kSampleEventIds = {
    "03c164c2-8912-4d5e-8009-3707d5f83734",  // git.push
    "2ab4e3d3-b7a6-425e-92b1-5a9982c1269e",  // git.pullrequest.created
    "af07be1b-f3ad-44c8-a7f1-c4835f2df06b",  // git.pullrequest.updated, comment
    "6872ee8c-b333-4eff-bfb9-0d5274943566",  // git.pullrequest.merged
    "4a5d99d6-1c75-4e53-91b9-ee80057d4ce3",  // build.complete
    "f9b4c23e-88dd-4516-b04d-849787304e32",  // tfvc.checkin
};

struct RemoteUrl {
  std::string without_user_information, host;
};

// Only what is needed to drop user information and to see the host. Real deliveries hold raw spaces here.
RemoteUrl read_remote_url(std::string url) {
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string::npos) return {};
  const auto authority_begin = scheme_end + 3;
  const auto authority_end = std::min(url.find_first_of("/?#\\", authority_begin), url.size());
  const auto at = url.rfind('@', authority_end == 0 ? 0 : authority_end - 1);
  if (at != std::string::npos && at >= authority_begin && at < authority_end) {
    url.erase(authority_begin, at + 1 - authority_begin);
  }
  const auto host_end = std::min(url.find_first_of("/?#\\", authority_begin), url.size());
  auto host = to_lower(std::string_view(url).substr(authority_begin, host_end - authority_begin));
  const auto colon = host.rfind(':');
  if (colon != std::string::npos && host.find(']', colon) == std::string::npos) host.erase(colon);
  return {std::move(url), std::move(host)};
}

std::optional<Repository> read_repository(const OptionalValue& resource, std::string& host) {
  auto source = find(resource, "repository");
  if (is_absent(source)) source = find(find(resource, "pullRequest"), "repository");
  Repository repository;
  if (source && source->type() == json::Type::kObject) {
    repository.id = text_of(source->find("id"), kMaxId);
    repository.name = text_of(source->find("name"));
    repository.project = text_of(find(source->find("project"), "name"));
    auto remote = read_remote_url(text_of(source->find("remoteUrl"), 2 * kMaxText));
    repository.remote_url = std::move(remote.without_user_information);
    host = std::move(remote.host);
  } else {  // git.repo.deleted
    repository.id = text_of(find(resource, "repositoryId"), kMaxId);
    repository.name = text_of(find(resource, "repositoryName"));
  }
  if (repository.id.empty() && repository.name.empty() && repository.remote_url.empty()) return std::nullopt;
  return repository;
}

std::string host_of_containers(const OptionalValue& containers) {
  for (const auto* container : {"account", "collection", "project"}) {
    auto host = read_remote_url(text_of(find(find(containers, container), "baseUrl"), 2 * kMaxText)).host;
    if (!host.empty()) return host;
  }
  return {};
}

void add_note(Event& event, std::string note) {
  if (event.notes.size() < kMaxNotes) event.notes.push_back(std::move(note));
}

// One entry of refUpdates; nothing and a reason when it cannot be acted on.
std::optional<RefUpdate> read_ref_update(const json::Value& entry, std::string& reason) {
  if (entry.type() != json::Type::kObject) {
    reason = "it is not an object";
    return std::nullopt;
  }
  RefUpdate ref;
  ref.name = text_of(entry.find("name"), 4 * kMaxRefName);
  if (!is_ref_name(ref.name)) {
    reason = ref.name.empty() ? "it has no name" : "its name " + in_quotes(ref.name) + " is not a ref name";
    return std::nullopt;
  }
  ref.new_object_id = to_lower(text_of(entry.find("newObjectId"), kMaxId));
  if (!is_object_id(ref.new_object_id)) {
    reason = ref.new_object_id.empty() ? "it has no newObjectId"
                                       : "its newObjectId " + in_quotes(ref.new_object_id) +
                                             " is not an object id of 40 or 64 hexadecimal digits";
    return std::nullopt;
  }
  ref.old_object_id = to_lower(text_of(entry.find("oldObjectId"), kMaxId));
  if (!ref.old_object_id.empty() && !is_object_id(ref.old_object_id)) {
    reason = "its oldObjectId " + in_quotes(ref.old_object_id) + " is not an object id";
    ref.old_object_id.clear();
  }
  const auto forced = entry.find("forced");
  ref.forced = forced && forced->boolean().value_or(false);
  return ref;
}

void read_ref_updates(const json::Value& updates, Event& event) {
  std::unordered_set<std::string> seen;
  std::size_t index = 0;
  updates.for_each_element([&](json::Value entry) {
    const auto here = index++;
    if (here >= kMaxRefUpdates) return;
    const auto label = "refUpdates[" + std::to_string(here) + "]";
    std::string reason;
    auto ref = read_ref_update(entry, reason);
    if (!ref) {
      add_note(event, label + " was skipped: " + reason);
      return;
    }
    if (!reason.empty()) add_note(event, label + " was read in part: " + reason);
    if (!seen.insert(ref->new_object_id + ref->name).second) {
      add_note(event, label + " was skipped: it repeats an earlier entry");
      return;
    }
    ref->index = here;
    event.ref_updates.push_back(std::move(*ref));
  });
  if (index > kMaxRefUpdates) {
    event.notes.insert(event.notes.begin(), "only the first " + std::to_string(kMaxRefUpdates) + " of " +
                                                std::to_string(index) + " refUpdates were read");
    event.notes.resize(std::min(event.notes.size(), kMaxNotes));
  }
}

std::string advice(const Event& event) {
  return "set \"Resource details to send\" to All in the service-hook subscription" +
         (event.subscription_id.empty() ? std::string() : " " + in_quotes(event.subscription_id));
}

std::string why_not_actionable(const Event& event, const OptionalValue& resource, const OptionalValue& updates) {
  if (is_absent(resource)) return "the event carries no resource: " + advice(event);
  if (is_about_pull_requests(event.event_type) && !event.pull_request)
    return "the event does not tell the branches of its pull request: " + advice(event);
  if (!event.is_push() || !event.ref_updates.empty()) return {};
  if (is_absent(updates)) return "the push carries no refUpdates: " + advice(event);
  if (updates->type() != json::Type::kArray) return "the push's refUpdates are not an array: " + advice(event);
  if (updates->size() == 0) return "the push updates no ref";
  return "no entry of the push's refUpdates is usable: " + (event.notes.empty() ? "" : event.notes.front());
}

void append_part(std::string& key, std::string_view part) {
  key += std::to_string(part.size());
  key += ':';
  key += part;
  key += ';';
}

void append_repository(std::string& key, const Event& event) {
  if (event.repository && !event.repository->id.empty()) {
    append_part(key, "id");
    append_part(key, to_lower(event.repository->id));
    return;
  }
  append_part(key, "name");
  append_part(key, event.host);
  append_part(key, event.repository ? to_lower(event.repository->project) : std::string());
  append_part(key, event.repository ? to_lower(event.repository->name) : std::string());
}

std::string pull_request_key(const Event& event, const PullRequest& pull_request) {
  const bool is_closed = pull_request.event == PullRequestEvent::kClosed;
  std::string key(kPullRequestKey);
  append_repository(key, event);
  append_part(key, std::to_string(*pull_request.id));
  append_part(key, is_closed ? pull_request.status : "revision");
  append_part(key, pull_request.source_commit_id.empty() ? pull_request.commit_id : pull_request.source_commit_id);
  return key;
}

}  // namespace

bool RefUpdate::is_deletion() const noexcept {
  return is_all_zeros(new_object_id);
}
bool RefUpdate::is_creation() const noexcept {
  return is_all_zeros(old_object_id);
}

Event parse_event(std::string_view body) {
  Event event;
  event.document = std::make_shared<const json::Document>(json::Document::parse(body));
  const auto root = event.document->root();
  if (root.type() != json::Type::kObject) {
    throw Error(ErrorKind::kInvalidInput, "reading the event: the body is not a JSON object");
  }
  event.event_type = text_of(root.find("eventType"), kMaxId);
  if (event.event_type.empty()) {
    throw Error(ErrorKind::kInvalidInput, "reading the event: the member \"eventType\" is missing or no text");
  }
  event.id = text_of(root.find("id"), kMaxId);
  event.subscription_id = text_of(root.find("subscriptionId"), kMaxId);
  event.notification_id = integer_of(root.find("notificationId"));
  event.publisher_id = text_of(root.find("publisherId"), kMaxId);
  event.is_test =
      event.subscription_id == kZeroSubscription ||
      std::find(kSampleEventIds.begin(), kSampleEventIds.end(), to_lower(event.id)) != kSampleEventIds.end();

  const auto resource = root.find("resource");
  event.repository = read_repository(resource, event.host);
  if (event.host.empty()) event.host = host_of_containers(root.find("resourceContainers"));

  OptionalValue updates;
  if (event.is_push()) {
    event.push_id = integer_of(find(resource, "pushId"));
    const auto pusher = find(resource, "pushedBy");
    event.pushed_by = text_of(find(pusher, "displayName"));
    if (event.pushed_by.empty()) event.pushed_by = text_of(find(pusher, "uniqueName"));
    updates = find(resource, "refUpdates");
    if (updates && updates->type() == json::Type::kArray) read_ref_updates(*updates, event);
  }
  if (resource && is_about_pull_requests(event.event_type))
    event.pull_request = read_pull_request(event.event_type, *resource);
  event.not_actionable = why_not_actionable(event, resource, updates);
  return event;
}

std::string push_key(const Event& event, const RefUpdate& ref) {
  std::string key = "push;";
  append_repository(key, event);
  if (event.push_id) {
    append_part(key, "push");
    append_part(key, std::to_string(*event.push_id));
  } else {
    append_part(key, "event");
    append_part(key, event.id);
  }
  append_part(key, ref.name);
  append_part(key, ref.new_object_id);
  return key;
}

std::string event_key(const Event& event) {
  if (event.pull_request && event.pull_request->refusal.empty() && event.pull_request->id && event.repository)
    return pull_request_key(event, *event.pull_request);
  std::string key = "event;";
  append_part(key, event.event_type);
  if (!event.id.empty()) {
    append_part(key, "id");
    append_part(key, to_lower(event.id));
  } else {
    append_part(key, "body");
    append_part(key, event.document ? sha256_hex(event.document->root().to_text()) : std::string());
  }
  return key;
}

bool is_pull_request_key(std::string_view key) noexcept {
  return key.starts_with(kPullRequestKey);
}

std::string client_request_token(std::string_view push_key, std::string_view webhook, std::string_view pipeline,
                                 int generation) {
  std::string text = "penstock trigger;";
  append_part(text, push_key);
  append_part(text, webhook);
  append_part(text, pipeline);
  append_part(text, std::to_string(generation));
  return sha256_hex(text);
}

}  // namespace penstock::hooks
