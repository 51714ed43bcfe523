#include "core/aws/environment.h"

#include <gtest/gtest.h>

#include "core/aws/credential_process.h"
#include "core/base/files.h"
#include "core/json/json.h"
#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

using Sent = FakeTransport::Sent;

std::string sts_answer(const std::string& action, const std::string& token) {
  return "<" + action + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" + action +
         "Result><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role/secret</SecretAccessKey>"
         "<SessionToken>" +
         token + "</SessionToken><Expiration>2026-11-21T10:30:00Z</Expiration></Credentials></" + action + "Result></" +
         action + "Response>";
}

class EnvironmentTest : public ::testing::Test {
 protected:
  EnvironmentTest() {
    variables_["HOME"] = home_.path().string();
    variables_["AWS_REGION"] = "eu-west-1";
    std::filesystem::create_directory(home_.path() / ".aws");
  }
  void write_config(const std::string& text) { write_file_atomically(home_.path() / ".aws" / "config", text); }
  void write_credentials(const std::string& text) {
    write_file_atomically(home_.path() / ".aws" / "credentials", text);
  }
  Environment make(EnvironmentOptions options = {}) {
    options.variable = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    };
    return Environment(options, transport_, clock_);
  }
  std::string key() { return make().credentials()->get().access_key_id; }
  ErrorKind failure(EnvironmentOptions options = {}) {
    const Error error = error_of([&] { make(options).credentials()->get(); });
    message_ = error.what();
    return error.kind();
  }
  std::string url(const std::string& service) { return make().client(service)->options().endpoint.url; }

  testing::FakeClock clock_;
  TemporaryDirectory home_;
  std::map<std::string, std::string> variables_;
  FakeTransport::Handler handler_ = [](const Sent&, int) -> http::Response {
    throw_network(ErrorKind::kUnavailable, false);
  };
  std::shared_ptr<FakeTransport> transport_ =
      std::make_shared<FakeTransport>([this](const Sent& sent, int index) { return handler_(sent, index); });
  std::string message_;
};

TEST_F(EnvironmentTest, TakesRegionsInOrder) {
  write_config("[default]\nregion = us-west-1\n");
  variables_.erase("AWS_REGION");
  EXPECT_EQ(make().region(), "us-west-1");
  variables_["AWS_DEFAULT_REGION"] = "us-west-2";
  EXPECT_EQ(make().region(), "us-west-2");
  variables_["AWS_REGION"] = "eu-west-3";
  EXPECT_EQ(make().region(), "eu-west-3");
  EXPECT_EQ(make({.region = "ap-south-1"}).region(), "ap-south-1");
  variables_["AWS_REGION"] = "evil.com/";
  EXPECT_EQ(failure(), ErrorKind::kConfiguration);
}

TEST_F(EnvironmentTest, DemandsARegion) {
  variables_.erase("AWS_REGION");
  EXPECT_EQ(failure(), ErrorKind::kConfiguration);
  EXPECT_NE(message_.find("AWS_REGION"), std::string::npos);
}

