#include "core/git/remote.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::git {
namespace {

struct Good {
  std::string name, text, for_git, normalized;
};

class RemoteForms : public ::testing::TestWithParam<Good> {};

TEST_P(RemoteForms, AreReadAndPutTogetherAgain) {
  const Remote remote = parse_remote(GetParam().text);
  EXPECT_EQ(remote.for_git(), GetParam().for_git);
  EXPECT_EQ(remote.normalized(), GetParam().normalized);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RemoteForms,
    ::testing::Values(
        Good{"azure", "https://dev.azure.com/fabrikam/shop/_git/shop", "https://dev.azure.com/fabrikam/shop/_git/shop",
             "https://dev.azure.com/fabrikam/shop/_git/shop"},
        Good{"portal_form_with_organization", "https://fabrikam@dev.azure.com/fabrikam/shop/_git/shop",
             "https://dev.azure.com/fabrikam/shop/_git/shop", "https://dev.azure.com/fabrikam/shop/_git/shop"},
        Good{"raw_space", "https://dev.azure.com/f/My Shop/_git/Front End",
             "https://dev.azure.com/f/My%20Shop/_git/Front%20End",
             "https://dev.azure.com/f/My%20Shop/_git/Front%20End"},
        Good{"needless_escapes", "https://dev.azure.com/f/%53hop/_git/a%2db%c3%a9",
             "https://dev.azure.com/f/Shop/_git/a-b%C3%A9", "https://dev.azure.com/f/Shop/_git/a-b%C3%A9"},
        Good{"default_port_and_case", "HTTPS://Dev.Azure.COM:443/f/", "https://dev.azure.com/f/",
             "https://dev.azure.com/f"},
        Good{"port", "https://tfs.example.com:8443/tfs/Col/_git/r", "https://tfs.example.com:8443/tfs/Col/_git/r",
             "https://tfs.example.com:8443/tfs/Col/_git/r"},
        Good{"ipv6", "http://[::1]:8080/r.git", "http://[::1]:8080/r.git", "http://[::1]:8080/r.git"},
        Good{"scp", "git@ssh.dev.azure.com:v3/f/p/r", "git@ssh.dev.azure.com:v3/f/p/r",
             "ssh://ssh.dev.azure.com/v3/f/p/r"},
        Good{"ssh", "ssh://git@ssh.dev.azure.com:22/v3/f/p/r", "ssh://git@ssh.dev.azure.com/v3/f/p/r",
             "ssh://ssh.dev.azure.com/v3/f/p/r"},
        Good{"ssh_port", "ssh://git@127.0.0.1:2222/srv/r.git", "ssh://git@127.0.0.1:2222/srv/r.git",
             "ssh://127.0.0.1:2222/srv/r.git"},
        Good{"file", "file:///srv/r.git/", "file:///srv/r.git/", "file:///srv/r.git"},
        Good{"path", "/srv/r.git", "file:///srv/r.git", "file:///srv/r.git"}),
    [](const auto& each) { return each.param.name; });

struct Bad {
  std::string name, text, cause;
};

class RemoteRefusals : public ::testing::TestWithParam<Bad> {};

TEST_P(RemoteRefusals, SayWhyAndShowNoPassword) {
  try {
    parse_remote(GetParam().text);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
    EXPECT_NE(std::string(error.what()).find(GetParam().cause), std::string::npos) << error.what();
    EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, RemoteRefusals,
    ::testing::Values(
        Bad{"empty", " ", "empty"}, Bad{"option", "--upload-pack=touch /tmp/x", "dash"},
        Bad{"password", "https://me:hunter2@dev.azure.com/f/p/_git/r", "password"},
        Bad{"ssh_password", "ssh://git:hunter2@host/r", "password"},
        Bad{"transport_helper", "ext::sh -c touch% /tmp/x", "expected https"},
        Bad{"other_scheme", "ftp://host/r", "scheme"}, Bad{"git_scheme", "git://host/r", "scheme"},
        Bad{"line_break", "https://host/r\nx", "control"}, Bad{"host_as_option", "ssh://-oProxyCommand=x/r", "host"},
        Bad{"scp_host_as_option", "git@-oProxyCommand=x:r", "host"}, Bad{"user_as_option", "ssh://-l@host/r", "user"},
        Bad{"scp_path_as_option", "git@host:-r", "dash"}, Bad{"no_path", "https://host", "no repository"},
        Bad{"only_slash", "https://host//", "no repository"}, Bad{"query", "https://host/r?x=1", "query"},
        Bad{"port", "https://host:99999/r", "port"}, Bad{"relative_path", "some/repository", "expected https"},
        Bad{"file_with_host", "file://host/r", "file:///"}),
    [](const auto& each) { return each.param.name; });

TEST(Remote, KnowsLoopbackAddresses) {
  for (const char* host : {"localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1"})
    EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host : {"127.0.0.1.example.com", "128.0.0.1", "localhost.example.com", "", "127.x.0.1", "::2"})
    EXPECT_FALSE(is_loopback(host)) << host;
}

TEST(Remote, TakesUserInfoOutOfAnyText) {
  EXPECT_EQ(without_user_info("fatal: 'https://u:hunter2@h/p' and http://t@h"), "fatal: 'https://h/p' and http://h");
  EXPECT_EQ(without_user_info("https://h/a@b"), "https://h/a@b");
  EXPECT_EQ(without_user_info("git@host:path"), "git@host:path");
}

TEST(RefName, FollowsGitsRules) {
  for (const char* good : {"HEAD", "refs/heads/main", "refs/heads/feature/ä", "refs/pull/7/merge", "refs/tags/v1.0"})
    EXPECT_TRUE(is_ref_name(good)) << good;
  for (const char* bad : {"", "main", "-x", "refs/heads/", "refs/heads/a..b", "refs/heads/a b", "refs/heads/a:b",
                          "refs/heads/*", "refs/heads/a.lock", "refs/heads/a.lock/b", "refs/heads/.a",
                          "refs/heads/a\\b", "refs/heads/a\nb", "refs//heads", "refs/heads/a@{1}", "refs/heads/a."})
    EXPECT_FALSE(is_ref_name(bad)) << bad;
}

}  // namespace
}  // namespace penstock::git
