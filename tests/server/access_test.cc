#include "server/access.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "tests/support/fake_clock.h"

namespace penstock::server {
namespace {

using authz::Decision;

std::vector<std::string> headers(const listener::Response& response, const std::string& name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : response.headers) {
    if (key == name) values.push_back(value);
  }
  return values;
}

config::Access example() {
  config::Access access;
  access.tokens = {
      {.name = "ops", .token = {}, .sha256 = sha256_hex("correct"), .scopes = {"history.read", "history.redeliver"}},
      {.name = "reader", .token = {}, .sha256 = sha256_hex("other"), .scopes = {"history.read"}}};
  return access;
}

struct Fixture {
  explicit Fixture(const config::Access& access, telemetry::Log to = telemetry::Log::silent()) : log(std::move(to)) {
    RequestPolicy made;
    made.access =
        authz::Authorizer::make(access_settings(access, [](const SecretReference&) { return Secret("resolved"); }),
                                {.transport = nullptr, .clock = clock, .log = log}, nullptr);
    policy.set(std::make_shared<const RequestPolicy>(std::move(made)));
  }
  Fixture() = default;

  AccessControl::Admission admit(const std::string& method, std::optional<std::string> authorization,
                                 std::string_view scope) {
    listener::Request request;
    request.method = method;
    request.path = "/api/v1/deliveries";
    request.peer_address = "192.0.2.1";
    if (authorization) request.headers.emplace_back("Authorization", *authorization);
    return control.admit(request, scope);
  }
  int status(std::optional<std::string> authorization, std::string_view scope) {
    const auto admission = admit("GET", std::move(authorization), scope);
    return admission.refusal ? admission.refusal->status : 200;
  }

  penstock::testing::FakeClock clock;
  telemetry::Log log = telemetry::Log::silent();
  CurrentPolicy policy;
  AccessControl control{policy, clock, log};
};

TEST(AccessControl, GrantsWhatTheTokensScopesSay) {
  Fixture fixture(example());
  EXPECT_EQ(fixture.status("Bearer correct", "history.redeliver"), 200);
  EXPECT_EQ(fixture.status("bearer  other ", "history.read"), 200);
  EXPECT_EQ(fixture.status("Bearer other", "history.redeliver"), 403);
  EXPECT_EQ(fixture.admit("GET", "Bearer correct", "history.read").principal, "ops");
}

TEST(AccessControl, DeniesByDefault) {
  Fixture nobody;
  EXPECT_EQ(nobody.status("Bearer correct", "history.read"), 401);
  Fixture empty{config::Access{}};
  EXPECT_EQ(empty.status("Bearer correct", "history.read"), 401);
  EXPECT_EQ(empty.status(std::nullopt, "history.read"), 401);
}

TEST(AccessControl, AnswersEveryWrongCredentialAlike) {
  Fixture fixture(example());
  std::optional<std::string> first;
  for (const char* header :
       {"", "Bearer", "Bearer ", "Bearer  ", "correct", "Basic correct", "Bearer correc", "Bearer correctt",
        "Bearer Correct", "Bearer correct, other", "Bearer a.b.c", "Digest x"}) {
    const auto admission = fixture.admit("GET", header, "history.read");
    ASSERT_TRUE(admission.refusal) << header;
    EXPECT_EQ(admission.refusal->status, 401) << header;
    EXPECT_EQ(admission.principal, "");
    const std::string whole = admission.refusal->body + headers(*admission.refusal, "WWW-Authenticate").at(0);
    if (!first) first = whole;
    EXPECT_EQ(whole, *first) << header;
  }
  const auto without = fixture.admit("GET", std::nullopt, "history.read");
  EXPECT_EQ(headers(*without.refusal, "WWW-Authenticate"), std::vector<std::string>{"Bearer realm=\"penstock\""});
}

TEST(AccessControl, NamesTheMissingScope) {
  Fixture fixture(example());
  const auto admission = fixture.admit("POST", "Bearer other", "history.redeliver");
  EXPECT_NE(admission.refusal->body.find("the credential lacks the scope history.redeliver"), std::string::npos);
  EXPECT_EQ(headers(*admission.refusal, "WWW-Authenticate").at(0),
            "Bearer realm=\"penstock\", error=\"insufficient_scope\", scope=\"history.redeliver\"");
}

TEST(AccessControl, AuditsRefusalsAndChangesButNoReadingAndNoToken) {
  ::testing::internal::CaptureStderr();
  {
    Fixture fixture(example(),
                    telemetry::Log({.level = telemetry::LogLevel::kError, .format = telemetry::LogFormat::kJson}));
    fixture.admit("GET", "Bearer correct", "history.read");
    fixture.admit("POST", "Bearer correct", "history.redeliver");
    fixture.admit("GET", "Bearer wrong-token", "history.read");
    fixture.admit("POST", "Bearer other", "history.redeliver");
  }
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 3) << log;
  EXPECT_NE(
      log.find(
          R"("principal":"ops","credential":"token","verb":"POST","resource":"/api/v1/deliveries","remote":"192.0.2.1","verdict":"allow")"),
      std::string::npos)
      << log;
  EXPECT_NE(log.find(R"("principal":"","credential":"token","verb":"GET")"), std::string::npos) << log;
  EXPECT_NE(log.find(R"("missingScopes":"history.redeliver")"), std::string::npos) << log;
  for (const char* secret : {"correct", "wrong-token", "other\""})
    EXPECT_EQ(log.find(secret), std::string::npos) << log;
}

