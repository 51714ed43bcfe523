// How much of the history an artifact with a `.git` folder needs, and fetching it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace penstock::git {

class Fetcher;

// The commits that `git describe` looks at on its way from a commit to the nearest tags, as a shallow clone: named by
// where it ends. Depends on the remote only (the history and the tags of that moment), not on what the mirror holds.
struct History {
  struct Tag {
    std::string name;       // "refs/tags/…"
    std::string object_id;  // a commit or a tag object
    std::string commit_id;
  };
  std::vector<std::string> shallow;  // commits whose parents are left out; sorted
  std::vector<Tag> tags;             // of the nearest tagged commits; sorted by name
};

// Lists the remote's tags and fetches as much history as it takes to find the nearest one, and the nearest annotated
// one if there is any (`git describe` looks at no others, `git describe --tags` at all): 50, 500, 5000 generations. The
// count of commits since the tag is then the one of a full clone, also across merges. Without tags nothing is fetched.
// `commit_id` is in the mirror. For callers that hold the mirror's lock; what was read is in no need of it later:
// nothing that readers of the mirror use is changed, and the objects that History names stay in it as other objects do.
// The errors of Mirrors::fetch(); kCorrupt when the mirror is damaged.
History fetch_history(const std::filesystem::path& mirror, const std::string& commit_id, const Fetcher& fetcher);

}  // namespace penstock::git
