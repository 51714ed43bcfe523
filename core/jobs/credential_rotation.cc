#include "core/jobs/credential_rotation.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/jobs/credential_policy.h"

namespace penstock::jobs {
namespace {

// Remotes come from the pipelines' configurations; what is lost above this is only an order.
constexpr std::size_t kMaxRemotes = 1000;

}  // namespace

CredentialRotation::CredentialRotation(std::vector<std::string> names, GitCredentialLookup lookup)
    : names_(std::move(names)), lookup_(std::move(lookup)) {}

void CredentialRotation::run(const std::string& remote, const std::function<void(const git::Credential&)>& attempt,
                             const std::function<void(std::string_view)>& log) {
  if (names_.empty()) return attempt(git::NoCredential{});
  const std::vector<std::string> names = order_of(remote);
  std::vector<CredentialRefusal> refusals;
  for (std::size_t i = 0; i < names.size(); ++i) {
    Stage stage = Stage::kLookup;
    try {
      try_one(names[i], attempt, log, stage);
      return prefer(remote, names[i]);
    } catch (const Error& error) {
      // A secret that is gone from its place is as good as refused: so a rotation may end.
      const bool next = stage == Stage::kAttempt ? may_another_credential_help(error)
                                                 : !is_transient(error.kind()) && error.kind() != ErrorKind::kCancelled;
      if (!next || names.size() == 1) throw;
      const bool last = i + 1 == names.size();
      const bool refused = stage == Stage::kAttempt || error.kind() == ErrorKind::kUnauthenticated;
      log("the credential " + in_quotes(names[i]) + (refused ? " was refused: " : " cannot be used: ") +
          std::string(cause_of_refusal(error)) + (last ? "" : "; trying " + in_quotes(names[i + 1])));
      refusals.push_back({names[i], error});
      // Should a fault that passes come in between, the next attempt begins where this one was.
      if (!last) prefer(remote, names[i + 1]);
    }
  }
  forget(remote);
  throw all_refused(remote, refusals);
}

void CredentialRotation::try_one(const std::string& name, const std::function<void(const git::Credential&)>& attempt,
                                 const std::function<void(std::string_view)>& log, Stage& stage) const {
  std::optional<git::Credential> credential;  // none when it was refused where tokens are made
  try {
    stage = Stage::kLookup;
    credential = lookup_(name, CredentialUse::kCached);
    stage = Stage::kAttempt;
    return attempt(*credential);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnauthenticated) throw;
    // Perhaps it was rotated: the cached secret is refused, the fresh one is good.
    stage = Stage::kLookup;
    git::Credential fresh = lookup_(name, CredentialUse::kAnew);
    stage = Stage::kAttempt;
    if (credential && is_same_credential(fresh, *credential)) throw;
    log("the credential " + in_quotes(name) + " was refused, trying it freshly read");
    credential = std::move(fresh);
  }
  attempt(*credential);
}

std::vector<std::string> CredentialRotation::order_of(const std::string& remote) const {
  std::vector<std::string> order = names_;
  std::lock_guard lock(mutex_);
  const auto found = preferred_.find(remote);
  if (found == preferred_.end()) return order;
  const auto place = std::find(order.begin(), order.end(), found->second);
  if (place != order.end()) std::rotate(order.begin(), place, place + 1);
  return order;
}

void CredentialRotation::prefer(const std::string& remote, const std::string& name) {
  if (names_.size() < 2) return;
  std::lock_guard lock(mutex_);
  if (preferred_.size() >= kMaxRemotes && !preferred_.contains(remote)) preferred_.clear();
  preferred_[remote] = name;
}

void CredentialRotation::forget(const std::string& remote) {
  std::lock_guard lock(mutex_);
  preferred_.erase(remote);
}

}  // namespace penstock::jobs
