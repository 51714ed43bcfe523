#include "core/base/failed_attempts.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace penstock {

FailedAttempts::Bucket& FailedAttempts::bucket_of(const Key& key, TimePoint now) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    buckets_.splice(buckets_.begin(), buckets_, found->second);
    return buckets_.front();
  }
  if (by_key_.size() >= options_.max_addresses && !buckets_.empty()) {
    // The one that has been quiet for longest makes room.
    by_key_.erase(buckets_.back().key);
    buckets_.splice(buckets_.begin(), buckets_, std::prev(buckets_.end()));
    buckets_.front() = {key, options_.burst, now};
  } else {
    buckets_.push_front({key, options_.burst, now});
  }
  by_key_.emplace(key, buckets_.begin());
  return buckets_.front();
}

FailedAttempts::Verdict FailedAttempts::note(const Key& key, TimePoint now) {
  std::lock_guard lock(mutex_);
  Bucket& bucket = bucket_of(key, now);
  const std::chrono::duration<double> passed = std::max(now - bucket.filled_at, std::chrono::steady_clock::duration(0));
  bucket.tokens = std::min(options_.burst, bucket.tokens + passed.count() * options_.per_second);
  bucket.filled_at = now;

  Verdict verdict;
  verdict.within_limit = bucket.tokens >= 1;
  if (verdict.within_limit) {
    bucket.tokens -= 1;
  } else {
    ++refused_;
  }
  if (refused_ > 0 && now - reported_at_ >= std::chrono::minutes(1)) {
    reported_at_ = now;
    verdict.to_report = std::exchange(refused_, 0);
  }
  return verdict;
}

void FailedAttempts::forgive(const Key& key) {
  std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) found->second->tokens = std::min(options_.burst, found->second->tokens + 1);
}

}  // namespace penstock
