// The commits behind one commit, and which tags are nearest to it. Private to this module.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::git {

struct RawCommit {
  std::vector<std::string> parents;  // 20 raw bytes each
  std::int64_t time = 0;             // the committer's, in seconds
};

// Error{kInvalidInput} for bytes that are no commit.
RawCommit parse_commit(std::string_view bytes);

// What can be seen of a history: the commits fewer than `depth` generations from the first one. Immutable once made.
class CommitGraph {
 public:
  // Nothing for a commit that is not here.
  using ReadCommit = std::function<std::optional<RawCommit>(const std::string& id)>;
  // Stops at `max_commits` as if the rest were deeper.
  CommitGraph(const std::string& first, std::size_t depth, const ReadCommit& read, std::size_t max_commits = 200'000);

  // Whether a commit that should be seen was not here.
  bool lacks_commits() const noexcept { return lacks_commits_; }
  std::size_t size() const noexcept { return nodes_.size(); }
  std::optional<std::uint32_t> find(const std::string& id) const;

  struct Nearest {
    std::optional<std::uint32_t> commit;  // the fewest commits lie between; none if it is not known of any
    bool certain = false;                 // seeing more would not change that (as far as the commits' times are true)
  };
  // Which of the tagged commits `git describe` would name.
  Nearest nearest(const std::vector<std::uint32_t>& tagged) const;

  struct Cut {
    std::vector<std::string> shallow;  // raw ids of the commits whose parents are left out
    bool exact = true;                 // false: for want of commits that are not seen, counts may be too high
  };
  // The least shallow history in which as many commits lie between the first commit and each of `tags` as in all of it.
  // The tags are nearest(). Without tags it is the first commit alone.
  Cut cut(const std::vector<std::uint32_t>& tags) const;

 private:
  struct Node {
    std::string id;
    std::vector<std::uint32_t> parents;  // those that are seen
    bool has_unseen_parents = false;
    std::int64_t time = 0;
    std::size_t distance = 0;
  };
  std::vector<bool> reachable_from(std::uint32_t start) const;

  std::vector<Node> nodes_;                                   // by distance
  std::vector<std::pair<std::string, std::uint32_t>> index_;  // sorted by id
  bool lacks_commits_ = false;
};

}  // namespace penstock::git