TEST_F(EnvironmentTest, ResolvesEndpointsInOrder) {
  EXPECT_EQ(url("codepipeline"), "https://codepipeline.eu-west-1.amazonaws.com");
  write_config("[default]\nendpoint_url = http://profile:1/\n");
  EXPECT_EQ(url("codepipeline"), "http://profile:1");
  write_config(
      "[default]\nendpoint_url = http://profile:1\nservices = mine\n"
      "[services mine]\ncodepipeline =\n  endpoint_url = http://services:2\nsecrets_manager =\n"
      "  endpoint_url = http://services:3\n");
  EXPECT_EQ(url("codepipeline"), "http://services:2");
  EXPECT_EQ(url("secretsmanager"), "http://services:3");
  EXPECT_EQ(url("s3"), "http://profile:1");
  variables_["AWS_ENDPOINT_URL"] = "http://all:4";
  EXPECT_EQ(url("codepipeline"), "http://all:4");
  variables_["AWS_ENDPOINT_URL_SECRETS_MANAGER"] = "http://one:5";
  EXPECT_EQ(url("secretsmanager"), "http://one:5");
  EXPECT_EQ(make({.endpoint_url = "http://ours:6"}).client("secretsmanager")->options().endpoint.url, "http://ours:6");
  EXPECT_TRUE(make().client("s3")->options().endpoint.custom);
  variables_["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
  EXPECT_EQ(url("secretsmanager"), "https://secretsmanager.eu-west-1.amazonaws.com");
}

TEST_F(EnvironmentTest, RefusesFipsWithACustomEndpoint) {
  variables_["AWS_USE_FIPS_ENDPOINT"] = "true";
  EXPECT_EQ(url("codepipeline"), "https://codepipeline-fips.eu-west-1.amazonaws.com");
  variables_["AWS_ENDPOINT_URL"] = "http://h";
  EXPECT_EQ(error_of([&] { url("codepipeline"); }).kind(), ErrorKind::kConfiguration);
}

TEST_F(EnvironmentTest, KnowsTheLegacyEndpointOfSts) {
  EXPECT_EQ(url("sts"), "https://sts.eu-west-1.amazonaws.com");
  variables_["AWS_STS_REGIONAL_ENDPOINTS"] = "legacy";
  EXPECT_EQ(url("sts"), "https://sts.amazonaws.com");
  EXPECT_EQ(make().client("sts")->options().endpoint.region, "us-east-1");
}

TEST_F(EnvironmentTest, SharesOneClientForEachService) {
  variables_["AWS_MAX_ATTEMPTS"] = "7";
  const Environment environment = make();
  EXPECT_EQ(environment.client("s3"), environment.client("s3"));
  EXPECT_EQ(environment.client("s3")->options().max_attempts, 7);
  variables_["AWS_MAX_ATTEMPTS"] = "many";
  EXPECT_EQ(failure(), ErrorKind::kConfiguration);
}

TEST_F(EnvironmentTest, ReadsKeysOfTheEnvironment) {
  write_credentials("[default]\naws_access_key_id = FILE\naws_secret_access_key = s\n");
  variables_["AWS_ACCESS_KEY_ID"] = "ENV";
  EXPECT_EQ(failure(), ErrorKind::kConfiguration);
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  variables_["AWS_SECURITY_TOKEN"] = "legacy";
  EXPECT_EQ(make().credentials()->get().session_token.reveal(), "legacy");
  EXPECT_EQ(key(), "ENV");
  EXPECT_EQ(make({.profile = "default"}).credentials()->get().access_key_id, "FILE");
}

TEST_F(EnvironmentTest, ReadsAndRereadsKeysOfAProfile) {
  write_config("[profile ci]\naws_access_key_id = CONFIG\naws_secret_access_key = s\n");
  variables_["AWS_PROFILE"] = "ci";
  EXPECT_EQ(key(), "CONFIG");
  write_credentials("[ci]\naws_access_key_id = ONE\naws_secret_access_key = s\n");
  const Environment environment = make();
  EXPECT_EQ(environment.credentials()->get().access_key_id, "ONE");
  write_credentials("[ci]\naws_access_key_id = TWO\naws_secret_access_key = s\n");
  clock_.advance(std::chrono::seconds(5));
  environment.credentials()->invalidate();
  EXPECT_EQ(environment.credentials()->get().access_key_id, "TWO");
}

TEST_F(EnvironmentTest, RefusesBrokenProfiles) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[default]\naws_access_key_id = ONLY\n", "only aws_access_key_id"},
      {"[default]\nrole_arn = r\n", "exactly one"},
      {"[default]\nrole_arn = r\nsource_profile = a\ncredential_source = Environment\n", "exactly one"},
      {"[default]\nrole_arn = r\nsource_profile = missing\n", "no such profile"},
      {"[default]\nrole_arn = r\nsource_profile = b\n[profile b]\nregion = x\n", "no credentials"},
      {"[default]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = q\nsource_profile = default\n",
       "leads back"},
      {"[default]\nrole_arn = r\nsource_profile = default\n", "leads back"},
      {"[default]\nrole_arn = r\ncredential_source = Moon\n", "Ec2InstanceMetadata"},
      {"[default]\nrole_arn = r\ncredential_source = Environment\n", "AWS_ACCESS_KEY_ID"},
      {"[default]\nrole_arn = r\nsource_profile = x\nmfa_serial = m\n", "mfa_serial"},
      {"[default]\nrole_arn = r\nsource_profile = x\nduration_seconds = 5\n", "duration_seconds"},
      {"[default]\nsso_session = s\nsso_account_id = 1\n", "role_arn"},
      {"[default]\ncredential_process = \n[default]\nservices = none\nsso_start_url = x\n", "sign-in"},
  };
  for (const auto& [config, words] : cases) {
    write_config(config);
    EXPECT_EQ(failure(), ErrorKind::kConfiguration) << config;
    EXPECT_NE(message_.find(words), std::string::npos) << message_;
  }
  write_config("");
  EXPECT_EQ(failure({.profile = "none"}), ErrorKind::kConfiguration);
  variables_["AWS_PROFILE"] = "none";
  EXPECT_EQ(failure(), ErrorKind::kConfiguration);
}

