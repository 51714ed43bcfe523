// What a trigger's changed paths are about: what the webhook's rules judge, and what its commit is compared with. Pure.
#pragma once

#include <string>

#include "core/git/changed_paths.h"
#include "core/hooks/event.h"
#include "core/hooks/webhook.h"
#include "core/trigger/paths_judgement.h"

namespace penstock::trigger {

struct PathsSubject {
  JudgedRef judged{};
  std::string old_commit_id{};     // what the ref pointed at before
  std::string target_commit_id{};  // or what the pull request goes to
};

// Of the event's push with that key and ref, or of its pull request. Error{kInvalidInput} when the event does not tell.
PathsSubject find_paths_subject(const hooks::Event& event, const std::string& push_key, const std::string& ref);

// Without remote and login. `new_ref` is what the configuration says.
git::PushedRef comparison_of(const PathsSubject& subject, const hooks::Webhook& webhook, const std::string& commit_id,
                             const std::string& ref, git::PushedRef::NewRef new_ref);

// Whether two of them compare the same commits.
bool is_same_comparison(const git::PushedRef& one, const git::PushedRef& other);

}  // namespace penstock::trigger
