#include "core/git/merge_base.h"

#include <cstdint>
#include <queue>
#include <unordered_map>
#include <utility>

namespace penstock::git {
namespace {

constexpr unsigned kFirst = 1, kSecond = 2, kBoth = kFirst | kSecond;

struct Seen {
  unsigned sides = 0;
  unsigned told = 0;  // the sides that its parents were told of
  std::optional<RawCommit> commit;
};

}  // namespace

MergeBase find_merge_base(const std::string& first, const std::string& second, const CommitGraph::ReadCommit& read,
                          std::size_t max_commits) {
  MergeBase result;
  std::unordered_map<std::string, Seen> seen;
  std::priority_queue<std::pair<std::int64_t, std::string>> queue;  // the newest first
  const auto add = [&](const std::string& id, unsigned sides) {
    const auto [entry, is_new] = seen.try_emplace(id);
    Seen& commit = entry->second;
    if ((commit.sides | sides) == commit.sides) return;
    commit.sides |= sides;
    if (is_new && seen.size() <= max_commits) commit.commit = read(id);
    if (commit.commit) {
      queue.emplace(commit.commit->time, id);
    } else {
      result.lacks_commits = true;
    }
  };
  add(first, kFirst);
  add(second, kSecond);
  while (!queue.empty()) {
    const std::string id = queue.top().second;
    queue.pop();
    Seen& commit = seen.at(id);
    if (commit.sides == kBoth) {
      result.id = id;
      result.lacks_commits = false;
      return result;
    }
    const unsigned news = commit.sides & ~commit.told;
    if (news == 0) continue;
    commit.told |= news;
    for (const std::string& parent : commit.commit->parents) add(parent, news);
  }
  return result;
}

}  // namespace penstock::git