TEST_F(EnvironmentTest, AssumesARoleThroughAChainOfProfiles) {
  write_config(
      "[default]\nrole_arn = arn:aws:iam::1:role/b\nsource_profile = mid\nexternal_id = e+x\n"
      "role_session_name = me\nduration_seconds = 900\nregion = us-east-2\n"
      "[profile mid]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = mid\n"
      "aws_access_key_id = BASE\naws_secret_access_key = s\n");
  handler_ = [](const Sent&, int index) { return answer(200, sts_answer("AssumeRole", "t" + std::to_string(index))); };
  const Credentials credentials = make().credentials()->get();
  EXPECT_EQ(credentials.access_key_id, "ASIAROLE");
  EXPECT_EQ(credentials.secret_access_key.reveal(), "role/secret");
  EXPECT_EQ(credentials.session_token.reveal(), "t1");
  EXPECT_EQ(format_rfc3339(*credentials.expires_at), "2026-11-21T10:30:00.000Z");
  const auto sent = transport_->sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_NE(sent[0].header("authorization").find("Credential=BASE/"), std::string::npos);
  EXPECT_NE(sent[1].header("authorization").find("Credential=ASIAROLE/"), std::string::npos);
  EXPECT_EQ(sent[1].body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fb"
            "&RoleSessionName=me&ExternalId=e%2Bx&DurationSeconds=900");
  EXPECT_EQ(sent[1].url, "https://sts.us-east-2.amazonaws.com/");
  EXPECT_EQ(sent[1].header("content-type"), "application/x-www-form-urlencoded; charset=utf-8");
}

