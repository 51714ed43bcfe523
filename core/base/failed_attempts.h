// How often an address may fail to prove who it is before it is given no more of our time than a refusal takes.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <string_view>
#include <unordered_map>

namespace penstock {

// A token bucket per address (IPv6: per /64, which is what one customer gets), for the addresses that failed last. An
// address is never refused for its past: many senders share Azure DevOps' addresses, so whoever proves who he is
// passes, and only the failures are counted.
// Thread-safe.
class FailedAttempts {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Options {
    double burst = 20;
    double per_second = 0.5;
    std::size_t max_addresses = 10'000;
  };
  FailedAttempts() : FailedAttempts(Options{}) {}
  explicit FailedAttempts(const Options& options) : options_(options) {}

  struct Verdict {
    bool within_limit = true;
    // Failures above the limit that were not reported yet: told once a minute, otherwise 0.
    std::uint64_t to_report = 0;
  };
  // What hooks::IpAddress::network() gives.
  using Key = std::array<std::uint8_t, 16>;
  // Notes a failure.
  Verdict note(const Key& network, TimePoint now);
  // Takes back a failure that was noted before it was known to be none: for proofs that are dear to check.
  void forgive(const Key& network);

 private:
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<std::string_view>()({reinterpret_cast<const char*>(key.data()), key.size()});
    }
  };
  struct Bucket {
    Key key;
    double tokens;
    TimePoint filled_at;
  };
  Bucket& bucket_of(const Key& key, TimePoint now);

  const Options options_;
  std::mutex mutex_;           // guards the rest
  std::list<Bucket> buckets_;  // the last that failed first
  std::unordered_map<Key, std::list<Bucket>::iterator, KeyHash> by_key_;
  std::uint64_t refused_ = 0;
  TimePoint reported_at_{};
};

}  // namespace penstock
