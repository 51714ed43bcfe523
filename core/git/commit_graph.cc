#include "core/git/commit_graph.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <unordered_map>
#include <utility>

#include "core/base/digest.h"
#include "core/base/error.h"

namespace penstock::git {
namespace {

// So many tags are compared; on a straight history the first one is the nearest already.
constexpr std::size_t kMaxCandidates = 32;

// Far above what people merge at once, and low enough that no commit uses up the memory.
constexpr std::size_t kMaxParents = 10'000;
constexpr std::size_t kMaxParentsInAll = 2'000'000;

// Not damage: what is read from the mirror has been hashed, so that is how the commit was pushed.
[[noreturn]] void refuse(std::string_view cause) {
  throw Error(ErrorKind::kInvalidInput, "reading the history: " + std::string(cause));
}

// The id in a line "key ID"; leaves `bytes` behind the line.
std::optional<std::string> take_id(std::string_view& bytes, std::string_view key) {
  if (!bytes.starts_with(key)) return std::nullopt;
  bytes.remove_prefix(key.size());
  const std::string_view line = bytes.substr(0, bytes.find('\n'));
  const auto id = from_hex(line);
  if (!id || id->size() != 20) refuse("a commit is malformed");
  bytes.remove_prefix(std::min(line.size() + 1, bytes.size()));
  return id;
}

}  // namespace

RawCommit parse_commit(std::string_view bytes) {
  RawCommit commit;
  if (!take_id(bytes, "tree ")) refuse("a commit is malformed");
  while (auto parent = take_id(bytes, "parent ")) {
    if (commit.parents.size() == kMaxParents) refuse("a commit has too many parents");
    commit.parents.push_back(std::move(*parent));
  }
  // "committer NAME <MAIL> SECONDS ZONE"; a date that is none counts as the epoch, as in git.
  const std::string_view header = bytes.starts_with('\n') ? std::string_view() : bytes.substr(0, bytes.find("\n\n"));
  if (const auto found = header.find("\ncommitter "); found != std::string_view::npos) {
    std::string_view line = header.substr(found + 1);
    line = line.substr(0, line.find('\n'));
    line.remove_prefix(std::min(line.rfind('>'), line.size() - 1) + 1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    std::from_chars(line.data(), line.data() + line.size(), commit.time);
  }
  return commit;
}

CommitGraph::CommitGraph(const std::string& first, std::size_t depth, const ReadCommit& read, std::size_t max_commits) {
  std::unordered_map<std::string, std::uint32_t> seen;
  const auto add = [&](const std::string& id, RawCommit commit, std::size_t distance) {
    seen.emplace(id, static_cast<std::uint32_t>(nodes_.size()));
    nodes_.push_back({.id = id, .parents = {}, .has_unseen_parents = false, .time = commit.time, .distance = distance});
    return std::move(commit.parents);
  };
  std::optional<RawCommit> head = read(first);
  if (!head) throw Error(ErrorKind::kCorrupt, "reading the commit " + to_hex(first) + ": it is not in the mirror");
  std::vector<std::vector<std::string>> parents;  // of the nodes
  parents.push_back(add(first, std::move(*head), 0));
  std::size_t parent_count = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    parent_count += parents[i].size();
    if (parent_count > kMaxParentsInAll) refuse("its commits have too many parents");
    for (const std::string& id : std::exchange(parents[i], {})) {
      if (const auto known = seen.find(id); known != seen.end()) {
        nodes_[i].parents.push_back(known->second);
        continue;
      }
      std::optional<RawCommit> commit;
      if (nodes_[i].distance + 1 < depth && nodes_.size() < max_commits) {
        commit = read(id);
        lacks_commits_ |= !commit;
      }
      if (!commit) {
        nodes_[i].has_unseen_parents = true;
        continue;
      }
      nodes_[i].parents.push_back(static_cast<std::uint32_t>(nodes_.size()));
      parents.push_back(add(id, std::move(*commit), nodes_[i].distance + 1));
    }
  }
  index_.assign(seen.begin(), seen.end());
  std::sort(index_.begin(), index_.end());
}

std::optional<std::uint32_t> CommitGraph::find(const std::string& id) const {
  const auto found =
      std::lower_bound(index_.begin(), index_.end(), id,
                       [](const auto& entry, const std::string& wanted) { return entry.first < wanted; });
  if (found == index_.end() || found->first != id) return std::nullopt;
  return found->second;
}

std::vector<bool> CommitGraph::reachable_from(std::uint32_t start) const {
  std::vector<bool> reached(nodes_.size(), false);
  std::vector<std::uint32_t> waiting = {start};
  reached[start] = true;
  while (!waiting.empty()) {
    const std::uint32_t node = waiting.back();
    waiting.pop_back();
    for (const std::uint32_t parent : nodes_[node].parents) {
      if (reached[parent]) continue;
      reached[parent] = true;
      waiting.push_back(parent);
    }
  }
  return reached;
}

// The commits between are those that the tag does not reach. When the parents of all of them are seen, all of them are
// known, and whatever is not seen lies behind the tag. Some may still be behind the tag by a way that is not seen: that
// is only so when something where the view ends is younger.
CommitGraph::Nearest CommitGraph::nearest(const std::vector<std::uint32_t>& tagged) const {
  std::vector<std::uint32_t> candidates = tagged;
  std::sort(candidates.begin(), candidates.end(), [&](std::uint32_t a, std::uint32_t b) {
    return nodes_[a].time != nodes_[b].time ? nodes_[a].time > nodes_[b].time : a < b;
  });
  Nearest result;
  std::size_t fewest = 0, compared = 0;
  bool all_known = true;
  std::vector<bool> behind(nodes_.size(), false);  // another candidate, so not nearer than that
  for (const std::uint32_t candidate : candidates) {
    if (behind[candidate]) continue;
    if (++compared > kMaxCandidates) break;
    const std::vector<bool> reached = reachable_from(candidate);
    std::size_t between = 0;
    bool seen = true;
    std::int64_t oldest = std::numeric_limits<std::int64_t>::max(),
                 youngest_end = std::numeric_limits<std::int64_t>::min();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const Node& node = nodes_[i];
      if (reached[i]) {
        behind[i] = true;
        if (node.has_unseen_parents) youngest_end = std::max(youngest_end, node.time);
      } else {
        ++between;
        seen = seen && !node.has_unseen_parents;
        oldest = std::min(oldest, node.time);
      }
    }
    all_known = all_known && seen && oldest >= youngest_end;
    if (seen && (!result.commit || between < fewest)) {
      result.commit = candidate;
      fewest = between;
    }
  }
  result.certain = result.commit.has_value() && all_known;
  return result;
}

