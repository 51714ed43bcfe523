// The newest commit that two commits have in common. Pure. Private to this module.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "core/git/commit_graph.h"

namespace penstock::git {

struct MergeBase {
  std::optional<std::string> id;  // raw
  bool lacks_commits = false;     // without an id: one may exist behind commits that are not here
};

// By the commits' times, as git looks first; where there are several merge bases, the newest. Looks at no more than
// `max_commits`, as if the rest were not here.
MergeBase find_merge_base(const std::string& first, const std::string& second, const CommitGraph::ReadCommit& read,
                          std::size_t max_commits = 200'000);

}  // namespace penstock::git
