#include "core/trigger/paths_subject.h"

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::trigger {
namespace {

PathsSubject subject_of(const hooks::PullRequest& pull_request) {
  if (pull_request.target_commit_id.empty()) {
    throw Error(ErrorKind::kInvalidInput, "reading the event: it does not tell the target commit of its pull request");
  }
  PathsSubject subject{.judged = {pull_request.target_ref, pull_request.event}};
  // Of a completed one the target branch itself has changed; the source may be squashed and gone.
  (pull_request.is_completed() ? subject.old_commit_id : subject.target_commit_id) = pull_request.target_commit_id;
  return subject;
}

}  // namespace

PathsSubject find_paths_subject(const hooks::Event& event, const std::string& push_key, const std::string& ref) {
  if (event.pull_request && hooks::event_key(event) == push_key) return subject_of(*event.pull_request);
  for (const hooks::RefUpdate& update : event.ref_updates) {
    if (hooks::push_key(event, update) == push_key) return {.old_commit_id = update.old_object_id};
  }
  throw Error(ErrorKind::kInvalidInput, "reading the event: it does not tell what " + in_quotes(ref) + " was before");
}

git::PushedRef comparison_of(const PathsSubject& subject, const hooks::Webhook& webhook, const std::string& commit_id,
                             const std::string& ref, git::PushedRef::NewRef new_ref) {
  git::PushedRef push;
  push.fetch.commit_id = commit_id;
  push.fetch.ref = ref;
  push.old_commit_id = subject.old_commit_id;
  push.target_commit_id = subject.target_commit_id;
  push.target_ref = subject.judged.ref;
  push.new_ref = new_ref;
  if (!subject.judged.event && webhook.path_rules()->judge_ref(ref).wants_all_files) {
    push.old_commit_id.clear();
    push.new_ref = git::PushedRef::NewRef::kAllFiles;
  }
  return push;
}

bool is_same_comparison(const git::PushedRef& one, const git::PushedRef& other) {
  return one.fetch.commit_id == other.fetch.commit_id && one.old_commit_id == other.old_commit_id &&
         one.target_commit_id == other.target_commit_id && one.target_ref == other.target_ref &&
         one.new_ref == other.new_ref;
}

}  // namespace penstock::trigger
