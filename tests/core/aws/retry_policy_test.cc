#include "core/aws/retry_policy.h"

#include <gtest/gtest.h>

namespace penstock::aws {
namespace {

using std::chrono::milliseconds;

TEST(AwsRetryDelay, DoublesUpToItsCeiling) {
  EXPECT_EQ(aws_retry_delay(RetryReason::kTransient, 0, 1.0, {}), milliseconds(50));
  EXPECT_EQ(aws_retry_delay(RetryReason::kTransient, 3, 1.0, {}), milliseconds(400));
  EXPECT_EQ(aws_retry_delay(RetryReason::kThrottling, 0, 0.5, {}), milliseconds(500));
  EXPECT_EQ(aws_retry_delay(RetryReason::kThrottling, 100, 1.0, {}), milliseconds(20000));
  EXPECT_EQ(aws_retry_delay(RetryReason::kThrottling, 3, 0.0, {}), milliseconds(0));
}

TEST(AwsRetryDelay, FollowsAHintWithinBounds) {
  EXPECT_EQ(aws_retry_delay(RetryReason::kTransient, 0, 1.0, milliseconds(2000)), milliseconds(2000));
  EXPECT_EQ(aws_retry_delay(RetryReason::kTransient, 0, 1.0, milliseconds(3600000)), milliseconds(5050));
  EXPECT_EQ(aws_retry_delay(RetryReason::kThrottling, 4, 1.0, milliseconds(1)), milliseconds(16000));
}

TEST(RetryHint, ReadsBothHeaders) {
  const Timestamp now = *parse_rfc3339("1994-11-06T08:49:30Z");
  const auto hint = [&](const char* name, const char* value) {
    http::Headers headers;
    headers.add(name, value);
    return retry_hint(headers, now);
  };
  EXPECT_EQ(hint("Retry-After", "3"), milliseconds(3000));
  EXPECT_EQ(hint("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"), milliseconds(7000));
  EXPECT_EQ(hint("Retry-After", "Sun, 06 Nov 1994 08:49:07 GMT"), std::nullopt);
  EXPECT_EQ(hint("X-Amz-Retry-After", "250"), milliseconds(250));
  EXPECT_EQ(hint("Retry-After", "-1"), std::nullopt);
  EXPECT_EQ(hint("Retry-After", "99999999999999999999"), std::nullopt);
  EXPECT_EQ(hint("Other", "1"), std::nullopt);
}

TEST(RetryBucket, RunsDryAndRefillsUpToItsCapacity) {
  RetryBucket bucket;
  int taken = 0;
  while (bucket.take(14)) ++taken;
  EXPECT_EQ(taken, 35);
  bucket.give_back(10000);
  EXPECT_EQ(bucket.tokens(), RetryBucket::kCapacity);
}

}  // namespace
}  // namespace penstock::aws