CommitGraph::Cut CommitGraph::cut(const std::vector<std::uint32_t>& tags) const {
  // The core: all that lies between, and the tags. What is not in it is behind every tag.
  std::vector<bool> core(nodes_.size(), false), behind_one(nodes_.size(), false);
  core[0] = true;
  for (const std::uint32_t tag : tags) {
    const std::vector<bool> reached = reachable_from(tag);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      core[i] = core[i] || !reached[i];
      behind_one[i] = behind_one[i] || reached[i];
    }
    core[tag] = true;
  }
  // A shallow history leaves out all parents of a commit or none. So where a commit has a parent in the core and
  // another one behind the tags, the latter comes along, and lest it counts as lying between, so do all ways to it from
  // the tags...
  std::vector<bool> kept = core;
  std::vector<std::vector<std::uint32_t>> children(nodes_.size());
  std::vector<std::uint32_t> waiting;
  const auto keep = [&](std::uint32_t node) {
    if (kept[node]) return;
    kept[node] = true;
    waiting.push_back(node);
  };
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    const auto& parents = nodes_[i].parents;
    for (const std::uint32_t parent : parents) children[parent].push_back(i);
    if (!core[i] || std::none_of(parents.begin(), parents.end(), [&](std::uint32_t p) { return core[p]; })) continue;
    for (const std::uint32_t parent : parents) keep(parent);
  }
  while (!waiting.empty()) {
    const std::uint32_t node = waiting.back();
    waiting.pop_back();
    for (const std::uint32_t child : children[node]) {
      keep(child);
      if (!core[child] || !behind_one[child]) continue;
      for (const std::uint32_t parent : nodes_[child].parents) keep(parent);
    }
  }
  // ... and the other parents of what is on that way, where it ends.
  Cut result;
  std::vector<bool> ends(nodes_.size(), false);
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    const auto& parents = nodes_[i].parents;
    if (!kept[i] || std::none_of(parents.begin(), parents.end(), [&](std::uint32_t p) { return kept[p]; })) continue;
    if (nodes_[i].has_unseen_parents) result.exact = false;
    if (core[i]) continue;
    for (const std::uint32_t parent : parents) ends[parent] = !kept[parent] || ends[parent];
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) kept[i] = kept[i] || ends[i];
  for (const Node& node : nodes_) {
    if (!kept[static_cast<std::size_t>(&node - nodes_.data())]) continue;
    const bool whole = std::all_of(node.parents.begin(), node.parents.end(), [&](std::uint32_t p) { return kept[p]; });
    if (node.has_unseen_parents || !whole) result.shallow.push_back(node.id);
  }
  std::sort(result.shallow.begin(), result.shallow.end());
  return result;
}

}  // namespace penstock::git
