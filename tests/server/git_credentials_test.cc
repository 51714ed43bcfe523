#include "server/git_credentials.h"

#include <gtest/gtest.h>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "tests/support/fake_clock.h"

namespace penstock::server {
namespace {

// Shaped like a key; nothing reads it as one.
const std::string kKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----";

TEST(DecodePrivateKey, TakesPemAndBase64OfPem) {
  std::string wrapped = to_base64(kKey + "\n");
  wrapped.insert(20, "\n");
  EXPECT_EQ(decode_private_key(Secret(kKey), "k").reveal(), kKey + "\n");
  EXPECT_EQ(decode_private_key(Secret("\n" + kKey + "\n\n"), "k").reveal(), kKey + "\n");
  EXPECT_EQ(decode_private_key(Secret(wrapped), "k").reveal(), kKey + "\n");
}

TEST(DecodePrivateKey, RefusesOtherTextWithoutShowingIt) {
  for (const std::string& text : {std::string(""), std::string("s3cret"), to_base64("s3cret")}) {
    try {
      decode_private_key(Secret(text), "azure-ssh");
      FAIL() << "took it";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
      EXPECT_STREQ(error.what(),
                   "reading the private key of the credential \"azure-ssh\": expected a PEM or OpenSSH key, or base64 "
                   "of one");
    }
  }
}

class GitCredentialsTest : public ::testing::Test {
 protected:
  testing::FakeClock clock_;
  std::string value_ = "first";
  aws::SecretResolver secrets_{
      {.variable = [this](const std::string&) { return std::optional(value_); }}, [] { return nullptr; }, clock_};
  GitCredentials credentials_{secrets_, nullptr, clock_};
};

TEST_F(GitCredentialsTest, AnEmptyNameIsNoCredential) {
  EXPECT_TRUE(std::holds_alternative<git::NoCredential>(credentials_.get("", jobs::CredentialUse::kCached)));
}

TEST_F(GitCredentialsTest, AnUnknownNameIsAConfigurationError) {
  EXPECT_THROW(credentials_.get("azure-pat", jobs::CredentialUse::kCached), Error);
}

TEST_F(GitCredentialsTest, APatBecomesAHeaderAndFollowsRotation) {
  credentials_.set({{"azure-pat", config::PatCredential{*SecretReference::parse("env:PAT")}}});
  const auto header = [&](jobs::CredentialUse use) {
    return std::string(std::get<git::HttpHeaderCredential>(credentials_.get("azure-pat", use)).authorization.reveal());
  };
  EXPECT_EQ(header(jobs::CredentialUse::kCached), "Basic " + to_base64(":first"));
  value_ = "second";
  EXPECT_EQ(header(jobs::CredentialUse::kAnew), "Basic " + to_base64(":second"));
}

}  // namespace
}  // namespace penstock::server
