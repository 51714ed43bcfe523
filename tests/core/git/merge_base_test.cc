#include "core/git/merge_base.h"

#include <map>

#include <gtest/gtest.h>

namespace penstock::git {
namespace {

// Commits are one letter each; their parents are older.
class MergeBaseTest : public ::testing::Test {
 protected:
  void commit(const std::string& id, std::int64_t time, std::vector<std::string> parents) {
    commits_[id] = {.parents = std::move(parents), .time = time};
  }
  std::string find(const std::string& first, const std::string& second, std::size_t limit = 100) {
    const auto found = find_merge_base(
        first, second,
        [&](const std::string& id) -> std::optional<RawCommit> {
          const auto entry = commits_.find(id);
          return entry == commits_.end() ? std::nullopt : std::optional(entry->second);
        },
        limit);
    return found.id.value_or(found.lacks_commits ? "lacking" : "none");
  }

  std::map<std::string, RawCommit> commits_;
};

TEST_F(MergeBaseTest, IsTheNewestThatBothLeadTo) {
  commit("r", 1, {});
  commit("m", 2, {"r"});
  commit("a", 5, {"m"});
  commit("b", 3, {"m"});
  commit("c", 6, {"b"});
  EXPECT_EQ(find("a", "c"), "m");
  EXPECT_EQ(find("c", "a"), "m");
  EXPECT_EQ(find("a", "m"), "m") << "nothing new on the other side";
  EXPECT_EQ(find("m", "a"), "m");
  EXPECT_EQ(find("a", "a"), "a");
  EXPECT_EQ(find("r", "a"), "r");
}

TEST_F(MergeBaseTest, KnowsMerges) {
  commit("r", 1, {});
  commit("a", 2, {"r"});
  commit("b", 3, {"r"});
  commit("M", 4, {"b", "a"});
  commit("c", 5, {"a"});
  EXPECT_EQ(find("c", "M"), "a") << "the branch was merged and went on";
}

TEST_F(MergeBaseTest, OfStrangersIsNone) {
  commit("a", 1, {});
  commit("b", 2, {});
  EXPECT_EQ(find("a", "b"), "none");
}

TEST_F(MergeBaseTest, SaysWhenTooLittleIsSeen) {
  commit("a", 5, {"x"});
  commit("b", 4, {"y"});
  EXPECT_EQ(find("a", "b"), "lacking");
  commit("x", 3, {"r"});
  commit("y", 2, {"r"});
  EXPECT_EQ(find("a", "b"), "lacking") << "the root is known of, but not here";
  commit("r", 1, {});
  EXPECT_EQ(find("a", "b"), "r");
  EXPECT_EQ(find("a", "b", 3), "lacking") << "beyond the limit";
}

}  // namespace
}  // namespace penstock::git
