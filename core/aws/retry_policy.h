// The "standard" retry mode of AWS's SDKs, as pure functions and a token bucket.
// Source: AWS SDKs and Tools reference guide, "Retry behavior"; numbers of the 2026 revision.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>

#include "core/base/time.h"
#include "core/http/transport.h"

namespace penstock::aws {

enum class RetryReason { kTransient, kThrottling };

// The delay before retry number `retry` (0 = the first): a random part of 50 ms (throttling: 1 s) doubled each time, at
// most 20 s. A hint of the server raises it, by at most 5 s above what it would have been.
std::chrono::milliseconds aws_retry_delay(RetryReason reason, int retry, double random_unit,
                                          std::optional<std::chrono::milliseconds> hint);

// x-amz-retry-after (milliseconds) or Retry-After (seconds or a date, judged by `now`). Empty for anything else.
std::optional<std::chrono::milliseconds> retry_hint(const http::Headers& headers, Timestamp now);

// A service that answers nothing but errors soon costs no retries any more. Thread-safe.
class RetryBucket {
 public:
  static constexpr int kCapacity = 500;
  static int cost(RetryReason reason) { return reason == RetryReason::kTransient ? 14 : 5; }

  bool take(int tokens);
  void give_back(int tokens);
  int tokens() const;

 private:
  mutable std::mutex mutex_;
  int tokens_ = kCapacity;
};

}  // namespace penstock::aws
