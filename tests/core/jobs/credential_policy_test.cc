#include "core/jobs/credential_policy.h"

#include <gtest/gtest.h>

namespace penstock::jobs {
namespace {

using K = ErrorKind;

TEST(AnotherCredential, MayHelpOnlyWhereTheServerDoesNotSayClearly) {
  const struct {
    K kind;
    const char* code;
    bool helps;
  } rows[] = {
      {K::kUnauthenticated, "Unauthenticated", true},
      {K::kUnauthenticated, "SignInPage", true},
      {K::kUnauthenticated, "AADSTS7000215", true},
      {K::kPermission, "Forbidden", true},
      {K::kNotFound, "RepositoryNotFound", true},
      {K::kConfiguration, "SshKeyUnusable", true},
      {K::kConfiguration, "CredentialUnsuitable", true},
      {K::kPermission, "PermissionMissing", false},
      {K::kPermission, "HostKeyMismatch", false},
      {K::kPermission, "HostKeyUnknown", false},
      {K::kNotFound, "RevisionNotFound", false},
      {K::kConfiguration, "UntrustedCertificate", false},
      {K::kUnavailable, "Unreachable", false},
      {K::kRateLimited, "RateLimited", false},
      {K::kTimeout, "", false},
      {K::kCancelled, "", false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(may_another_credential_help(Error(row.kind, "x").with_code(row.code)), row.helps)
        << to_string(row.kind) << " " << row.code;
  }
}

TEST(SameCredential, ComparesWhatWouldBeSent) {
  const git::Credential none = git::NoCredential{}, a = git::HttpHeaderCredential{Secret("a")},
                        b = git::HttpHeaderCredential{Secret("b")}, key = git::SshKeyCredential{Secret("a"), "hosts"},
                        moved = git::SshKeyCredential{Secret("a"), "others"};
  const git::Credential* all[] = {&none, &a, &b, &key, &moved};
  for (const auto* one : all) {
    for (const auto* other : all) EXPECT_EQ(is_same_credential(*one, *other), one == other);
  }
}

TEST(AllRefused, SaysWhatEachGot) {
  const Error refused = Error(K::kUnauthenticated, "fetching \"https://h/r\": the credential was refused [401]")
                            .with_code("Unauthenticated");
  const Error missing =
      Error(K::kNotFound, "fetching \"https://h/r\": no such repository").with_code("RepositoryNotFound");
  const Error gone = Error(K::kConfiguration, "resolving env:PAT: not set");
  const Error all = all_refused("https://h/r", {{"old", refused}, {"new", missing}, {"spare", gone}});
  EXPECT_EQ(all.kind(), K::kUnauthenticated);
  EXPECT_STREQ(all.what(),
               "fetching \"https://h/r\": none of the 3 credentials was accepted: (1) \"old\": the credential was "
               "refused [401]; (2) \"new\": no such repository; (3) \"spare\": resolving env:PAT: not set");
  EXPECT_EQ(all_refused("r", {{"a", missing}, {"b", missing}}).code(), "RepositoryNotFound");
  EXPECT_EQ(all_refused("r", {{"a", gone}, {"b", gone}}).kind(), K::kConfiguration);
}

}  // namespace
}  // namespace penstock::jobs
