#include "core/aws/secrets.h"

#include <gtest/gtest.h>

#include "core/base/digest.h"
#include "core/base/files.h"
#include "core/json/json.h"
#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

using Sent = FakeTransport::Sent;

class SecretResolverTest : public ::testing::Test {
 protected:
  SecretResolver make() {
    SecretResolver::Options options;
    options.variable = [](const std::string& name) -> std::optional<std::string> {
      if (name == "SET") return "value";
      if (name == "EMPTY") return "";
      return std::nullopt;
    };
    return SecretResolver(
        options,
        [this] {
          ClientOptions client{
              .service = "secretsmanager", .endpoint = {.url = "https://h", .region = "r"}, .max_attempts = 1};
          return std::make_shared<Client>(client, transport_, std::make_shared<StaticCredentials>(test_credentials()),
                                          clock_);
        },
        clock_);
  }
  static std::string resolve(SecretResolver& resolver, const std::string& reference) {
    return std::string(resolver.resolve(*SecretReference::parse(reference)).reveal());
  }
  static Error failure(SecretResolver& resolver, const std::string& reference) {
    return error_of([&] { resolve(resolver, reference); });
  }

  testing::FakeClock clock_;
  http::Response answer_;
  std::shared_ptr<FakeTransport> transport_ =
      std::make_shared<FakeTransport>([this](const Sent&, int) { return answer_; });
};

TEST_F(SecretResolverTest, ReadsTheEnvironment) {
  auto resolver = make();
  EXPECT_EQ(resolve(resolver, "env:SET"), "value");
  const Error error = failure(resolver, "env:UNSET");
  EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
  EXPECT_STREQ(error.what(), "resolving env:UNSET: not set");
  EXPECT_EQ(failure(resolver, "env:EMPTY").kind(), ErrorKind::kConfiguration);
}

TEST_F(SecretResolverTest, ReadsFilesAndForgetsThem) {
  const TemporaryDirectory directory;
  const std::string reference = "file:" + (directory.path() / "s").string();
  auto resolver = make();
  EXPECT_EQ(failure(resolver, reference).kind(), ErrorKind::kNotFound);
  write_file_atomically(directory.path() / "s", "one\n\n");
  EXPECT_EQ(resolve(resolver, reference), "one\n");
  write_file_atomically(directory.path() / "s", "two\r\n");
  EXPECT_EQ(resolve(resolver, reference), "one\n");
  resolver.forget(*SecretReference::parse(reference));
  EXPECT_EQ(resolve(resolver, reference), "two");
  write_file_atomically(directory.path() / "s", "three");
  clock_.advance(std::chrono::seconds(301));
  EXPECT_EQ(resolve(resolver, reference), "three");
}

TEST_F(SecretResolverTest, AsksSecretsManager) {
  auto resolver = make();
  answer_ = answer(200, R"({"Name":"n","SecretString":"{\"token\":\"hunter2\",\"port\":5,\"deep\":{}}"})");
  EXPECT_EQ(resolve(resolver, "secretsmanager:azure/pat#token"), "hunter2");
  EXPECT_EQ(transport_->sent().at(0).header("x-amz-target"), "secretsmanager.GetSecretValue");
  EXPECT_EQ(transport_->sent().at(0).body, R"({"SecretId":"azure/pat"})");
  EXPECT_EQ(resolve(resolver, "secretsmanager:azure/pat#token"), "hunter2");
  EXPECT_EQ(transport_->sent().size(), 1u);
  EXPECT_EQ(resolve(resolver, "secretsmanager:azure/pat#port"), "5");
  for (const char* key : {"deep", "none"}) {
    const Error error = failure(resolver, std::string("secretsmanager:azure/pat#") + key);
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
    EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos);
  }
  answer_ = answer(200, R"({"SecretString":"plain hunter2"})");
  EXPECT_EQ(resolve(resolver, "secretsmanager:plain"), "plain hunter2");
  const Error not_json = failure(resolver, "secretsmanager:plain#x");
  EXPECT_EQ(not_json.kind(), ErrorKind::kConfiguration);
  EXPECT_EQ(std::string(not_json.what()).find("hunter2"), std::string::npos) << not_json.what();
  answer_ = answer(200, R"({"SecretBinary":"AAEC"})");
  EXPECT_EQ(resolve(resolver, "secretsmanager:binary"), std::string("\0\1\2", 3));
}

TEST_F(SecretResolverTest, PassesOnWhyItFailed) {
  auto resolver = make();
  answer_ = answer(400, R"({"__type":"ResourceNotFoundException"})");
  EXPECT_EQ(failure(resolver, "secretsmanager:x").kind(), ErrorKind::kNotFound);
  answer_ = answer(400, R"({"__type":"AccessDeniedException"})");
  EXPECT_EQ(failure(resolver, "secretsmanager:x").kind(), ErrorKind::kPermission);
}

TEST_F(SecretResolverTest, ServesTheOldValueThroughAnOutage) {
  auto resolver = make();
  answer_ = answer(200, R"({"SecretString":"v"})");
  resolve(resolver, "secretsmanager:x");
  clock_.advance(std::chrono::minutes(6));
  answer_ = answer(503);
  EXPECT_EQ(resolve(resolver, "secretsmanager:x"), "v");
  answer_ = answer(400, R"({"__type":"AccessDeniedException"})");
  EXPECT_EQ(failure(resolver, "secretsmanager:x").kind(), ErrorKind::kPermission);
  clock_.advance(std::chrono::hours(2));
  answer_ = answer(503);
  EXPECT_EQ(failure(resolver, "secretsmanager:x").kind(), ErrorKind::kUnavailable);
}

TEST(DecodePemSecret, AcceptsPemAndBase64OfIt) {
  const std::string pem = "-----BEGIN TEST KEY-----\nAAAA\n-----END TEST KEY-----\n";
  std::string wrapped = to_base64(pem);
  wrapped.insert(20, "\n");
  for (const std::string& text : {pem, "\n" + pem + "\n\n", to_base64(pem), wrapped + "\n"}) {
    EXPECT_EQ(decode_pem_secret(Secret(text)).reveal(), pem);
  }
  EXPECT_EQ(decode_pem_secret(Secret("password")).reveal(), "password");
  EXPECT_EQ(decode_pem_secret(Secret("not base64!")).reveal(), "not base64!");
}

}  // namespace
}  // namespace penstock::aws
