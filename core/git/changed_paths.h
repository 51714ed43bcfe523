// Which files a push has changed, or a pull request would change.
#pragma once

#include <cstddef>
#include <stop_token>
#include <string>
#include <vector>

#include "core/git/mirror.h"

namespace penstock::git {

// Bounds what a crafted repository can cost; far above what people push.
struct PathLimits {
  std::size_t max_paths = 500'000;
  std::size_t max_bytes = 128u << 20;   // of all paths
  std::size_t max_folders = 500'000;    // that are looked into
  std::size_t max_path_bytes = 16'384;  // of one path
};

struct ChangedPaths {
  // Of files, links and submodules that were added, deleted, or changed in content, kind or executable bit, in the
  // order of their bytes, which may be any; what was renamed under both names.
  std::vector<std::string> paths;
  bool is_complete = true;  // false: a limit was reached, there are more
};

// Between an earlier commit of the mirror and the snapshot's, whatever lies between the two; with an empty id all files
// of the snapshot. Error{kNotFound} when the earlier commit is not in the mirror, kCancelled, and those of Snapshot.
ChangedPaths list_changed_paths(const Snapshot& snapshot, const std::string& earlier_commit_id,
                                const PathLimits& limits = {}, const std::stop_token& stop = {});

struct PushedRef {
  FetchRequest fetch;         // remote, login, deadline; `commit_id` is what the ref points at now, `ref` its name
  std::string old_commit_id;  // what it pointed at before; empty or all zeros: it is new
  // What a new ref is compared with.
  enum class NewRef {
    kMergeBase,  // the newest commit that it shares with the remote's default branch
    kAllFiles,
  };
  NewRef new_ref = NewRef::kMergeBase;
  // The source of a pull request that goes to this commit (and to this ref, see FetchRequest::Base) is compared with
  // the newest commit that the two share, whatever the ref pointed at before.
  std::string target_commit_id{}, target_ref{};
  PathLimits limits;
};

struct PushedPaths {
  enum class Basis {
    kOldCommit,
    kMergeBase,
    kAllFiles,  // as asked for, or for lack of the others: see `note`
  };
  ChangedPaths changed;
  Basis basis = Basis::kOldCommit;
  std::string base_commit_id;  // empty with kAllFiles
  std::string note;            // "the commit before the push, …, is not there any more (force push): all files count"
};

// Fetches what is not in the mirror yet, and compares. A commit from before the push that the remote does not give out
// any more is no error: all files then count as changed; nor is it when no merge base is found within 5,000
// generations. The errors of Mirrors::fetch() and of Snapshot; kCorrupt only when a fresh mirror is damaged as well.
PushedPaths load_changed_paths(Mirrors& mirrors, const PushedRef& push);

}  // namespace penstock::git
