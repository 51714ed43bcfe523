#include "core/hooks/authentication.h"

#include <map>

#include <gtest/gtest.h>

#include "core/base/text.h"

namespace penstock::hooks {
namespace {

constexpr auto kAllowed = AuthenticationResult::kAllowed;
constexpr auto kWrong = AuthenticationResult::kWrongCredential;
constexpr auto kNone = AuthenticationResult::kNoCredential;
constexpr auto kAddress = AuthenticationResult::kAddressNotAllowed;

struct Request {
  std::map<std::string, std::string> headers;
  std::string body = "{\"eventType\":\"git.push\"}";
  std::string remote = "20.37.158.7";
};

AuthenticationResult check(const EndpointAuthentication& authentication, const Request& request) {
  return authenticate(
      authentication, *IpAddress::parse(request.remote),
      [&](std::string_view name) -> std::optional<std::string_view> {
        for (const auto& [key, value] : request.headers) {
          if (equals_ignoring_case(key, name)) return value;
        }
        return std::nullopt;
      },
      request.body);
}

std::string basic(std::string_view pair) {
  return "Basic " + to_base64(pair);
}

EndpointAuthentication basic_endpoint() {
  EndpointAuthentication authentication;
  authentication.basic = {{"azure", Secret("old:pass")}, {"azure", Secret("p\xC3\xA4ss")}, {"other", Secret("x")}};
  return authentication;
}

TEST(BasicAuthentication, AcceptsAnyOfTheCredentialsAndNothingElse) {
  struct Case {
    const char* name;
    std::string header;
    AuthenticationResult expected;
  };
  for (const auto& c : std::initializer_list<Case>{
           {"first, colon in the password", basic("azure:old:pass"), kAllowed},
           {"second, UTF-8", basic("azure:p\xC3\xA4ss"), kAllowed},
           {"third", basic("other:x"), kAllowed},
           {"scheme in another case", "bASIC " + to_base64("other:x"), kAllowed},
           {"more white space", "Basic   " + to_base64("other:x") + " ", kAllowed},
           {"password of another user", basic("other:old:pass"), kWrong},
           {"empty password", basic("azure:"), kWrong},
           {"no colon", basic("azure"), kWrong},
           {"longer password", basic("other:xx"), kWrong},
           {"case of the user counts", basic("Azure:old:pass"), kWrong},
           {"not base64", "Basic !!!", kWrong},
           {"another scheme", "Bearer " + to_base64("other:x"), kWrong},
           {"only the scheme", "Basic", kWrong},
           {"empty", "", kWrong},
       }) {
    EXPECT_EQ(check(basic_endpoint(), {{{"authorization", c.header}}}), c.expected) << c.name;
  }
  EXPECT_EQ(check(basic_endpoint(), {}), kNone);
}

TEST(BasicAuthentication, NeverAcceptsAnEmptySecret) {
  EndpointAuthentication authentication;
  authentication.basic = {{"azure", Secret()}};
  authentication.header = {{"X-Token", Secret()}};
  authentication.hmac = {{"X-Signature", HashAlgorithm::kSha256, Secret()}};
  EXPECT_EQ(check(authentication, {{{"Authorization", basic("azure:")}}}), kWrong);
  EXPECT_EQ(check(authentication, {{{"X-Token", ""}}}), kWrong);
  EXPECT_EQ(check(authentication, {{{"X-Signature", to_hex(hmac(HashAlgorithm::kSha256, "", Request().body))}}}),
            kWrong);
}

TEST(HeaderAuthentication, ComparesTheWholeValue) {
  EndpointAuthentication authentication;
  authentication.header = {{"X-Penstock-Token", Secret("new")}, {"X-Penstock-Token", Secret("old")}};
  EXPECT_EQ(check(authentication, {{{"x-penstock-token", "new"}}}), kAllowed);
  EXPECT_EQ(check(authentication, {{{"x-penstock-token", " old "}}}), kAllowed);
  EXPECT_EQ(check(authentication, {{{"x-penstock-token", "ol"}}}), kWrong);
  EXPECT_EQ(check(authentication, {{{"x-penstock-token", "NEW"}}}), kWrong);
  EXPECT_EQ(check(authentication, {{{"x-other", "new"}}}), kNone);
}

TEST(HmacAuthentication, TakesEveryUsualFormOfTheSignature) {
  const Request request;
  for (const auto& [algorithm, prefix] : std::map<HashAlgorithm, std::string>{
           {HashAlgorithm::kSha1, "sha1"}, {HashAlgorithm::kSha256, "sha256"}, {HashAlgorithm::kSha512, "sha512"}}) {
    EndpointAuthentication authentication;
    authentication.hmac = {{"X-Hub-Signature", algorithm, Secret("other")},
                           {"X-Hub-Signature", algorithm, Secret("key")}};
    const auto raw = hmac(algorithm, "key", request.body);
    auto upper = to_hex(raw);
    for (auto& c : upper) c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
    auto upper_prefix = prefix;
    upper_prefix[0] = 'S';
    for (const auto& good : {to_hex(raw), upper, prefix + "=" + to_hex(raw), upper_prefix + "=" + upper, to_base64(raw),
                             prefix + "=" + to_base64(raw), " " + to_hex(raw) + " "}) {
      EXPECT_EQ(check(authentication, {{{"x-hub-signature", good}}}), kAllowed) << good;
    }
    const auto wrong = to_hex(hmac(algorithm, "wrong", request.body));
    for (const auto& bad : {wrong, prefix + "=" + wrong, prefix + "=", std::string(), to_hex(raw).substr(2),
                            to_hex(raw) + "00", "md5=" + to_hex(raw), prefix + "=" + prefix + "=" + to_hex(raw)}) {
      EXPECT_EQ(check(authentication, {{{"x-hub-signature", bad}}}), kWrong) << bad;
    }
    Request changed{{{"x-hub-signature", to_hex(raw)}}};
    changed.body += " ";
    EXPECT_EQ(check(authentication, changed), kWrong);
  }
}

TEST(Authentication, LooksAtTheAddressFirst) {
  auto authentication = basic_endpoint();
  authentication.allowed_ip_ranges = {*IpRange::parse("20.37.158.0/23"), *IpRange::parse("::1")};
  const std::map<std::string, std::string> good = {{"Authorization", basic("other:x")}};
  EXPECT_EQ(check(authentication, {good}), kAllowed);
  EXPECT_EQ(check(authentication, {good, "", "::1"}), kAllowed);
  EXPECT_EQ(check(authentication, {good, "", "20.37.160.1"}), kAddress);
  EXPECT_EQ(check(authentication, {{}, "", "20.37.160.1"}), kAddress);
  authentication.unauthenticated = true;
  EXPECT_EQ(check(authentication, {{}, "", "20.37.160.1"}), kAddress);
  EXPECT_EQ(check(authentication, {}), kAllowed);
}

TEST(Authentication, WithoutAnyMethodLetsNobodyIn) {
  EXPECT_EQ(check({}, {{{"Authorization", basic("a:b")}}}), kNone);
}

TEST(Authentication, AnyKindIsEnough) {
  auto authentication = basic_endpoint();
  authentication.header = {{"X-Token", Secret("t")}};
  EXPECT_EQ(check(authentication, {{{"Authorization", basic("a:b")}, {"X-Token", "t"}}}), kAllowed);
  EXPECT_EQ(check(authentication, {{{"Authorization", basic("other:x")}, {"X-Token", "wrong"}}}), kAllowed);
  EXPECT_EQ(check(authentication, {{{"Authorization", basic("a:b")}, {"X-Token", "wrong"}}}), kWrong);
}

TEST(SensitiveHeader, CoversTheUsualAndTheConfigured) {
  EndpointAuthentication authentication;
  authentication.header = {{"X-Shared", Secret("x")}};
  authentication.hmac = {{"X-Mac", HashAlgorithm::kSha1, Secret("x")}};
  for (const char* name :
       {"Authorization", "proxy-authorization", "Cookie", "SET-COOKIE", "X-Api-Key", "x-apikey", "X-Penstock-Token",
        "client-secret", "X-Password", "X-Hub-Signature-256", "x-shared", "X-MAC"}) {
    EXPECT_TRUE(is_sensitive_header(authentication, name)) << name;
  }
  for (const char* name : {"Content-Type", "User-Agent", "X-Vss-Activityid", "Host", ""}) {
    EXPECT_FALSE(is_sensitive_header(authentication, name)) << name;
  }
}

}  // namespace
}  // namespace penstock::hooks
