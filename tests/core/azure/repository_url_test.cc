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

// Where a repository is, and what people are shown of it.
struct Place {
  const char* remote;
  const char* full_name;
  const char* name;
  const char* page;  // of the commit "abc"
};

void PrintTo(const Place& place, std::ostream* out) {
  *out << place.remote;
}

class AzurePlaces : public ::testing::TestWithParam<Place> {};

TEST_P(AzurePlaces, AreKnownByTheirAddress) {
  EXPECT_EQ(full_repository_name(GetParam().remote), GetParam().full_name);
  EXPECT_EQ(repository_name(GetParam().remote), GetParam().name);
  EXPECT_EQ(commit_page(GetParam().remote, "abc"), GetParam().page);
}

INSTANTIATE_TEST_SUITE_P(
    Services, AzurePlaces,
    ::testing::Values(
        Place{"https://dev.azure.com/fab/My%20Shop/_git/cart", "My Shop/cart", "cart",
              "https://dev.azure.com/fab/My%20Shop/_git/cart/commit/abc"},
        Place{"https://dev.azure.com/fab/My Shop/_git/cart", "My Shop/cart", "cart",
              "https://dev.azure.com/fab/My%20Shop/_git/cart/commit/abc"},
        Place{"https://fab@dev.azure.com/fab/Shop/_git/cart", "Shop/cart", "cart",
              "https://dev.azure.com/fab/Shop/_git/cart/commit/abc"},
        Place{"https://dev.azure.com/fab/_git/cart", "cart", "cart", "https://dev.azure.com/fab/_git/cart/commit/abc"},
        Place{"https://dev.azure.com/fab/Cart/_git/cart", "cart", "cart",
              "https://dev.azure.com/fab/Cart/_git/cart/commit/abc"},
        Place{"https://dev.azure.com/fab/Shop/_git/_full/cart", "Shop/cart", "cart",
              "https://dev.azure.com/fab/Shop/_git/cart/commit/abc"},
        Place{"https://dev.azure.com/fab/_git/_optimized/cart/", "cart", "cart",
              "https://dev.azure.com/fab/_git/cart/commit/abc"},
        Place{"https://dev.azure.com/fab/Gr%C3%B6%C3%9Fe/_git/%E8%B3%BC%E7%89%A9", "Größe/購物", "購物",
              "https://dev.azure.com/fab/Gr%C3%B6%C3%9Fe/_git/%E8%B3%BC%E7%89%A9/commit/abc"},
        Place{"https://dev.azure.com/fab/A%2FB/_git/c%23d", "A/B/c#d", "c#d",
              "https://dev.azure.com/fab/A%2FB/_git/c%23d/commit/abc"},
        Place{"https://dev.azure.com/fab/tfs/_git/cart", "tfs/cart", "cart",
              "https://dev.azure.com/fab/tfs/_git/cart/commit/abc"},
        Place{"https://fab.visualstudio.com/DefaultCollection/Shop/_git/cart", "Shop/cart", "cart",
              "https://fab.visualstudio.com/DefaultCollection/Shop/_git/cart/commit/abc"},
        Place{"https://fab.visualstudio.com/DefaultCollection/_git/cart", "cart", "cart",
              "https://fab.visualstudio.com/DefaultCollection/_git/cart/commit/abc"},
        Place{"https://fab.visualstudio.com/Shop/_git/cart", "Shop/cart", "cart",
              "https://fab.visualstudio.com/Shop/_git/cart/commit/abc"},
        Place{"https://fab.visualstudio.com/_git/cart", "cart", "cart",
              "https://fab.visualstudio.com/_git/cart/commit/abc"},
        Place{"git@ssh.dev.azure.com:v3/fab/My%20Shop/cart", "My Shop/cart", "cart",
              "https://dev.azure.com/fab/My%20Shop/_git/cart/commit/abc"},
        Place{"ssh://git@ssh.dev.azure.com/v3/fab/Shop/cart", "Shop/cart", "cart",
              "https://dev.azure.com/fab/Shop/_git/cart/commit/abc"},
        Place{"ssh://git@ssh.dev.azure.com:22/v3/fab/cart/cart", "cart", "cart",
              "https://dev.azure.com/fab/cart/_git/cart/commit/abc"},
        Place{"fab@vs-ssh.visualstudio.com:v3/fab/Shop/cart", "Shop/cart", "cart",
              "https://fab.visualstudio.com/Shop/_git/cart/commit/abc"},
        Place{"ssh://fab@vs-ssh.visualstudio.com:22/DefaultCollection/Shop/_ssh/cart", "Shop/cart", "cart", ""},
        Place{"ssh://fab@vs-ssh.visualstudio.com:22/_ssh/cart", "cart", "cart", ""},
        Place{"ssh://fab@fab.visualstudio.com:22/DefaultCollection/_git/cart", "cart", "cart", ""}));

