// Several credentials for the same repositories, as while one of them is being replaced by the other.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/git/mirror.h"

namespace penstock::jobs {

enum class CredentialUse {
  kCached,
  kAnew,  // the last one was refused, it may have been rotated: read it again
};
// The credential of that name for git. May block for the secret's source.
using GitCredentialLookup = std::function<git::Credential(const std::string& name, CredentialUse use)>;

// Thread-safe.
class CredentialRotation {
 public:
  // The names in the order in which they are tried; none = no login.
  CredentialRotation(std::vector<std::string> names, GitCredentialLookup lookup);

  // Calls `attempt` with one credential after another until it returns. One that the server refuses is read anew, and
  // tried again if that changed it; then comes the next. What worked last for this remote is tried first. Errors that
  // another credential cannot better come out as they are; when all were refused, one error says what each got, and
  // `log` has had a line for each.
  void run(const std::string& remote, const std::function<void(const git::Credential&)>& attempt,
           const std::function<void(std::string_view)>& log);

 private:
  enum class Stage { kLookup, kAttempt };
  void try_one(const std::string& name, const std::function<void(const git::Credential&)>& attempt,
               const std::function<void(std::string_view)>& log, Stage& stage) const;
  std::vector<std::string> order_of(const std::string& remote) const;
  void prefer(const std::string& remote, const std::string& name);
  void forget(const std::string& remote);

  const std::vector<std::string> names_;
  const GitCredentialLookup lookup_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> preferred_;  // by remote; guarded by mutex_
};

}  // namespace penstock::jobs
