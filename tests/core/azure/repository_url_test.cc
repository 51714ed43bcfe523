#include "core/azure/repository_url.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::azure {
namespace {

constexpr const char* kTemplate = "https://dev.azure.com/{Organization}/{Project}/_git/{Repo}";

TEST(ExpandRemote, EncodesEachValueAsOneSegment) {
  EXPECT_EQ(expand_remote(kTemplate, {{"Organization", "fab"}, {"Project", "My Shop"}, {"Repo", "a/b?c#d"}}),
            "https://dev.azure.com/fab/My%20Shop/_git/a%2Fb%3Fc%23d");
  EXPECT_EQ(expand_remote("{A}", {{"A", "größe"}}), "gr%C3%B6%C3%9Fe");
}

TEST(ExpandRemote, LeavesWhatIsEncodedAlready) {
  EXPECT_EQ(expand_remote("h/{A}", {{"A", "My%20Shop"}}), "h/My%20Shop");
  EXPECT_EQ(expand_remote("h/{A}", {{"A", "100%"}}), "h/100%25");
}

TEST(ExpandRemote, TakesAUrlAtTheStart) {
  const struct {
    const char* value;
    const char* expected;
  } rows[] = {
      {"https://dev.azure.com/fab", "https://dev.azure.com/fab/p"},
      {"https://dev.azure.com/fab/", "https://dev.azure.com/fab/p"},
      {"https://user:secret@dev.azure.com/fab", "https://dev.azure.com/fab/p"},
      {"https://tfs.example.com:8080/tfs/My Collection", "https://tfs.example.com:8080/tfs/My%20Collection/p"},
      {"ssh://git@ssh.dev.azure.com/v3/fab", "ssh://git@ssh.dev.azure.com/v3/fab/p"},
  };
  for (const auto& row : rows) EXPECT_EQ(expand_remote("{O}/p", {{"O", row.value}}), row.expected) << row.value;
}

TEST(ExpandRemote, TakesAUrlNowhereElse) {
  EXPECT_EQ(expand_remote("https://h/{P}", {{"P", "https://evil"}}), "https://h/https%3A%2F%2Fevil");
}

TEST(ExpandRemote, NamesWhatIsMissing) {
  try {
    expand_remote(kTemplate, {{"Organization", "fab"}, {"Proyect", "x"}});
    FAIL() << "expanded it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
    EXPECT_STREQ(error.what(),
                 "expanding \"https://dev.azure.com/{Organization}/{Project}/_git/{Repo}\": the action's configuration "
                 "has no \"Project\"; it has Organization, Proyect");
  }
}

TEST(ExpandRemote, RefusesWhatCannotBeAName) {
  for (const char* value : {"", " ", ".", "..", "%2e%2e"}) {
    EXPECT_THROW(expand_remote("https://h/{A}", {{"A", value}}), Error) << value;
  }
  EXPECT_THROW(expand_remote("https://h/{A", {{"A", "x"}}), Error);
  EXPECT_THROW(expand_remote("https://h/A}", {{"A", "x"}}), Error);
  EXPECT_THROW(expand_remote("{A}/x", {{"A", "https://h/a/../b"}}), Error);
}

TEST(ExpandBranch, MakesAFullRef) {
  EXPECT_EQ(expand_branch("{Branch}", {{"Branch", "main"}}), "refs/heads/main");
  EXPECT_EQ(expand_branch("{Branch}", {{"Branch", "refs/tags/v1"}}), "refs/tags/v1");
  EXPECT_EQ(expand_branch("release/{V}", {{"V", "1.2"}}), "refs/heads/release/1.2");
}

TEST(ExpandBranch, RefusesNamesThatGitWould) {
  for (const char* bad : {"a..b", "a b", "-x/..", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a.lock", ".a", "a/.b",
                          "a/", "a//b", "a.", "a@{1}"}) {
    EXPECT_THROW(expand_branch("{B}", {{"B", bad}}), Error) << bad;
  }
}

TEST(FullRepositoryName, KnowsAzuresForms) {
  const struct {
    const char* remote;
    const char* expected;
  } rows[] = {
      {"https://dev.azure.com/fab/My%20Shop/_git/cart", "My Shop/cart"},
      {"https://dev.azure.com/fab/_git/cart", "cart"},
      {"https://fab.visualstudio.com/DefaultCollection/Shop/_git/cart", "Shop/cart"},
      {"https://fab.visualstudio.com/DefaultCollection/_git/cart", "cart"},
      {"https://fab.visualstudio.com/Shop/_git/cart", "Shop/cart"},
      {"https://tfs.example.com/tfs/Main/Shop/_git/cart", "Shop/cart"},
      {"git@ssh.dev.azure.com:v3/fab/Shop/cart", "Shop/cart"},
      {"ssh://git@ssh.dev.azure.com/v3/fab/Shop/cart", "Shop/cart"},
      {"https://git.example.com/team/cart.git", "team/cart"},
      {"https://git.example.com", ""},
  };
  for (const auto& row : rows) EXPECT_EQ(full_repository_name(row.remote), row.expected) << row.remote;
  EXPECT_EQ(repository_name("https://dev.azure.com/fab/Shop/_git/cart"), "cart");
}

TEST(ShortRefName, DropsThePrefix) {
  EXPECT_EQ(short_ref_name("refs/heads/a/b"), "a/b");
  EXPECT_EQ(short_ref_name("refs/tags/v1"), "v1");
  EXPECT_EQ(short_ref_name("refs/pull/1/merge"), "pull/1/merge");
}

TEST(CommitPage, ExistsForAzureOverHttpsOnly) {
  EXPECT_EQ(commit_page("https://dev.azure.com/f/p/_git/r", "abc"), "https://dev.azure.com/f/p/_git/r/commit/abc");
  EXPECT_EQ(commit_page("git@ssh.dev.azure.com:v3/f/p/r", "abc"), "");
}

}  // namespace
}  // namespace penstock::azure