INSTANTIATE_TEST_SUITE_P(
    Server, AzurePlaces,
    ::testing::Values(
        Place{"https://tfs.example.com/tfs/Main/Shop/_git/cart", "Shop/cart", "cart",
              "https://tfs.example.com/tfs/Main/Shop/_git/cart/commit/abc"},
        Place{"https://tfs.example.com:8443/tfs/Main/_git/cart", "cart", "cart",
              "https://tfs.example.com:8443/tfs/Main/_git/cart/commit/abc"},
        Place{"https://tfs.example.com/TFS/DefaultCollection/_git/cart", "cart", "cart",
              "https://tfs.example.com/TFS/DefaultCollection/_git/cart/commit/abc"},
        Place{"http://tfs:8080/tfs/DefaultCollection/My%20Shop/_git/My%20Cart", "My Shop/My Cart", "My Cart",
              "http://tfs:8080/tfs/DefaultCollection/My%20Shop/_git/My%20Cart/commit/abc"},
        Place{"https://devops.example.com/Main/Shop/_git/cart", "Shop/cart", "cart",
              "https://devops.example.com/Main/Shop/_git/cart/commit/abc"},
        Place{"https://devops.example.com/Main/_git/cart", "cart", "cart",
              "https://devops.example.com/Main/_git/cart/commit/abc"},
        Place{"https://devops.example.com/azdo/DefaultCollection/_git/cart", "cart", "cart",
              "https://devops.example.com/azdo/DefaultCollection/_git/cart/commit/abc"},
        Place{"https://devops.example.com/azdo/Main/Shop/_git/cart", "Shop/cart", "cart",
              "https://devops.example.com/azdo/Main/Shop/_git/cart/commit/abc"},
        Place{"https://[2001:db8::1]:8443/tfs/Main/Shop/_git/cart", "Shop/cart", "cart",
              "https://[2001:db8::1]:8443/tfs/Main/Shop/_git/cart/commit/abc"},
        Place{"https://tfs.example.com/tfs/Größe/Übersicht/_git/購物", "Übersicht/購物", "購物",
              "https://tfs.example.com/tfs/Gr%C3%B6%C3%9Fe/%C3%9Cbersicht/_git/%E8%B3%BC%E7%89%A9/commit/abc"},
        Place{"ssh://tfs.example.com:22/Main/Shop/_git/cart", "Shop/cart", "cart", ""},
        Place{"ssh://git@tfs.example.com:22/tfs/Main/Shop/_git/cart", "Shop/cart", "cart", ""},
        Place{"ssh://tfs.example.com:22/tfs/Main/_git/cart", "cart", "cart", ""},
        Place{"ssh://git@ssh.tfs.example.com/v3/Main/Shop/cart", "Shop/cart", "cart", ""},
        Place{"git@tfs.example.com:v3/Main/Shop/cart", "Shop/cart", "cart", ""}));

INSTANTIATE_TEST_SUITE_P(Others, AzurePlaces,
                         ::testing::Values(Place{"https://git.example.com/team/cart.git", "team/cart", "cart", ""},
                                           Place{"git@git.example.com:team/cart.git", "team/cart", "cart", ""},
                                           Place{"https://git.example.com/v3/fab/Shop/cart", "v3/fab/Shop/cart", "cart",
                                                 ""},
                                           Place{"https://dev.azure.com/fab/Shop/_git", "fab/Shop/_git", "_git", ""},
                                           Place{"https://git.example.com", "", "", ""}, Place{"", "", "", ""},
                                           Place{"/srv/git/cart.git", "srv/git/cart", "cart", ""}));

TEST(ShortRefName, DropsThePrefix) {
  EXPECT_EQ(short_ref_name("refs/heads/a/b"), "a/b");
  EXPECT_EQ(short_ref_name("refs/tags/v1"), "v1");
  EXPECT_EQ(short_ref_name("refs/pull/1/merge"), "pull/1/merge");
}

}  // namespace
}  // namespace penstock::azure
