// Bare shallow mirrors, one per remote: fetched by the system's git, read by libgit2 in this process.
//
// Crash: an interrupted fetch leaves temporary packs and lock files, which the next one removes. Corruption: every
// object read is hashed; what cannot be read is Error{kCorrupt} and marks the mirror, which the next fetch() replaces.
// So whoever gets kCorrupt from a Snapshot calls fetch() once more. Damage that fetch() itself meets it heals itself,
// once. Power failure: nothing is synced, so that what was written last may be broken; healed as corruption is. Full
// disk: Error{kExhausted}.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/error.h"
#include "core/base/secret.h"
#include "core/base/time.h"
#include "core/git/history.h"

namespace penstock::git {

struct ChangedPaths;
struct PathLimits;

// How to log in. Reaches git through its environment or through descriptors, never argv or a file that outlives the
// job.
struct NoCredential {};
struct HttpHeaderCredential {
  Secret authorization;  // the whole value of the Authorization header, sent pre-emptively
};
struct SshKeyCredential {
  Secret private_key;       // OpenSSH or PEM text
  std::string known_hosts;  // known_hosts lines; only these keys are accepted
};
using Credential = std::variant<NoCredential, HttpHeaderCredential, SshKeyCredential>;

struct FetchRequest {
  std::string remote;     // https://, ssh://, git@host:path; file:// and paths only when allowed
  std::string commit_id;  // 40 hex; empty = whatever `ref` points at
  std::string ref;        // full ref; the fall-back when the server refuses a commit id; may be empty with a commit id
  bool history = false;   // also as much history as `git describe` needs, see Snapshot::history()
  // Also an earlier commit, for comparing with it; see Snapshot::base().
  struct Base {
    std::string commit_id{};  // 40 hex; empty = the newest that the commit shares with the remote's default branch
    // Not that one itself but the newest that the commit shares with it. Where the server gives out no commit ids it is
    // looked for in the history of `branch` (a full ref).
    bool is_shared = false;
    std::string branch{};
    bool is_known() const noexcept { return !commit_id.empty() && !is_shared; }
  };
  std::optional<Base> base{};
  Credential credential;
  std::chrono::milliseconds timeout{20 * 60 * 1000};
  std::stop_token stop;
  std::function<void(std::string_view)> on_progress;  // lines for the job's log, already free of secrets
};

struct Commit {
  std::string id, tree_id;
  std::string message, summary;
  std::string author_name, author_email, committer_name;
  Timestamp author_time, commit_time;
};

enum class EntryKind {
  kFile,
  kExecutable,
  kSymlink,
  kSubmodule,
  kUnchangedFolder,  // only with WalkOptions::since: stands for everything below it
};
struct TreeEntry {
  std::string path;  // relative, '/' between parts; bytes as in the tree
  EntryKind kind = EntryKind::kFile;
  std::string object_id;  // 40 hex
};

struct WalkOptions {
  std::string folder{};  // only what is below it, with paths from there
  // An earlier commit: a folder whose content is the same there comes as one entry of the kind kUnchangedFolder (with
  // an empty path when nothing has changed), in its place. As without when that commit is not here any more.
  std::string since{};
  // Told of each folder before what is in it, with its path (empty, or ending in '/') and the blob that its
  // .gitattributes are in, empty for none. False: it is left out with all below. May be null.
  std::function<bool(const std::string& folder, const std::string& attributes_id)> on_folder{};
};

// The files of a commit one by one, sorted by the bytes of their paths (a submodule's with a slash at its end), without
// holding them all. Not thread-safe; must not outlive its snapshot.
class TreeWalk {
 public:
  TreeWalk(TreeWalk&&) noexcept;
  TreeWalk& operator=(TreeWalk&&) noexcept;
  ~TreeWalk();
  // All entries but folders; nothing at the end. Error{kInvalidInput, "UnsafeTreeEntry"} naming the entry for trees
  // that no artifact may contain ("..", ".", ".git" in any case or disguise, empty or absolute names, duplicates);
  // kInvalidInput also above a million files.
  std::optional<TreeEntry> next();
  // Paths seen so far that differ from a neighbour's in the case of (ASCII) letters only; the first hundred of them.
  const std::vector<std::string>& case_clashes() const;

