#include "core/jobs/submodule_policy.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/jobs/credential_policy.h"

namespace penstock::jobs {
namespace {

class SubmoduleCredentialTest : public ::testing::Test {
 protected:
  // The authorization that it would be fetched with; "none", or "refused: why".
  std::string login(const std::string& repository, const std::string& submodule) {
    git::FetchRequest request;
    request.remote = repository;
    request.credential = git::HttpHeaderCredential{Secret("the repository's")};
    const auto lookup = [](const std::string& name, CredentialUse use) -> git::Credential {
      return git::HttpHeaderCredential{Secret((use == CredentialUse::kAnew ? "fresh " : "named ") + name)};
    };
    try {
      const git::Credential credential = submodule_credential(request, submodule, hosts_, lookup, use_);
      if (std::holds_alternative<git::NoCredential>(credential)) return "none";
      return std::string(std::get<git::HttpHeaderCredential>(credential).authorization.reveal());
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
      return std::string("refused: ") + error.what();
    }
  }

  SubmoduleHosts hosts_ = {{"github.com", ""}, {"git.example.com:8443", "example"}};
  CredentialUse use_ = CredentialUse::kCached;
};

TEST_F(SubmoduleCredentialTest, GoesToTheRepositorysHostAndToThoseThatAreListed) {
  const std::string own = "https://dev.azure.com/o/p/_git/shop";
  EXPECT_EQ(login(own, "https://dev.azure.com/o/q/_git/library"), "the repository's");
  EXPECT_EQ(login(own, "https://someone@DEV.azure.com:443/o/q/_git/library"), "the repository's");
  EXPECT_EQ(login(own, "https://github.com/a/b"), "none");
  EXPECT_EQ(login(own, "https://git.example.com:8443/a"), "named example");
  EXPECT_EQ(login("file:///srv/a", "/srv/b"), "the repository's");
  use_ = CredentialUse::kAnew;
  EXPECT_EQ(login(own, "https://git.example.com:8443/a"), "fresh example");
}

TEST_F(SubmoduleCredentialTest, OverSshOnAHostThatIsKnownOverHttpsIsAnotherOne) {
  const std::string refused = login("https://git.example.com/shop", "ssh://git@git.example.com/library");
  EXPECT_NE(refused.find("is reached over ssh"), std::string::npos) << refused;
  EXPECT_NE(refused.find("list \"git.example.com\" under `artifact.submoduleHosts`"), std::string::npos) << refused;
  EXPECT_NE(login("ssh://git@git.example.com/shop", "https://git.example.com/library").find("is reached over https"),
            std::string::npos);
  hosts_["git.example.com"] = "key";
  EXPECT_EQ(login("https://git.example.com/shop", "ssh://git@git.example.com/library"), "named key");
}

TEST(WithSubmoduleRemedy, ConcernsWhatAnotherCredentialOfTheRepositorysWouldBeTriedFor) {
  for (const char* code : {"", "Unauthenticated"}) {
    const Error error = with_submodule_remedy(Error(ErrorKind::kUnauthenticated, "refused").with_code(code));
    EXPECT_EQ(error.kind(), ErrorKind::kPermission);
    EXPECT_NE(std::string(error.what()).find("`artifact.submoduleHosts`"), std::string::npos);
    EXPECT_FALSE(may_another_credential_help(error));
  }
  EXPECT_FALSE(may_another_credential_help(
      with_submodule_remedy(Error(ErrorKind::kNotFound, "hidden").with_code("RepositoryNotFound"))));
  const Error other = with_submodule_remedy(Error(ErrorKind::kUnavailable, "down").with_code("x"));
  EXPECT_EQ(other.kind(), ErrorKind::kUnavailable);
  EXPECT_STREQ(other.what(), "down");
  EXPECT_EQ(other.code(), "x");
}

TEST_F(SubmoduleCredentialTest, IsRefusedToOthersWithTheRemedy) {
  const std::string own = "https://dev.azure.com/o/p/_git/shop";
  EXPECT_NE(login(own, "https://evil.example.com/x").find("list \"evil.example.com\" under `artifact.submoduleHosts`"),
            std::string::npos);
  for (const char* other : {"https://git.example.com/a", "https://dev.azure.com:8443/o/p/_git/x",
                            "https://dev.azure.com.evil.example.com/x", "http://169.254.169.254/latest", "/etc",
                            "file:///etc", "git@ssh.dev.azure.com:v3/o/p/shop", "ext::sh -c id", "-oProxyCommand=id"}) {
    EXPECT_TRUE(login(own, other).starts_with("refused: ")) << other;
  }
  EXPECT_TRUE(login("file:///srv/a", "https://host/x").starts_with("refused: "));
}

}  // namespace
}  // namespace penstock::jobs
