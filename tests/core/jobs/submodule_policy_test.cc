#include "core/jobs/submodule_policy.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::jobs {
namespace {

class SubmoduleCredentialTest : public ::testing::Test {
 protected:
  // The authorization that it would be fetched with; "none", or "refused: why".
  std::string login(const std::string& repository, const std::string& submodule) {
    git::FetchRequest request;
    request.remote = repository;
    request.credential = git::HttpHeaderCredential{Secret("the repository's")};
    const auto lookup = [](const std::string& name, CredentialUse) -> git::Credential {
      return git::HttpHeaderCredential{Secret("named " + name)};
    };
    try {
      const git::Credential credential = submodule_credential(request, submodule, hosts_, lookup);
      if (std::holds_alternative<git::NoCredential>(credential)) return "none";
      return std::string(std::get<git::HttpHeaderCredential>(credential).authorization.reveal());
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
      return std::string("refused: ") + error.what();
    }
  }

  SubmoduleHosts hosts_ = {{"github.com", ""}, {"git.example.com:8443", "example"}};
};

TEST_F(SubmoduleCredentialTest, GoesToTheRepositorysHostAndToThoseThatAreListed) {
  const std::string own = "https://dev.azure.com/o/p/_git/shop";
  EXPECT_EQ(login(own, "https://dev.azure.com/o/q/_git/library"), "the repository's");
  EXPECT_EQ(login(own, "https://someone@DEV.azure.com:443/o/q/_git/library"), "the repository's");
  EXPECT_EQ(login(own, "https://github.com/a/b"), "none");
  EXPECT_EQ(login(own, "https://git.example.com:8443/a"), "named example");
  EXPECT_EQ(login("file:///srv/a", "/srv/b"), "the repository's");
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
