#include "core/intake/failed_attempts.h"

#include <string>

#include <gtest/gtest.h>

namespace penstock::intake {
namespace {

using std::chrono::seconds;

hooks::IpAddress address(const std::string& text) {
  return *hooks::IpAddress::parse(text);
}

TEST(FailedAttempts, AllowsABurstAndThenARate) {
  FailedAttempts attempts({.burst = 3, .per_second = 0.5, .max_addresses = 10});
  FailedAttempts::TimePoint now{seconds(1'000)};
  const auto within = [&] { return attempts.note(address("192.0.2.1"), now).within_limit; };
  EXPECT_TRUE(within() && within() && within());
  EXPECT_FALSE(within());
  now += seconds(2);
  EXPECT_TRUE(within());
  EXPECT_FALSE(within());
  now += seconds(3'600);
  EXPECT_TRUE(within() && within() && within());
  EXPECT_FALSE(within());
}

TEST(FailedAttempts, CountsAnIpv6NetworkAsOne) {
  FailedAttempts attempts({.burst = 1, .per_second = 0.5, .max_addresses = 10});
  const FailedAttempts::TimePoint now{seconds(1'000)};
  EXPECT_TRUE(attempts.note(address("2001:db8:0:1::1"), now).within_limit);
  EXPECT_FALSE(attempts.note(address("2001:db8:0:1:ffff::2"), now).within_limit);
  EXPECT_TRUE(attempts.note(address("2001:db8:0:2::1"), now).within_limit);
  EXPECT_TRUE(attempts.note(address("192.0.2.1"), now).within_limit);
  EXPECT_TRUE(attempts.note(address("192.0.2.2"), now).within_limit);
  EXPECT_FALSE(attempts.note(address("::ffff:192.0.2.2"), now).within_limit);
}

TEST(FailedAttempts, ForgetsTheAddressThatWasQuietForLongest) {
  FailedAttempts attempts({.burst = 1, .per_second = 0, .max_addresses = 2});
  const FailedAttempts::TimePoint now{seconds(1'000)};
  const auto within = [&](const char* text) { return attempts.note(address(text), now).within_limit; };
  EXPECT_TRUE(within("192.0.2.1"));
  EXPECT_TRUE(within("192.0.2.2"));
  EXPECT_FALSE(within("192.0.2.1"));
  EXPECT_TRUE(within("192.0.2.3"));  // .2 is forgotten
  EXPECT_FALSE(within("192.0.2.1"));
  EXPECT_TRUE(within("192.0.2.2"));
}

TEST(FailedAttempts, ReportsOnceAMinute) {
  FailedAttempts attempts({.burst = 0, .per_second = 0, .max_addresses = 2});
  FailedAttempts::TimePoint now{seconds(1'000)};
  const auto report = [&] { return attempts.note(address("192.0.2.1"), now).to_report; };
  EXPECT_EQ(report(), 1u);
  EXPECT_EQ(report(), 0u);
  now += seconds(59);
  EXPECT_EQ(report(), 0u);
  now += seconds(1);
  EXPECT_EQ(report(), 3u);
}

}  // namespace
}  // namespace penstock::intake
