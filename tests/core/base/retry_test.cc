#include "core/base/retry.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using std::chrono::milliseconds;

TEST(RetryDelay, DoublesUpToTheCeilingWithHalfOfItJitter) {
  const BackoffPolicy policy{.initial = milliseconds(1000), .ceiling = milliseconds(5000), .multiplier = 2.0};
  const struct {
    int attempt;
    double random;
    int expected;
  } rows[] = {{1, 0.0, 500},  {1, 1.0, 1000},    {2, 0.0, 1000}, {3, 1.0, 4000},
              {4, 1.0, 5000}, {1000, 0.0, 2500}, {0, 1.0, 1000}};
  for (const auto& row : rows) {
    EXPECT_EQ(retry_delay(policy, row.attempt, row.random), milliseconds(row.expected)) << row.attempt;
  }
}

TEST(RetryDelay, HonoursRetryAfterAboveCeiling) {
  EXPECT_EQ(retry_delay({}, 1, 0.5, milliseconds(120'000)), milliseconds(120'000));
}

TEST(RetryDelay, DoesNotBelieveAnAbsurdRetryAfter) {
  EXPECT_EQ(retry_delay({}, 1, 0.5, std::chrono::hours(1000)), std::chrono::hours(1));
}

}  // namespace
}  // namespace penstock
