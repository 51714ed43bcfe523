#include "core/git/commit_graph.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::git {
namespace {

std::string id_of(int number) {
  std::string id(20, '\0');
  id[18] = static_cast<char>(number / 256);
  id[19] = static_cast<char>(number % 256);
  return id;
}

// A history as a whole, by numbers; the first commit is 0, parents have higher numbers and are older.
class TestHistory {
 public:
  void commit(int number, const std::vector<int>& parents) { parents_[number] = parents; }
  void forget(int number) { absent_.insert(number); }

  CommitGraph seen(std::size_t depth, std::size_t max_commits = 1000) const {
    return CommitGraph(
        id_of(0), depth,
        [&](const std::string& id) -> std::optional<RawCommit> {
          const int number = static_cast<unsigned char>(id[18]) * 256 + static_cast<unsigned char>(id[19]);
          if (absent_.count(number) != 0) return std::nullopt;
          RawCommit result;
          result.time = 100'000 - number;
          for (const int parent : parents_.at(number)) result.parents.push_back(id_of(parent));
          return result;
        },
        max_commits);
  }

  // What can be reached when the parents of the commits in `shallow` are left out.
  std::set<int> reach(int from, const std::set<std::string>& shallow = {}) const {
    std::set<int> reached;
    std::vector<int> waiting = {from};
    while (!waiting.empty()) {
      const int number = waiting.back();
      waiting.pop_back();
      if (!reached.insert(number).second || shallow.count(id_of(number)) != 0) continue;
      for (const int parent : parents_.at(number)) waiting.push_back(parent);
    }
    return reached;
  }

  // The number that `git describe` prints; nothing when the tag is not behind the first commit.
  std::optional<std::size_t> count(int tag, const std::set<std::string>& shallow = {}) const {
    const std::set<int> all = reach(0, shallow), behind = reach(tag, shallow);
    if (all.count(tag) == 0) return std::nullopt;
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](int number) { return behind.count(number) == 0; }));
  }

 private:
  std::map<int, std::vector<int>> parents_;
  std::set<int> absent_;
};

std::set<std::string> cut(const CommitGraph& graph, const std::vector<int>& tags) {
  std::vector<std::uint32_t> indices;
  for (const int tag : tags) indices.push_back(graph.find(id_of(tag)).value());
  const CommitGraph::Cut result = graph.cut(indices);
  return {result.shallow.begin(), result.shallow.end()};
}

