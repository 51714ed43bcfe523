#include "core/authz/permissions.h"

#include <string>

#include <gtest/gtest.h>

namespace penstock::authz {
namespace {

using Verdict = Policy::Verdict;
constexpr auto kCount = Policy::RouteScopes::kCount;
constexpr auto kIgnore = Policy::RouteScopes::kIgnore;

Verdict decide(const std::vector<Permission>& document, std::vector<std::string> scopes, std::string_view verb,
               const std::string& path, Policy::RouteScopes route_scopes = kIgnore, std::string_view route_scope = "") {
  const std::string resource = canonical_path(path);
  return Policy(document, std::move(scopes), route_scopes).decide({verb, resource, route_scope});
}

TEST(Policy, MapsTheScopeEmailToOneResource) {
  const std::vector<Permission> document = {{.scope = "email", .http_verb = "GET", .resource = "my-resource"}};
  EXPECT_EQ(decide(document, {"openid", "email"}, "GET", "/my-resource"), Verdict::kAllow);
  EXPECT_EQ(decide(document, {"email"}, "HEAD", "/my-resource"), Verdict::kAllow);
  EXPECT_EQ(decide(document, {"openid"}, "GET", "/my-resource"), Verdict::kDeny);
  EXPECT_EQ(decide(document, {}, "GET", "/my-resource"), Verdict::kDeny);
  EXPECT_EQ(decide(document, {"Email"}, "GET", "/my-resource"), Verdict::kDeny);
  EXPECT_EQ(decide(document, {"email"}, "POST", "/my-resource"), Verdict::kDeny);
  EXPECT_EQ(decide(document, {"email"}, "GET", "/my-resource/below"), Verdict::kDeny);
  EXPECT_EQ(decide(document, {"email"}, "GET", "/other"), Verdict::kDeny);
}

TEST(Policy, LetsADenialBeatEveryPermission) {
  const std::vector<Permission> document = {
      {.scope = "read", .http_verb = "*", .resource = "/api/*"},
      {.scope = "guest", .http_verb = "GET", .resource = "/api/v1/jobs/*/log", .effect = Effect::kDeny},
      {.scope = "*", .http_verb = "*", .resource = "*/secret", .effect = Effect::kDeny}};
  EXPECT_EQ(decide(document, {"read", "guest"}, "GET", "/api/v1/jobs/7"), Verdict::kAllow);
  EXPECT_EQ(decide(document, {"read", "guest"}, "GET", "/api/v1/jobs/7/log"), Verdict::kExplicitDeny);
  EXPECT_EQ(decide(document, {"read"}, "GET", "/api/v1/jobs/7/log"), Verdict::kAllow);
  EXPECT_EQ(decide(document, {"read"}, "GET", "/api/secret"), Verdict::kExplicitDeny);
  // A route's own scope does not help either.
  EXPECT_EQ(decide(document, {"guest", "history.read"}, "GET", "/api/v1/jobs/7/log", kCount, "history.read"),
            Verdict::kExplicitDeny);
}

TEST(Policy, CannotBeEvadedByAnotherSpellingOfThePath) {
  const std::vector<Permission> document = {
      {.scope = "a", .http_verb = "GET", .resource = "*"},
      {.scope = "a", .http_verb = "GET", .resource = "/api/jobs/käse/*", .effect = Effect::kDeny}};
  for (const char* path : {"/api/jobs/k%C3%A4se/log", "/api/jobs/k%c3%a4se/log", "/api/jobs/%6b\xC3\xA4se/log",
                           "/%61pi/jobs/k\xC3\xA4se/log"}) {
    EXPECT_EQ(decide(document, {"a"}, "GET", path), Verdict::kExplicitDeny) << path;
  }
  // An encoded slash separates nothing.
  EXPECT_EQ(decide(document, {"a"}, "GET", "/api/jobs%2Fk%C3%A4se/log"), Verdict::kAllow);
}

TEST(Policy, CountsRouteScopesWhereTheDocumentDoesNotReplaceThem) {
  EXPECT_EQ(decide({}, {"history.read"}, "GET", "/api/v1/jobs", kCount, "history.read"), Verdict::kAllow);
  EXPECT_EQ(decide({}, {"history.read"}, "GET", "/api/v1/jobs", kIgnore, "history.read"), Verdict::kDeny);
  EXPECT_EQ(decide({}, {"history.read"}, "POST", "/x", kCount, "history.redeliver"), Verdict::kDeny);
  EXPECT_EQ(decide({}, {""}, "GET", "/x", kCount, ""), Verdict::kDeny);
}

TEST(Policy, MatchesPatternsInBoundedTime) {
  std::string pattern = "/", path = "/";
  for (int i = 0; i < 500; ++i) pattern += "a*";
  path.append(8'000, 'a');
  EXPECT_EQ(decide({{.scope = "s", .http_verb = "GET", .resource = pattern + "b"}}, {"s"}, "GET", path),
            Verdict::kDeny);
  EXPECT_EQ(decide({{.scope = "s", .http_verb = "GET", .resource = pattern}}, {"s"}, "GET", path), Verdict::kAllow);
}

TEST(ScopesFor, NamesWhatIsMissing) {
  const std::vector<Permission> document = {
      {.scope = "email", .http_verb = "GET", .resource = "my-resource"},
      {.scope = "admin", .http_verb = "*", .resource = "*"},
      {.scope = "guest", .http_verb = "GET", .resource = "*", .effect = Effect::kDeny},
      {.scope = "write", .http_verb = "POST", .resource = "my-resource"}};
  using Texts = std::vector<std::string>;
  EXPECT_EQ(scopes_for(document, kIgnore, {"GET", "/my-resource", "r"}), (Texts{"admin", "email"}));
  EXPECT_EQ(scopes_for(document, kCount, {"GET", "/my-resource", "r"}), (Texts{"admin", "email", "r"}));
  EXPECT_EQ(scopes_for({}, kIgnore, {"GET", "/my-resource", "r"}), Texts{});
}

TEST(CanonicalPath, HasOneSpellingForEach) {
  const std::pair<const char*, const char*> cases[] = {
      {"/api/v1", "/api/v1"}, {"/%61pi", "/api"},       {"/a%2fb", "/a%2Fb"},   {"/a b", "/a%20b"},
      {"/a%20b", "/a%20b"},   {"/a%2", "/a%2"},         {"/a%zz", "/a%zz"},     {"/a%", "/a%"},
      {"/*", "/%2A"},         {"/\xC3\xA4", "/%C3%A4"}, {"/%c3%a4", "/%C3%A4"}, {"", ""}};
  for (const auto& [path, canonical] : cases) EXPECT_EQ(canonical_path(path), canonical) << path;
}

}  // namespace
}  // namespace penstock::authz
