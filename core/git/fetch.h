// One run of `git fetch` into a mirror.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/process.h"
#include "core/git/fetch_errors.h"
#include "core/git/mirror.h"
#include "core/git/remote.h"
#include "core/git/ssh_login.h"

namespace penstock::git {

// Error{kConfiguration} unless the policy lets this remote be fetched with this credential: secrets go over https and
// ssh, and over plain http to loopback addresses only.
void check_remote_policy(const Remote& remote, const Credential& credential, const Mirrors::Options& options);

// An empty folder beside the mirrors.
inline constexpr std::string_view kNoCertificates = "no-certificates";

// The login, the environment and the deadline that all runs for one request share. Not thread-safe.
class Fetcher {
 public:
  Fetcher(const Mirrors::Options& options, const FetchRequest& request, const Remote& remote,
          std::chrono::steady_clock::time_point deadline);

  // "--depth=1", "--unshallow", … and "+what:where". Nothing when it worked; Error{kTimeout | kCancelled} are thrown.
  std::optional<FetchDiagnosis> fetch(const std::filesystem::path& mirror, const std::string& depth_option,
                                      const std::string& refspec) const;

 private:
  ProcessOptions process_options(const std::filesystem::path& mirror) const;

  const Mirrors::Options& options_;
  const FetchRequest& request_;
  const Remote& remote_;
  std::chrono::steady_clock::time_point deadline_;
  std::optional<SshLogin> ssh_;
};

}  // namespace penstock::git