TEST(RawCommit, IsReadFromItsText) {
  const std::string text =
      "tree 0000000000000000000000000000000000000001\n"
      "parent 0000000000000000000000000000000000000002\n"
      "parent 0000000000000000000000000000000000000003\n"
      "author A <a> 5 +0000\ncommitter B > <b> 1767323046 +0100\ngpgsig x\n \n committer C <c> 7 +0000\n\n"
      "parent 0000000000000000000000000000000000000004\n\ncommitter D <d> 9 +0000\n";
  const RawCommit commit = parse_commit(text);
  EXPECT_EQ(commit.parents, (std::vector{id_of(2), id_of(3)}));
  EXPECT_EQ(commit.time, 1767323046);
  EXPECT_EQ(parse_commit(text.substr(0, text.find("author"))).time, 0);
  EXPECT_THROW(parse_commit(""), Error);
  EXPECT_THROW(parse_commit("tree 12\n"), Error);
  EXPECT_THROW(parse_commit(text.substr(0, 60)), Error);
  std::string octopus = text.substr(0, 46);
  for (int i = 0; i < 10'001; ++i) octopus += text.substr(46, 48);
  EXPECT_THROW(parse_commit(octopus), Error);
}

TEST(CommitGraph, SeesTheGenerationsThatWereAskedFor) {
  TestHistory history;
  for (int i = 0; i < 9; ++i) history.commit(i, {i + 1});
  history.commit(9, {});
  EXPECT_EQ(history.seen(1).size(), 1u);
  EXPECT_EQ(history.seen(5).size(), 5u);
  EXPECT_EQ(history.seen(50).size(), 10u);
  EXPECT_EQ(history.seen(50, 7).size(), 7u);
  EXPECT_FALSE(history.seen(50).lacks_commits());
  history.forget(5);
  EXPECT_FALSE(history.seen(5).lacks_commits());
  EXPECT_TRUE(history.seen(6).lacks_commits());
  EXPECT_EQ(history.seen(6).size(), 5u);
}

TEST(CommitGraph, CutsAStraightHistoryAtTheTag) {
  TestHistory history;
  for (int i = 0; i < 9; ++i) history.commit(i, {i + 1});
  history.commit(9, {});
  EXPECT_EQ(cut(history.seen(50), {4}), std::set{id_of(4)});
  EXPECT_EQ(cut(history.seen(50), {0}), std::set{id_of(0)});
  EXPECT_EQ(cut(history.seen(50), {9}), std::set<std::string>{});
  EXPECT_EQ(cut(history.seen(50), {}), std::set{id_of(0)});
}

TEST(CommitGraph, NearestIsCertainOnceNothingBetweenIsUnseen) {
  // 0 merges 1 and 2; the tag 3 is behind 1 only, 2 leads far back.
  TestHistory history;
  history.commit(0, {1, 2});
  history.commit(1, {3});
  history.commit(2, {4});
  history.commit(3, {6});
  history.commit(4, {5});
  history.commit(5, {7});
  history.commit(6, {7});
  history.commit(7, {});
  for (const std::size_t depth : {1u, 2u, 3u, 4u, 5u}) {
    const CommitGraph graph = history.seen(depth);
    std::vector<std::uint32_t> tagged;
    if (const auto tag = graph.find(id_of(3))) tagged.push_back(*tag);
    EXPECT_EQ(graph.nearest(tagged).certain, depth >= 5) << depth;
  }
}

TEST(CommitGraph, AMergedOldCommitIsNotCountedAsNew) {
  // 1 is merged by 0 although it is behind the tag 3 already, by way of 5.
  TestHistory history;
  history.commit(0, {2, 6});
  history.commit(2, {3});
  history.commit(3, {5});
  history.commit(5, {6});
  history.commit(6, {7});
  history.commit(7, {});
  const std::set<std::string> shallow = cut(history.seen(50), {3});
  EXPECT_EQ(shallow, std::set{id_of(6)});
  EXPECT_EQ(history.count(3, shallow), 2u);
}

TEST(CommitGraph, CutHistoriesCountAsWholeOnesDo) {
  std::mt19937 random(5);  // NOLINT(cert-msc51-cpp): the same each time
  int found = 0, found_early = 0, shortened = 0;
  for (int round = 0; round < 4000; ++round) {
    TestHistory history;
    const int size = 4 + static_cast<int>(random() % 40), reach = 1 + static_cast<int>(random() % 8);
    for (int i = 0; i < size; ++i) {
      std::vector<int> parents;
      const unsigned wanted = random() % 3 == 0 ? 2 : random() % 15 == 0 ? 3 : 1;
      for (unsigned k = 0; k < wanted; ++k) {
        const int parent = i + 1 + static_cast<int>(random() % static_cast<unsigned>(reach));
        if (parent < size && std::find(parents.begin(), parents.end(), parent) == parents.end())
          parents.push_back(parent);
      }
      history.commit(i, parents);
    }
    std::vector<int> tags;
    for (int i = 0; i < size; ++i) {
      if (random() % 8 == 0) tags.push_back(i);
    }
    std::optional<std::size_t> fewest;
    for (const int tag : tags) {
      if (const auto count = history.count(tag); count && (!fewest || *count < *fewest)) fewest = count;
    }
    for (const std::size_t depth : {2u, 4u, 7u, 11u, 100u}) {
      const CommitGraph graph = history.seen(depth);
      std::vector<std::uint32_t> tagged;
      for (const int tag : tags) {
        if (const auto index = graph.find(id_of(tag))) tagged.push_back(*index);
      }
      const CommitGraph::Nearest nearest = graph.nearest(tagged);
      if (depth == 100) {
        EXPECT_EQ(nearest.certain, fewest.has_value());
      }
      if (!nearest.certain) continue;
      int nearest_tag = -1;
      for (const int tag : tags) {
        if (graph.find(id_of(tag)) == nearest.commit) nearest_tag = tag;
      }
      EXPECT_EQ(history.count(nearest_tag), fewest) << "round " << round << ", depth " << depth;
      // A second one, as the nearest annotated one may be.
      std::vector<int> targets = {nearest_tag};
      if (tags.size() > 1 && random() % 2 == 0) {
        const int other = tags[random() % tags.size()];
        if (const auto index = graph.find(id_of(other)); index && graph.nearest({*index}).certain)
          targets.push_back(other);
      }
      std::vector<std::uint32_t> indices;
      for (const int target : targets) indices.push_back(graph.find(id_of(target)).value());
      const CommitGraph::Cut result = graph.cut(indices);
      if (depth == 100) {
        EXPECT_TRUE(result.exact);
      }
      if (!result.exact) continue;
      const std::set<std::string> shallow(result.shallow.begin(), result.shallow.end());
      for (const int target : targets) {
        EXPECT_EQ(history.count(target, shallow), history.count(target)) << "round " << round << ", depth " << depth;
      }
      ++found;
      found_early += depth < 100 ? 1 : 0;
      shortened += history.reach(0, shallow).size() < history.reach(0).size() ? 1 : 0;
    }
  }
  EXPECT_GT(found, 5000);
  EXPECT_GT(found_early, 2000);
  EXPECT_GT(shortened, 2000);
}

}  // namespace
}  // namespace penstock::git
