#include "core/git/submodules.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/git/mirror.h"
#include "tests/core/git/test_repository.h"

namespace penstock::git {
namespace {

struct RemoteCase {
  const char *parent, *url, *expected;  // nullptr: refused
};

TEST(SubmoduleRemote, ResolvesAsGitDoes) {
  const RemoteCase cases[] = {
      {"https://dev.azure.com/o/p/_git/shop", "https://host/x.git", "https://host/x.git"},
      {"https://dev.azure.com/o/p/_git/shop", "../library", "https://dev.azure.com/o/p/_git/library"},
      {"https://dev.azure.com/o/p/_git/shop/", "../library/", "https://dev.azure.com/o/p/_git/library"},
      {"https://dev.azure.com/o/p/_git/shop", "../../../q/_git/library", "https://dev.azure.com/o/q/_git/library"},
      {"https://dev.azure.com/o/p/_git/shop", "./inner", "https://dev.azure.com/o/p/_git/shop/inner"},
      {"https://dev.azure.com/o/p/_git/shop", ".././library", "https://dev.azure.com/o/p/_git/library"},
      {"https://host/a", "../b", "https://host/b"},
      {"https://host/a", "../../b", nullptr},
      {"https://host/a", "../../../../etc", nullptr},
      {"git@ssh.dev.azure.com:v3/o/p/shop", "../library", "git@ssh.dev.azure.com:v3/o/p/library"},
      {"git@host:shop", "../library", "git@host:library"},
      {"git@host:shop", "../../library", nullptr},
      {"ssh://git@host:2222/o/shop", "../library", "ssh://git@host:2222/o/library"},
      {"/srv/git/shop", "../library", "/srv/git/library"},
      {"file:///srv/git/shop", "../library", "file:///srv/git/library"},
  };
  for (const RemoteCase& c : cases) {
    SCOPED_TRACE(std::string(c.parent) + " + " + c.url);
    if (c.expected != nullptr) {
      EXPECT_EQ(submodule_remote(c.parent, c.url), c.expected);
    } else {
      EXPECT_THROW(submodule_remote(c.parent, c.url), Error);
    }
  }
}

class ReadSubmodulesTest : public ::testing::Test {
 protected:
  Snapshot commit_with(const std::string& gitmodules, const char* mode = "100644") {
    const std::string id = origin_.commit(origin_.tree({{mode, ".gitmodules", origin_.blob(gitmodules)}}));
    origin_.set_branch("main", id);
    FetchRequest request;
    request.remote = origin_.url();
    request.commit_id = id;
    return mirrors_.fetch(request);
  }

  TemporaryDirectory folder_;
  TestRepository origin_;
  Mirrors mirrors_{{.directory = folder_.path() / "mirrors", .allow_file_protocol = true}};
};

TEST_F(ReadSubmodulesTest, ReadsWhatGitWrites) {
  const auto found = read_submodules(
      commit_with("[submodule \"a.b\"]\n\tpath = libs/a b\n\turl = ../a\n\tbranch = main\n"
                  "[submodule \"no url\"]\n\tpath = x\n"
                  "[submodule \"z\"]\n\turl = https://host/z\n\tpath = \"z \\\"q\\\"\"\n\tpath = other\n"
                  "[core]\n\tpath = y\n\turl = y\n[submodule]\n\tpath = w\n\turl = w\n"));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].path, "libs/a b");
  EXPECT_EQ(found[0].url, "../a");
  EXPECT_EQ(found[1].path, "z \"q\"");
  EXPECT_EQ(found[1].url, "https://host/z");
}

TEST_F(ReadSubmodulesTest, NothingIsNotAnError) {
  EXPECT_TRUE(read_submodules(commit_with("")).empty());
  EXPECT_TRUE(read_submodules(commit_with("[submodule \"a\"]\n\tpath = a\n\turl = b\n", "120000")).empty());
}

TEST_F(ReadSubmodulesTest, SaysWhatItCannotUnderstand) {
  for (const std::string& text : {std::string("[submodule \"a\n"), std::string(2u << 20, '\n')}) {
    try {
      read_submodules(commit_with(text));
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
      EXPECT_NE(std::string(error.what()).find(".gitmodules"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace penstock::git
