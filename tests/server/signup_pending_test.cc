#include <gtest/gtest.h>

#include "server/signup/pending.h"

namespace penstock::server::signup {
namespace {

using namespace std::chrono_literals;
constexpr PendingRequests::TimePoint kNow{1h};

TEST(PendingRequests, AreFoundWithTheirCookieAtTheirPageInTime) {
  PendingRequests pending;
  const auto ticket = pending.add("/a", "sealed", kNow);
  ASSERT_TRUE(ticket);
  EXPECT_EQ(pending.find("/a", ticket->id, ticket->cookie, kNow + 15min - 1s), "sealed");
  EXPECT_FALSE(pending.find("/b", ticket->id, ticket->cookie, kNow));
  EXPECT_FALSE(pending.find("/a", ticket->id, ticket->cookie + "x", kNow));
  EXPECT_FALSE(pending.find("/a", ticket->id, "", kNow));
  EXPECT_FALSE(pending.find("/a", ticket->cookie, ticket->cookie, kNow));
  EXPECT_FALSE(pending.find("/a", ticket->id, ticket->cookie, kNow + 15min));
  EXPECT_EQ(pending.size(), 0u);
}

TEST(PendingRequests, AreNeverMoreThanTheirBound) {
  PendingRequests pending({.most = 3, .lifetime = 60s});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(pending.add("/a", "sealed", kNow + i * 1s));
  EXPECT_FALSE(pending.add("/a", "sealed", kNow + 59s));
  EXPECT_TRUE(pending.add("/a", "sealed", kNow + 60s));
  EXPECT_EQ(pending.size(), 3u);
}

TEST(PendingRequests, GoWhenTheyAreRemoved) {
  PendingRequests pending;
  const auto ticket = pending.add("/a", "sealed", kNow);
  pending.remove(ticket->id);
  pending.remove("unknown");
  EXPECT_FALSE(pending.find("/a", ticket->id, ticket->cookie, kNow));
}

}  // namespace
}  // namespace penstock::server::signup
