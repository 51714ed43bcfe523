#include "core/authz/claims.h"

#include <string>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::authz {
namespace {

using Texts = std::vector<std::string>;
using std::chrono::milliseconds;

Timestamp at(std::int64_t seconds) {
  return from_milliseconds(seconds * 1000);
}

TEST(Claims, AreReadFromTextsAndLists) {
  const Claims claims = parse_claims(
      R"({"iss":"i","sub":"s","jti":"j","aud":["a","b"],"exp":100.9,"nbf":1e1,"iat":9,"scp":["x","y"],"scope":"y  z","roles":"w"})",
      "");
  EXPECT_EQ(claims.issuer, "i");
  EXPECT_EQ(claims.subject, "s");
  EXPECT_EQ(claims.token_id, "j");
  EXPECT_EQ(claims.audiences, (Texts{"a", "b"}));
  EXPECT_EQ(claims.expires, at(100));
  EXPECT_EQ(claims.not_before, at(10));
  EXPECT_EQ(claims.issued_at, at(9));
  EXPECT_EQ(claims.scopes, (Texts{"w", "x", "y", "z"}));
  EXPECT_EQ(parse_claims(R"({"aud":"one","client_id":"c","azp":"z"})", "").audiences, Texts{"one"});
  EXPECT_EQ(parse_claims(R"({"client_id":"c","azp":"z"})", "").subject, "c");
  EXPECT_EQ(parse_claims(R"({"scp":"a","perm":["b","c d"]})", "perm").scopes, (Texts{"b", "c", "d"}));
  EXPECT_EQ(parse_claims("{}", "").scopes, Texts{});
}

TEST(Claims, OfAWrongTypeAreRefused) {
  std::string many_audiences = "[", many_scopes = "\"";
  for (int i = 0; i < 101; ++i) many_audiences += std::string(i == 0 ? "" : ",") + "\"a\"";
  for (int i = 0; i < 501; ++i) many_scopes += "s" + std::to_string(i) + " ";
  const std::string cases[] = {"",
                               "[]",
                               "\"text\"",
                               "{",
                               R"({"iss":1})",
                               R"({"sub":["s"]})",
                               R"({"jti":5})",
                               R"({"jti":null})",
                               R"({"aud":{}})",
                               R"({"aud":[1]})",
                               R"({"aud":[["a"]]})",
                               R"({"aud":null})",
                               R"({"exp":"100"})",
                               R"({"exp":null})",
                               R"({"exp":[100]})",
                               R"({"exp":-1})",
                               R"({"exp":1e300})",
                               R"({"exp":1e400})",
                               R"({"exp":253402300800})",
                               R"({"exp":99999999999999999999})",
                               R"({"nbf":true})",
                               R"({"iat":"now"})",
                               R"({"scp":1})",
                               R"({"scp":["a",1]})",
                               R"({"scp":[["a"]]})",
                               R"({"scp":{"a":true}})",
                               R"({"exp":1,"exp":2})",
                               R"({"exp":1,"\u0065xp":2})",
                               R"({"x":{"a":1,"a":1}})",
                               "{\"iss\":\"\xff\"}",
                               "{\"iss\":\"a\0b\"}",
                               R"({"x":)" + std::string(20, '[') + std::string(20, ']') + "}",
                               R"({"aud":)" + many_audiences + "]}",
                               R"({"scp":)" + many_scopes + "\"}"};
  for (const std::string& payload : cases) EXPECT_THROW(parse_claims(payload, ""), Error) << payload;
  EXPECT_EQ(parse_claims(R"({"iss":"a\u0000b"})", "").issuer, std::string("a\0b", 3));
}

TEST(Claims, AreExpectedAsTheConfigurationSays) {
  const Expectations expected{.issuer = "https://id",
                              .audiences = {"penstock", "other"},
                              .leeway = {.start = milliseconds(10'000), .end = milliseconds(5'000)}};
  const auto fault = [&](const std::string& payload) {
    return find_fault(parse_claims(payload, ""), expected, at(1'000));
  };
  const auto with = [](const std::string& more) { return R"({"iss":"https://id","aud":"penstock")" + more + "}"; };
  EXPECT_EQ(fault(with(R"(,"exp":1001)")), "");
  EXPECT_EQ(fault(R"({"iss":"https://id","aud":["x","other"],"exp":2000})"), "");
  EXPECT_EQ(fault(with("")), "it never expires: \"exp\" is missing");
  EXPECT_EQ(fault(with(R"(,"exp":996)")), "");
  EXPECT_EQ(fault(with(R"(,"exp":995)")), "expired");
  EXPECT_EQ(fault(with(R"(,"exp":995.999)")), "expired");
  EXPECT_EQ(fault(with(R"(,"exp":0)")), "expired");
  EXPECT_EQ(fault(with(R"(,"exp":2000,"nbf":1010,"iat":1010)")), "");
  EXPECT_EQ(fault(with(R"(,"exp":2000,"nbf":1011)")), "not valid yet: \"nbf\"");
  EXPECT_EQ(fault(with(R"(,"exp":2000,"iat":1011)")), "issued in the future: \"iat\"");
  EXPECT_EQ(fault(R"({"iss":"https://id/","aud":"penstock","exp":2000})"), "another issuer");
  EXPECT_EQ(fault(R"({"aud":"penstock","exp":2000})"), "another issuer");
  EXPECT_EQ(fault(R"({"iss":"https://id","aud":"Penstock","exp":2000})"), "another audience");
  EXPECT_EQ(fault(R"({"iss":"https://id","aud":[],"exp":2000})"), "another audience");
  EXPECT_EQ(fault(R"({"iss":"https://id","exp":2000})"), "another audience");
  EXPECT_EQ(fault(R"({"iss":"https://id","aud":"penstock\u0000","exp":2000})"), "another audience");
}

TEST(Claims, EndAtTheirSecondUnlessALeewayIsGiven) {
  const Expectations expected{.issuer = "i", .audiences = {"a"}};
  const Claims claims = parse_claims(R"({"iss":"i","aud":"a","exp":1000})", "");
  EXPECT_EQ(find_fault(claims, expected, at(1'000) - milliseconds(1)), "");
  EXPECT_EQ(find_fault(claims, expected, at(1'000)), "expired");
}

}  // namespace
}  // namespace penstock::authz
