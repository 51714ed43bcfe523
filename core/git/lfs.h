// The real content of files that a repository keeps in Git LFS: brought over https, verified, and kept for later jobs.
//
// A commit's pointers are collected, fetch() brings those objects that are not here yet, all in one go, and read()
// gives each out while the artifact is written. The two are apart so that a missing object fails the job before
// anything is written.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/retry.h"
#include "core/git/lfs_pointer.h"
#include "core/git/mirror.h"

namespace penstock::http {
class HttpTransport;
}

namespace penstock::git {

struct LfsObject {
  LfsPointer pointer;
  std::string path;  // of the file in the repository, for messages
};

struct LfsRequest {
  // Where the remote's objects are kept, e.g. Mirrors::folder_of(remote) / "lfs"; made when it does not exist. Any
  // number of jobs and processes may share it.
  std::filesystem::path folder;
  std::string remote;  // https://; http:// to loopback addresses only
  std::string ref;     // full name, for servers that judge access by it; may be empty
  Credential credential;
  std::vector<LfsObject> objects;  // the same one may come several times
  std::chrono::milliseconds timeout{20 * 60 * 1000};
  std::stop_token stop;
  // Lines for the job's log, free of secrets: one at a time, on this call's thread or one that it started.
  std::function<void(std::string_view)> on_progress;
};

struct LfsResult {
  std::size_t objects = 0;     // different ones that were asked for
  std::size_t downloaded = 0;  // of these, what this call brought
  std::uint64_t downloaded_bytes = 0;
};

// Thread-safe: calls that want the same object share one download.
class LfsObjects {
 public:
  struct Options {
    std::shared_ptr<http::HttpTransport> transport{};
    std::size_t parallel_downloads = 4;     // of one fetch()
    std::size_t objects_in_question = 100;  // in one question to the server
    int max_attempts = 5;                   // of each question and each download, when what went wrong may pass
    BackoffPolicy backoff{.initial = std::chrono::milliseconds(500), .ceiling = std::chrono::milliseconds(20'000)};
    std::uint64_t max_bytes = 0;  // what one fetch() may bring; 0 = as much as the disk has room for
    // For tests; random and interruptible sleep when empty.
    std::function<double()> random_unit{};
    std::function<void(std::chrono::milliseconds, const std::stop_token&)> sleep{};
  };
  explicit LfsObjects(Options options);
  ~LfsObjects();

  // Returns when every object is in the folder. The credential goes to the remote's own origin and nowhere else.
  //
  // Error{kConfiguration} for a remote or credential that LFS cannot be fetched with; kUnauthenticated; kPermission;
  // kNotFound with code "LfsNotFound" (no LFS there) or "LfsObjectNotFound" (was never pushed, or was removed);
  // kExhausted for a full disk, before anything is fetched when that can be told; kUnavailable, also with code
  // "LfsObjectMismatch" when the server gives other bytes than the pointer says; kRateLimited, kTimeout, kCancelled.
  // Messages name the object's path and say what to do. What came before an error stays and is not fetched again.
  LfsResult fetch(const LfsRequest& request);

  // The object in pieces of at most 1 MiB, verified while it is read: Error{kCorrupt} after the last piece when it is
  // not what it was, and at once when it is gone (removed for lack of space). The next fetch() brings it again, so
  // whoever gets kCorrupt starts anew, once, as with a Snapshot.
  void read(const std::filesystem::path& folder, const LfsPointer& pointer,
            const std::function<void(std::string_view)>& piece) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace penstock::git
