// Which paths differ between two trees. Private to this module.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "core/git/changed_paths.h"
#include "core/git/libgit2.h"

namespace penstock::git {

// Walks both at once and leaves out what is the same; without an earlier tree everything differs. Without recursion,
// holding no more than the folders on the way to the current one. Trees of any make are taken as they are: names are
// bytes, in any order, also twice. Error{kCancelled}, kInvalidInput for bytes that are no tree, and what `read` throws.
ChangedPaths diff_trees(const std::optional<git_oid>& earlier, const git_oid& now,
                        const std::function<OdbObjectHandle(const git_oid& id, const std::string& folder)>& read,
                        const PathLimits& limits, const std::stop_token& stop);

}  // namespace penstock::git
