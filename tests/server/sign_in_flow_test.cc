#include "server/sign_in_flow.h"

#include <string>

#include <gtest/gtest.h>

#include "server/browser_sessions.h"
#include "tests/support/fake_clock.h"

namespace penstock::server {
namespace {

TEST(ReturnPath, IsAlwaysOneOfOurs) {
  EXPECT_EQ(safe_return_path("/deliveries/1?jsonPath=%24.a"), "/deliveries/1?jsonPath=%24.a");
  const std::string none = "/";
  for (const char* hostile :
       {"", "deliveries", "//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example",
        "/\t/evil.example", "/a\r\nSet-Cookie: x=1", " /a", "javascript:alert(1)", "/\xc3\xa4", "/sign-in?returnTo=/",
        "/sign-out", "/password-sign-in"}) {
    EXPECT_EQ(safe_return_path(hostile), none) << hostile;
  }
  EXPECT_EQ(safe_return_path("/" + std::string(2000, 'a')), none);
}

TEST(SignInFlow, ResumesWhatThisBrowserBegan) {
  penstock::testing::FakeClock clock;
  const SignInFlow flow(clock);
  const SignInFlow::Pending begun = flow.begin("/jobs");
  const auto resumed = flow.resume(begun.cookie, begun.state);
  ASSERT_TRUE(resumed);
  EXPECT_EQ(resumed->nonce, begun.nonce);
  EXPECT_EQ(resumed->verifier, begun.verifier);
  EXPECT_EQ(resumed->return_path, "/jobs");
  EXPECT_GE(begun.verifier.size(), 43u);
  EXPECT_EQ(begun.cookie.find(begun.nonce), std::string::npos);
  EXPECT_EQ(begun.cookie.find(begun.verifier), std::string::npos);
}

TEST(SignInFlow, RefusesAnothersState) {
  penstock::testing::FakeClock clock;
  const SignInFlow flow(clock), restarted(clock);
  const SignInFlow::Pending mine = flow.begin("/"), theirs = flow.begin("/");
  EXPECT_NE(mine.state, theirs.state);
  EXPECT_FALSE(flow.resume(mine.cookie, theirs.state));
  EXPECT_FALSE(flow.resume("", theirs.state));
  EXPECT_FALSE(flow.resume(mine.cookie, ""));
  EXPECT_FALSE(restarted.resume(mine.cookie, mine.state));
}

TEST(SignInFlow, RefusesAnAlteredCookie) {
  penstock::testing::FakeClock clock;
  const SignInFlow flow(clock);
  const SignInFlow::Pending begun = flow.begin("/");
  for (std::size_t i = 0; i < begun.cookie.size(); ++i) {
    std::string altered = begun.cookie;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(flow.resume(altered, begun.state)) << i;
  }
}

TEST(SignInFlow, EndsAfterTenMinutes) {
  penstock::testing::FakeClock clock;
  const SignInFlow flow(clock);
  const SignInFlow::Pending begun = flow.begin("/");
  clock.advance(SignInFlow::kPatience);
  EXPECT_TRUE(flow.resume(begun.cookie, begun.state));
  clock.advance(std::chrono::seconds(1));
  EXPECT_FALSE(flow.resume(begun.cookie, begun.state));
}

TEST(Cookies, AreFoundOnlyWhenTheyCameOnce) {
  listener::Request request;
  request.headers = {{"cookie", "a=1; b=2"}, {"Cookie", "c=3=4;d=5; b=6"}};
  EXPECT_EQ(find_cookie(request, "a"), "1");
  EXPECT_EQ(find_cookie(request, "c"), "3=4");
  EXPECT_FALSE(find_cookie(request, "b"));
  EXPECT_FALSE(find_cookie(request, "e"));
}

TEST(Cookies, AreBoundToTheHost) {
  EXPECT_EQ(make_cookie("x", "v", CookieScope::kHost, std::chrono::seconds(60)),
            "__Host-x=v; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60");
  EXPECT_EQ(make_cookie("x", "", CookieScope::kInsecure, std::chrono::seconds(60)),
            "x=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
}

TEST(BrowserSessions, EndWhenTheyAreClosedOrOver) {
  penstock::testing::FakeClock clock;
  BrowserSessions sessions(clock);
  const std::string first = sessions.open({.subject = "ann", .ends = clock.now() + std::chrono::hours(1)});
  const std::string second = sessions.open({.subject = "ann", .ends = clock.now() + std::chrono::hours(2)});
  EXPECT_NE(first, second);
  EXPECT_EQ(sessions.find(first)->subject, "ann");
  EXPECT_NE(sessions.find(first)->id, sessions.find(second)->id);
  EXPECT_TRUE(sessions.close(first));
  EXPECT_FALSE(sessions.close(first));
  EXPECT_EQ(sessions.find(first), nullptr);
  clock.advance(std::chrono::hours(2));
  EXPECT_EQ(sessions.find(second), nullptr);
  EXPECT_EQ(sessions.size(), 0u);
}

TEST(BrowserSessions, KnowNoTokenThatTheyDidNotMake) {
  penstock::testing::FakeClock clock;
  BrowserSessions sessions(clock);
  const std::string token = sessions.open({.subject = "ann", .ends = clock.now() + std::chrono::hours(1)});
  for (const std::string& other : {std::string(), std::string("x"), token + "A", std::string(43, 'A')}) {
    EXPECT_EQ(sessions.find(other), nullptr);
  }
}

TEST(BrowserSessions, AreBounded) {
  penstock::testing::FakeClock clock;
  BrowserSessions sessions(clock, 2);
  const std::string first = sessions.open({.subject = "1", .ends = clock.now() + std::chrono::hours(1)});
  const std::string second = sessions.open({.subject = "2", .ends = clock.now() + std::chrono::hours(1)});
  const std::string third = sessions.open({.subject = "3", .ends = clock.now() + std::chrono::hours(1)});
  EXPECT_EQ(sessions.find(first), nullptr);
  EXPECT_TRUE(sessions.find(second));
  EXPECT_TRUE(sessions.find(third));
}

}  // namespace
}  // namespace penstock::server
