// Policies of tokens that were verified a moment ago, by the token's SHA-256. Bounded: the one that was not used for
// longest makes room.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/authz/permissions.h"
#include "core/base/time.h"

namespace penstock::authz {

// What a verified credential is worth.
struct Grant {
  std::string principal;          // who, for the audit log
  std::string subject, token_id;  // for revocation; empty = the token says nothing of it
  Policy policy;
};

// Thread-safe.
class PolicyCache {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  explicit PolicyCache(std::size_t max_entries = 10'000);

  struct Moment {
    Timestamp civil;
    TimePoint steady;
  };
  // Null when it is not there or not good any more: after the token's end by the civil clock, or the time to live by
  // the steady one, whichever is first.
  std::shared_ptr<const Grant> find(std::string_view digest, const Moment& now);
  void put(std::string_view digest, std::shared_ptr<const Grant> grant, Timestamp token_end, TimePoint live_until);
  std::size_t size() const;

 private:
  struct Entry {
    std::string digest;
    std::shared_ptr<const Grant> grant;
    Timestamp token_end;
    TimePoint live_until;
  };
  // A digest's first bytes are as random as any hash of it.
  struct DigestHash {
    std::size_t operator()(std::string_view digest) const noexcept;
  };
  struct Shard {
    mutable std::mutex mutex;                                                                // guards the rest
    std::list<Entry> entries;                                                                // the last used first
    std::unordered_map<std::string_view, std::list<Entry>::iterator, DigestHash> by_digest;  // views into the entries
  };
  Shard& shard_of(std::string_view digest);

  const std::size_t max_per_shard_;
  std::array<Shard, 8> shards_;
};

}  // namespace penstock::authz