TEST(AccessSettings, RefuseATokenThatIsEmpty) {
  config::Access access;
  access.tokens = {{.name = "broken", .token = {}, .sha256 = "", .scopes = {"history.read"}}};
  EXPECT_THROW(access_settings(access, [](const SecretReference&) { return Secret(""); }), Error);
}

TEST(CheckAccess, FindsFilesThatHoldNoKey) {
  config::Access access;
  config::JwtAccess jwt;
  jwt.jwks = "file:/nonexistent/keys.json";
  jwt.line = 7;
  jwt.path = "access.jwt";
  access.jwt = {jwt};
  access.basic = {
      {.username = "ann", .password_digest = "$scrypt$ln=1", .scopes = {}, .line = 9, .path = "access.basic[0]"}};
  const auto problems = check_access(access);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].path, "access.basic[0].digest");
  EXPECT_EQ(problems[1].path, "access.jwt.jwks");
  EXPECT_EQ(problems[1].line, 7);
}

struct CrossSiteCase {
  std::string name;
  std::vector<std::pair<std::string, std::string>> headers;
  bool is_cross_site;
};
class CrossSite : public ::testing::TestWithParam<CrossSiteCase> {};

TEST_P(CrossSite, IsToldByTheBrowsersHeaders) {
  listener::Request request;
  request.headers = GetParam().headers;
  EXPECT_EQ(is_cross_site(request, "https://penstock.example"), GetParam().is_cross_site);
}

INSTANTIATE_TEST_SUITE_P(
    Requests, CrossSite,
    ::testing::Values(
        CrossSiteCase{"NoBrowser", {}, false}, CrossSiteCase{"SameOrigin", {{"Sec-Fetch-Site", "same-origin"}}, false},
        CrossSiteCase{"AddressBar", {{"Sec-Fetch-Site", "none"}}, false},
        CrossSiteCase{"OtherSite", {{"Sec-Fetch-Site", "cross-site"}}, true},
        CrossSiteCase{"SiblingHost", {{"Sec-Fetch-Site", "same-site"}}, true},
        CrossSiteCase{"TwoOfThem", {{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "cross-site"}}, true},
        CrossSiteCase{"OwnHost", {{"Host", "a:8443"}, {"Origin", "https://a:8443"}}, false},
        CrossSiteCase{"PublicOrigin", {{"Host", "inside"}, {"Origin", "https://penstock.example"}}, false},
        CrossSiteCase{"OtherOrigin", {{"Host", "a"}, {"Origin", "https://b"}}, true},
        CrossSiteCase{"OpaqueOrigin", {{"Host", "a"}, {"Origin", "null"}}, true},
        CrossSiteCase{"OriginAsPrefix", {{"Host", "a"}, {"Origin", "https://a.evil.example"}}, true}),
    [](const auto& tested) { return tested.param.name; });

TEST(AccessControl, ChangesNothingForAnotherSitesPage) {
  config::Access access = example();
  const authz::PasswordDigest digest = authz::PasswordDigest::make("secret");
  access.basic = {{.username = "ann", .password_digest = digest.to_string(), .scopes = {"history.redeliver"}}};
  Fixture fixture(access);
  const auto status = [&](const std::string& method, const std::string& authorization, const std::string& site) {
    listener::Request request;
    request.method = method;
    request.path = "/api/v1/deliveries/1/redeliver";
    request.headers = {{"Authorization", authorization}, {"Sec-Fetch-Site", site}};
    const auto admission = fixture.control.admit(request, "history.redeliver");
    return admission.refusal ? admission.refusal->status : 200;
  };
  const std::string password = "Basic " + to_base64("ann:secret");
  EXPECT_EQ(status("POST", password, "same-origin"), 200);
  EXPECT_EQ(status("POST", password, "cross-site"), 403);
  EXPECT_EQ(status("POST", password, "same-site"), 403);
  EXPECT_EQ(status("GET", password, "cross-site"), 200);
  EXPECT_EQ(status("POST", "Bearer correct", "cross-site"), 200) << "no browser sends that of its own accord";
}

}  // namespace
}  // namespace penstock::server