 private:
  friend class Snapshot;
  struct State;
  explicit TreeWalk(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// One checked-out-nowhere commit of a mirror. Not thread-safe; make one per thread with reopen().
class Snapshot {
 public:
  Snapshot(Snapshot&&) noexcept;
  Snapshot& operator=(Snapshot&&) noexcept;
  ~Snapshot();
  const Commit& commit() const;
  // Nothing when the commit has no such folder.
  std::optional<TreeWalk> walk(const WalkOptions& options = {}) const;
  // The entry of that path; nothing when there is none, or it is a folder.
  std::optional<TreeEntry> find(std::string_view path) const;
  std::uint64_t blob_size(const std::string& object_id) const;
  // The blob in pieces of at most 1 MiB (one piece when it is small, none when it is empty). Blobs above 32 MiB are
  // streamed and never held whole.
  void read_blob(const std::string& object_id, const std::function<void(std::string_view)>& piece) const;
  Snapshot reopen() const;
  // What FetchRequest::history brought; empty without.
  const History& history() const;
  // The commit that FetchRequest::base brought; empty: it could not be had, or was not asked for.
  const std::string& base() const;
  // The repository that it is in, for git's own commands.
  const std::filesystem::path& mirror() const;

 private:
  friend class Mirrors;
  friend ChangedPaths list_changed_paths(const Snapshot& snapshot, const std::string& earlier_commit_id,
                                         const PathLimits& limits, const std::stop_token& stop);
  struct State;
  explicit Snapshot(std::unique_ptr<State> state);
  void stream_blob(const std::string& object_id, std::uint64_t size,
                   const std::function<void(std::string_view)>& piece) const;
  std::unique_ptr<State> state_;
};

// One snapshot's blobs for several threads at once: lends each caller a snapshot of its own and keeps it for the next.
// Thread-safe.
class SnapshotPool {
 public:
  explicit SnapshotPool(const Snapshot& snapshot);
  ~SnapshotPool();
  std::uint64_t blob_size(const std::string& object_id) const;
  void read_blob(const std::string& object_id, const std::function<void(std::string_view)>& piece) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Thread-safe: fetches from one remote take turns (also between processes), and one brings what the others of this
// process wait for; those from different remotes run side by side.
class Mirrors {
 public:
  struct Options {
    std::filesystem::path directory{};
    bool allow_file_protocol = false;  // also allows http:// to hosts other than loopback; tests only
    std::chrono::milliseconds lock_timeout{10 * 60 * 1000};
    std::string certificate_authorities{};  // PEM file for https, instead of the system's; empty = the system's
    std::string proxy{};                    // empty = the environment's
    // What all mirrors and the files beside them may take; above it those that were used least lately go. 0 = no limit.
    // Looked after now and then, so that it is passed by what is fetched meanwhile.
    std::uint64_t quota_bytes = 0;
    std::chrono::milliseconds quota_interval{60'000};
    // A mirror that has doubled, and grown by more than that, is rid of what its newest commits do not need. Who still
    // reads an older one gets Error{kUnavailable}.
    std::uint64_t prune_bytes = 512u << 20;
    // Told of each fetch() when it has ended: null = it gave a snapshot. Called on the caller's thread; must be
    // thread-safe.
    std::function<void(const Error* failure, std::chrono::duration<double> took)> on_fetch{};
  };
  explicit Mirrors(Options options);
  ~Mirrors();

  // Blocks for the fetch unless the commit is here already (then the network is not touched, nor the credential tried).
  // Never gives another commit than the one asked for; a tag's id gives the commit that it stands for.
  //
  // Error{kUnauthenticated} for refused credentials, kPermission with code "Forbidden", "PermissionMissing",
  // "HostKeyMismatch" or "HostKeyUnknown", kNotFound with code "RepositoryNotFound" | "RevisionNotFound",
  // kConfiguration for an address, certificate, key or proxy that a person must change, kInvalidInput for a malformed
  // id or ref, kRateLimited, kUnavailable, kTimeout, kCancelled, kExhausted. Messages say what to do and hold no
  // secret.
  Snapshot fetch(const FetchRequest& request);

  // What all mirrors and the files beside them take now. Looks at every file: for now and then.
  std::uint64_t size_on_disk() const;

  // Where files may be kept that were made from a remote's commits, and that go when its mirror goes for lack of space.
  // Exists once something was fetched from it.
  std::filesystem::path folder_of(const std::string& remote) const;

 private:
  friend class Wanted;
  Snapshot fetch_unobserved(const FetchRequest& request);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace penstock::git
