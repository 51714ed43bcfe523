#include "server/git_credentials.h"

#include <gtest/gtest.h>

#include "core/base/certificate.h"
#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "tests/support/certificates.h"
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

// Gives "token1", "token2", …
class TokenTransport final : public http::HttpTransport {
 public:
  http::Response send(const http::Request& request) override {
    bodies.push_back(request.body);
    return {200, {}, R"({"access_token":"token)" + std::to_string(bodies.size()) + R"(","expires_in":3600})"};
  }
  std::vector<std::string> bodies;
};

class EntraCredentialsTest : public GitCredentialsTest {
 protected:
  static config::Credential credential(const std::string& name, decltype(config::EntraCredential::proof) proof) {
    return {name, config::EntraCredential{.tenant_id = "t", .client_id = "c", .proof = std::move(proof)}};
  }
  std::string header(jobs::CredentialUse use = jobs::CredentialUse::kCached) {
    return std::string(std::get<git::HttpHeaderCredential>(entra_.get("e", use)).authorization.reveal());
  }
  std::shared_ptr<TokenTransport> transport_ = std::make_shared<TokenTransport>();
  GitCredentials entra_{secrets_, transport_, clock_};
  const SecretReference reference_ = *SecretReference::parse("env:SECRET");
};

TEST_F(EntraCredentialsTest, KeepTheirTokenWhenTheConfigurationIsReadAgain) {
  entra_.set({credential("e", config::EntraClientSecret{reference_})});
  EXPECT_EQ(header(), "Bearer token1");
  entra_.set(
      {credential("e", config::EntraClientSecret{reference_}), credential("other", config::EntraClientSecret{})});
  EXPECT_EQ(header(), "Bearer token1");
  entra_.set({credential("e", config::EntraClientSecret{*SecretReference::parse("env:OTHER")})});
  EXPECT_EQ(header(), "Bearer token2");
}

TEST_F(EntraCredentialsTest, AskForAnotherTokenAfterARefusal) {
  entra_.set({credential("e", config::EntraClientSecret{reference_})});
  header();
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(header(jobs::CredentialUse::kAnew), "Bearer token2");
}

TEST_F(EntraCredentialsTest, ReadTheFederatedTokenFileEachTime) {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "token";
  write_file_atomically(file, "first\n");
  entra_.set({credential("e", config::EntraFederatedToken{file})});
  header();
  write_file_atomically(file, "second\n");
  clock_.advance(std::chrono::minutes(58));
  header();
  ASSERT_EQ(transport_->bodies.size(), 2u);
  EXPECT_TRUE(transport_->bodies[0].ends_with("client_assertion=first"));
  EXPECT_TRUE(transport_->bodies[1].ends_with("client_assertion=second"));
}

TEST_F(EntraCredentialsTest, EndsAreReadFromCertificatesAndFromTheConfiguration) {
  const auto made = testing::make_certificate();
  value_ = to_base64(made.private_key + made.certificate);
  config::Credential pat{"pat", config::PatCredential{reference_}, clock_.now()};
  config::Credential unknown{"unknown", config::PatCredential{reference_}};
  entra_.set({pat, unknown, credential("e", config::EntraCertificate{reference_})});
  const auto found = entra_.expiries();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].name, "e");
  EXPECT_EQ(found[0].ends, parse_certificates(made.certificate)[0].not_after);
  EXPECT_EQ(found[1].name, "pat");
  EXPECT_EQ(found[1].ends, clock_.now());
  value_ = "no certificate";
  EXPECT_EQ(entra_.expiries().size(), 1u);
}

}  // namespace
}  // namespace penstock::server
