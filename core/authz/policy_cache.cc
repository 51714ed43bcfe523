#include "core/authz/policy_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace penstock::authz {

std::size_t PolicyCache::DigestHash::operator()(std::string_view digest) const noexcept {
  std::size_t value = 0;
  std::memcpy(&value, digest.data(), std::min(sizeof value, digest.size()));
  return value;
}

PolicyCache::PolicyCache(std::size_t max_entries)
    : max_per_shard_(std::max<std::size_t>(1, max_entries / std::tuple_size_v<decltype(shards_)>)) {}

PolicyCache::Shard& PolicyCache::shard_of(std::string_view digest) {
  const auto last = digest.empty() ? 0u : static_cast<unsigned char>(digest.back());
  return shards_.at(last % shards_.size());
}

std::shared_ptr<const Grant> PolicyCache::find(std::string_view digest, const Moment& now) {
  Shard& shard = shard_of(digest);
  std::lock_guard lock(shard.mutex);
  const auto found = shard.by_digest.find(digest);
  if (found == shard.by_digest.end()) return nullptr;
  const auto entry = found->second;
  if (now.civil >= entry->token_end || now.steady >= entry->live_until) {
    shard.by_digest.erase(found);
    shard.entries.erase(entry);
    return nullptr;
  }
  shard.entries.splice(shard.entries.begin(), shard.entries, entry);
  return entry->grant;
}

void PolicyCache::put(std::string_view digest, std::shared_ptr<const Grant> grant, Timestamp token_end,
                      TimePoint live_until) {
  Shard& shard = shard_of(digest);
  std::lock_guard lock(shard.mutex);
  if (const auto found = shard.by_digest.find(digest); found != shard.by_digest.end()) {
    const auto old = found->second;
    shard.by_digest.erase(found);
    shard.entries.erase(old);
  } else if (shard.entries.size() >= max_per_shard_) {
    shard.by_digest.erase(shard.entries.back().digest);
    shard.entries.pop_back();
  }
  shard.entries.push_front({std::string(digest), std::move(grant), token_end, live_until});
  shard.by_digest.emplace(shard.entries.front().digest, shard.entries.begin());
}

std::size_t PolicyCache::size() const {
  std::size_t count = 0;
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    count += shard.entries.size();
  }
  return count;
}

}  // namespace penstock::authz
