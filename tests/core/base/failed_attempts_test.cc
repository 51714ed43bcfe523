#include "core/base/failed_attempts.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace penstock {
namespace {

using std::chrono::seconds;

// A network by its last byte.
FailedAttempts::Key network(std::uint8_t last) {
  FailedAttempts::Key key{};
  key.back() = last;
  return key;
}

TEST(FailedAttempts, AllowsABurstAndThenARate) {
  FailedAttempts attempts({.burst = 3, .per_second = 0.5, .max_addresses = 10});
  FailedAttempts::TimePoint now{seconds(1'000)};
  const auto within = [&] { return attempts.note(network(1), now).within_limit; };
  EXPECT_TRUE(within() && within() && within());
  EXPECT_FALSE(within());
  now += seconds(2);
  EXPECT_TRUE(within());
  EXPECT_FALSE(within());
  now += seconds(3'600);
  EXPECT_TRUE(within() && within() && within());
  EXPECT_FALSE(within());
}

TEST(FailedAttempts, CountsEachNetworkForItself) {
  FailedAttempts attempts({.burst = 1, .per_second = 0.5, .max_addresses = 10});
  const FailedAttempts::TimePoint now{seconds(1'000)};
  EXPECT_TRUE(attempts.note(network(1), now).within_limit);
  EXPECT_FALSE(attempts.note(network(1), now).within_limit);
  EXPECT_TRUE(attempts.note(network(2), now).within_limit);
}

TEST(FailedAttempts, ForgivesWhatWasNone) {
  FailedAttempts attempts({.burst = 2, .per_second = 0, .max_addresses = 10});
  const FailedAttempts::TimePoint now{seconds(1'000)};
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(attempts.note(network(1), now).within_limit);
    attempts.forgive(network(1));
  }
  attempts.forgive(network(1));  // never more than the burst
  attempts.forgive(network(9));  // nobody knows it
  EXPECT_TRUE(attempts.note(network(1), now).within_limit);
  EXPECT_TRUE(attempts.note(network(1), now).within_limit);
  EXPECT_FALSE(attempts.note(network(1), now).within_limit);
}

TEST(FailedAttempts, ForgetsTheAddressThatWasQuietForLongest) {
  FailedAttempts attempts({.burst = 1, .per_second = 0, .max_addresses = 2});
  const FailedAttempts::TimePoint now{seconds(1'000)};
  const auto within = [&](std::uint8_t last) { return attempts.note(network(last), now).within_limit; };
  EXPECT_TRUE(within(1));
  EXPECT_TRUE(within(2));
  EXPECT_FALSE(within(1));
  EXPECT_TRUE(within(3));  // .2 is forgotten
  EXPECT_FALSE(within(1));
  EXPECT_TRUE(within(2));
}

TEST(FailedAttempts, ReportsOnceAMinute) {
  FailedAttempts attempts({.burst = 0, .per_second = 0, .max_addresses = 2});
  FailedAttempts::TimePoint now{seconds(1'000)};
  const auto report = [&] { return attempts.note(network(1), now).to_report; };
  EXPECT_EQ(report(), 1u);
  EXPECT_EQ(report(), 0u);
  now += seconds(59);
  EXPECT_EQ(report(), 0u);
  now += seconds(1);
  EXPECT_EQ(report(), 3u);
}

}  // namespace
}  // namespace penstock
