#include "core/git/changed_paths.h"

#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/git/snapshot_state.h"
#include "core/git/tree_diff.h"

namespace penstock::git {

ChangedPaths list_changed_paths(const Snapshot& snapshot, const std::string& earlier_commit_id,
                                const PathLimits& limits, const std::stop_token& stop) {
  const Snapshot::State& state = *snapshot.state_;
  std::optional<git_oid> earlier;
  if (!earlier_commit_id.empty()) {
    earlier = state.tree_of(earlier_commit_id);
    if (!earlier) {
      throw Error(ErrorKind::kNotFound,
                  "comparing with the commit " + in_quotes(earlier_commit_id) + ": it is not in the mirror");
    }
  }
  return diff_trees(earlier, id_from_hex(state.commit.tree_id), state.tree_reader(), limits, stop);
}

PushedPaths load_changed_paths(Mirrors& mirrors, const PushedRef& push) {
  FetchRequest request = push.fetch;
  const bool is_pull_request = !push.target_commit_id.empty();
  const bool is_new = !is_pull_request && push.old_commit_id.find_first_not_of('0') == std::string::npos;
  const bool wants_all = is_new && push.new_ref == PushedRef::NewRef::kAllFiles;
  request.base.reset();
  if (is_pull_request) {
    request.base = FetchRequest::Base{.commit_id = push.target_commit_id, .is_shared = true, .branch = push.target_ref};
  } else if (!wants_all) {
    request.base = FetchRequest::Base{.commit_id = is_new ? "" : push.old_commit_id};
  }
  // Damage shows when the files are compared; a second fetch then brings a fresh mirror.
  for (int attempt = 1;; ++attempt) {
    try {
      const Snapshot snapshot = mirrors.fetch(request);
      PushedPaths result;
      result.base_commit_id = snapshot.base();
      result.changed = list_changed_paths(snapshot, result.base_commit_id, push.limits, request.stop);
      if (!result.base_commit_id.empty()) {
        result.basis = is_new || is_pull_request ? PushedPaths::Basis::kMergeBase : PushedPaths::Basis::kOldCommit;
        return result;
      }
      result.basis = PushedPaths::Basis::kAllFiles;
      result.note = is_pull_request
                        ? "the commit that the pull request goes to, " + push.target_commit_id +
                              ", is not there any more, or shares none with it as far as could be seen: all files count"
                    : wants_all ? in_quotes(request.ref) + " is new: all its files count"
                    : is_new    ? in_quotes(request.ref) +
                                   " is new, and is the default branch or shares no commit with it "
                                   "as far as could be seen: all its files count"
                             : "the commit before the push, " + push.old_commit_id +
                                   ", is not there any more (force push): all files count";
      return result;
    } catch (const Error& error) {
      if (attempt > 1 || error.kind() != ErrorKind::kCorrupt) throw;
    }
  }
}

}  // namespace penstock::git