TEST_F(EnvironmentTest, AssumesARoleWithAWebIdentityUnsigned) {
  const auto token_file = home_.path() / "token";
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = token_file.string();
  EXPECT_EQ(failure(), ErrorKind::kConfiguration);
  variables_["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/x";
  EXPECT_EQ(failure(), ErrorKind::kNotFound);
  write_file_atomically(token_file, "eyJ.a.b\n");
  handler_ = [](const Sent&, int) { return answer(200, sts_answer("AssumeRoleWithWebIdentity", "web")); };
  EXPECT_EQ(make().credentials()->get().session_token.reveal(), "web");
  EXPECT_EQ(transport_->sent().back().header("authorization"), "");
  EXPECT_NE(transport_->sent().back().body.find("&WebIdentityToken=eyJ.a.b"), std::string::npos);
}

TEST_F(EnvironmentTest, RunsACredentialProcess) {
  const auto script = home_.path() / "a b.sh";
  write_file_atomically(script,
                        "#!/bin/sh\n[ \"$1\" = 'x y' ] || exit 3\n"
                        "echo '{\"Version\":1,\"AccessKeyId\":\"PROC\",\"SecretAccessKey\":\"s\","
                        "\"Expiration\":\"2026-11-21T12:00:00Z\"}'\n",
                        0755);
  write_config("[default]\ncredential_process = \"" + script.string() + "\" 'x y'\n");
  EXPECT_EQ(key(), "PROC");
  write_config("[default]\ncredential_process = \"" + script.string() + "\" other\n");
  EXPECT_EQ(failure(), ErrorKind::kUnauthenticated);
  EXPECT_NE(message_.find("exit code 3"), std::string::npos);
  write_config("[default]\ncredential_process = echo {}\n");
  EXPECT_EQ(failure(), ErrorKind::kConfiguration);
  EXPECT_NE(message_.find("Version"), std::string::npos);
}

TEST(SplitCommand, SplitsAsAShellWould) {
  EXPECT_EQ(split_command(R"(a  "b c" 'd "e' f\ g "h\"i" '' x"y"z)"),
            (std::vector<std::string>{"a", "b c", "d \"e", "f g", "h\"i", "", "xyz"}));
  EXPECT_EQ(error_of([] { split_command("a 'b"); }).kind(), ErrorKind::kConfiguration);
}

constexpr char kLent[] =
    R"({"Code":"Success","AccessKeyId":"LENT","SecretAccessKey":"s","Token":"t","Expiration":"2026-11-21T15:00:00Z"})";

TEST_F(EnvironmentTest, AsksTheContainer) {
  variables_["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/credentials/x";
  handler_ = [](const Sent&, int index) { return index == 0 ? answer(500) : answer(200, kLent); };
  EXPECT_EQ(key(), "LENT");
  EXPECT_EQ(transport_->sent().at(0).url, "http://169.254.170.2/v2/credentials/x");
  EXPECT_EQ(transport_->sent().at(0).proxy, http::ProxyUse::kNever);

  variables_.erase("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const auto token_file = home_.path() / "token";
  write_file_atomically(token_file, "secret-token\n");
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://169.254.170.23/v1/credentials";
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = token_file.string();
  EXPECT_EQ(key(), "LENT");
  EXPECT_EQ(transport_->sent().back().header("authorization"), "secret-token");
  write_file_atomically(token_file, "a\r\nX: y");
  EXPECT_EQ(failure(), ErrorKind::kConfiguration);
  for (const char* uri : {"http://evil.com/", "http://10.0.0.1/", "ftp://localhost/", "x"}) {
    variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = uri;
    EXPECT_EQ(failure(), ErrorKind::kConfiguration) << uri;
  }
}

TEST_F(EnvironmentTest, AsksTheInstanceWithASessionToken) {
  handler_ = [](const Sent& sent, int) {
    if (sent.method == "PUT") return answer(200, "imds-token");
    if (sent.header("x-aws-ec2-metadata-token") != "imds-token") return answer(401);
    return sent.url.ends_with("/security-credentials/") ? answer(200, "my role\n") : answer(200, kLent);
  };
  EXPECT_EQ(key(), "LENT");
  const auto sent = transport_->sent();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[0].url, "http://169.254.169.254/latest/api/token");
  EXPECT_EQ(sent[2].url, "http://169.254.169.254/latest/meta-data/iam/security-credentials/my%20role");
  EXPECT_EQ(sent[2].proxy, http::ProxyUse::kNever);
  variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"] = "IPv6";
  key();
  EXPECT_TRUE(transport_->sent().back().url.starts_with("http://[fd00:ec2::254]/"));
  variables_["AWS_EC2_METADATA_DISABLED"] = "true";
  EXPECT_EQ(failure(), ErrorKind::kUnauthenticated);
}

TEST_F(EnvironmentTest, SaysWhereItLookedWhenThereAreNone) {
  EXPECT_EQ(failure(), ErrorKind::kUnauthenticated);
  EXPECT_NE(message_.find("AWS_ACCESS_KEY_ID"), std::string::npos) << message_;
}

TEST_F(EnvironmentTest, FindsTheCaBundle) {
  EnvironmentOptions options;
  options.variable = [this](const std::string& name) -> std::optional<std::string> {
    const auto found = variables_.find(name);
    return found == variables_.end() ? std::nullopt : std::optional(found->second);
  };
  EXPECT_EQ(find_ca_bundle(options), "");
  write_config("[default]\nca_bundle = /profile.pem\n");
  EXPECT_EQ(find_ca_bundle(options), "/profile.pem");
  variables_["AWS_CA_BUNDLE"] = "/variable.pem";
  EXPECT_EQ(find_ca_bundle(options), "/variable.pem");
}

}  // namespace
}  // namespace penstock::aws
