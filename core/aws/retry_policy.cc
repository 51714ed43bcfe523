#include "core/aws/retry_policy.h"

#include <algorithm>
#include <cmath>

#include "core/base/text.h"

namespace penstock::aws {

using std::chrono::milliseconds;

namespace {
constexpr milliseconds kCeiling{20000};
constexpr milliseconds kHintAllowance{5000};
constexpr std::uint64_t kMaxHintSeconds = 86400;
}  // namespace

milliseconds aws_retry_delay(RetryReason reason, int retry, double random_unit, std::optional<milliseconds> hint) {
  const double base = reason == RetryReason::kThrottling ? 1000.0 : 50.0;
  const double bound = std::min(base * std::exp2(std::clamp(retry, 0, 30)), static_cast<double>(kCeiling.count()));
  const milliseconds backoff(static_cast<std::int64_t>(random_unit * bound));
  return hint ? std::max(backoff, std::min(*hint, backoff + kHintAllowance)) : backoff;
}

std::optional<milliseconds> retry_hint(const http::Headers& headers, Timestamp now) {
  if (const auto value = headers.find("x-amz-retry-after")) {
    if (const auto count = parse_unsigned(trim(*value)); count && *count <= kMaxHintSeconds * 1000) {
      return milliseconds(*count);
    }
  }
  if (const auto value = headers.find("retry-after")) {
    if (const auto count = parse_unsigned(trim(*value)); count && *count <= kMaxHintSeconds) {
      return std::chrono::seconds(*count);
    }
    if (const auto date = parse_http_date(trim(*value)); date && *date > now) {
      return std::min<milliseconds>(*date - now, std::chrono::seconds(kMaxHintSeconds));
    }
  }
  return std::nullopt;
}

bool RetryBucket::take(int tokens) {
  std::lock_guard guard(mutex_);
  if (tokens_ < tokens) return false;
  tokens_ -= tokens;
  return true;
}

void RetryBucket::give_back(int tokens) {
  std::lock_guard guard(mutex_);
  tokens_ = std::min(kCapacity, tokens_ + tokens);
}

int RetryBucket::tokens() const {
  std::lock_guard guard(mutex_);
  return tokens_;
}

}  // namespace penstock::aws
