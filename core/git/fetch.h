// One run of `git fetch` into a mirror.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// A tag as the server lists it.
struct RemoteTag {
  std::string name;       // "refs/tags/…"
  std::string object_id;  // what the name stands for: a commit, or a tag object (or anything else)
  std::string peeled_id;  // what the tag object stands for in the end; empty = there is no tag object
  const std::string& target_id() const noexcept { return peeled_id.empty() ? object_id : peeled_id; }
};

// The login, the environment and the deadline that all runs for one request share. Not thread-safe.
class Fetcher {
 public:
  Fetcher(const Mirrors::Options& options, const FetchRequest& request, const Remote& remote,
          std::chrono::steady_clock::time_point deadline);

  // "--depth=1", "--unshallow", … and "+what:where". Nothing when it worked; Error{kTimeout | kCancelled} are thrown.
  std::optional<FetchDiagnosis> fetch(const std::filesystem::path& mirror, const std::string& depth_option,
                                      const std::string& refspec) const;
  std::optional<FetchDiagnosis> fetch(const std::filesystem::path& mirror, const std::string& depth_option,
                                      const std::vector<std::string>& refspecs) const;

  // All tags of the remote, in the order of their names. The errors of Mirrors::fetch(); Error{kExhausted} above
  // 200,000 tags.
  std::vector<RemoteTag> list_tags(const std::filesystem::path& mirror) const;

  // The full name of what the remote's HEAD points to; empty when it has none, or does not tell. The errors of
  // Mirrors::fetch().
  std::string default_branch(const std::filesystem::path& mirror) const;

  // What the request asks for, and a line for its log.
  const FetchRequest& request() const noexcept { return request_; }
  const Remote& remote() const noexcept { return remote_; }
  void report(std::string_view line) const;

 private:
  // Runs git with the deadline and the stop token of the request; Error{kTimeout | kCancelled}.
  std::optional<FetchDiagnosis> run(ProcessOptions process,
                                    const std::function<void(std::string_view)>& progress) const;
  ProcessOptions process_options(const std::filesystem::path& mirror) const;

  const Mirrors::Options& options_;
  const FetchRequest& request_;
  const Remote& remote_;
  std::chrono::steady_clock::time_point deadline_;
  std::optional<SshLogin> ssh_;
};

}  // namespace penstock::git
