#include "server/access.h"

#include <gtest/gtest.h>

namespace penstock::server {
namespace {

AccessTokens tokens() {
  return AccessTokens({{"ops", Secret("correct"), {"history.read", "history.redeliver"}},
                       {"reader", Secret("other"), {"history.read"}},
                       {"broken", Secret(""), {"history.read"}}});
}

TEST(AccessTokens, GrantsWhatTheTokensScopesSay) {
  EXPECT_EQ(tokens().check("Bearer correct", "history.redeliver"), AccessResult::kAllowed);
  EXPECT_EQ(tokens().check("bearer  other ", "history.read"), AccessResult::kAllowed);
  EXPECT_EQ(tokens().check("Bearer other", "history.redeliver"), AccessResult::kScopeMissing);
}

TEST(AccessTokens, KnowsWhoseTokenItIs) {
  EXPECT_EQ(tokens().name_of("Bearer correct"), "ops");
  for (const char* header : {"Bearer other!", "Bearer ", "correct"}) EXPECT_EQ(tokens().name_of(header), "") << header;
  EXPECT_EQ(tokens().name_of(std::nullopt), "");
}

TEST(AccessTokens, DeniesByDefault) {
  EXPECT_EQ(AccessTokens({}).check("Bearer correct", "history.read"), AccessResult::kUnknownToken);
  EXPECT_EQ(tokens().check(std::nullopt, "history.read"), AccessResult::kNoCredential);
}

TEST(AccessTokens, RefusesEverythingElse) {
  for (const char* header : {"", "Bearer", "Bearer ", "Bearer  ", "correct", "Basic correct"}) {
    EXPECT_EQ(tokens().check(header, "history.read"), AccessResult::kNoCredential) << header;
  }
  for (const char* header : {"Bearer correc", "Bearer correctt", "Bearer Correct", "Bearer correct, other"}) {
    EXPECT_EQ(tokens().check(header, "history.read"), AccessResult::kUnknownToken) << header;
  }
}

}  // namespace
}  // namespace penstock::server
