// The keys of one issuer, kept fresh by a thread of their own: whoever has a token that is signed with a known key
// never waits for the identity provider, and is not locked out while that is down.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "core/authz/jwk_set.h"
#include "core/base/time.h"
#include "core/telemetry/log.h"

namespace penstock::authz {

// Thread-safe. `clock` and `log` must outlive it.
class KeyRing {
 public:
  struct Options {
    std::string name;                              // for the log
    std::chrono::milliseconds refresh{3'600'000};  // known keys are asked for again after this time
    std::chrono::milliseconds expire{86'400'000};  // and not trusted any more so long after they were last seen
    // Between two requests, whatever the reason: an unknown key id is a thing that a stranger can make up.
    std::chrono::milliseconds pause{10'000};
    std::chrono::milliseconds longest_pause{300'000};  // it doubles up to this while requests fail
    std::chrono::milliseconds patience{3'000};         // how long a token with an unknown key waits for the answer
    std::size_t max_waiting = 4;                       // more are told to come again
  };
  // Blocks until it has the keys or an Error; gives up soon after the stop was requested.
  using Load = std::function<JwkSet(std::stop_token)>;

  // Begins to load at once and does not wait for it.
  KeyRing(Options options, Load load, const Clock& clock, const telemetry::Log& log);
  // Waits for the thread, which a load that heeds its stop token ends soon.
  ~KeyRing();

  // The keys that may be trusted now, null when there are none. Does not block. Asks for a refresh that is due.
  std::shared_ptr<const JwkSet> keys();

  // Asks soon, however short ago the last time was: for somebody who has put other keys into a file. Does not block.
  void refresh();

  struct Newer {
    std::shared_ptr<const JwkSet> keys;  // null when there are no newer ones
    bool come_again = false;             // the provider is being asked, or does not answer and no key is known
  };
  // For a token whose key is not among `seen`, which may be null. Waits at most `patience` for keys that were loaded
  // later, unless the provider was asked less than `pause` ago or enough others wait.
  Newer newer_than(const std::shared_ptr<const JwkSet>& seen);

  // Since the last answer of the provider; nothing when there was none.
  std::optional<std::chrono::milliseconds> age() const;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  void run(const std::stop_token& stop);
  void load_once(const std::stop_token& stop);
  std::shared_ptr<const JwkSet> trusted() const;  // with mutex_ held
  bool may_load(TimePoint now) const;             // likewise, as the next
  void want();

  const Options options_;
  const Load load_;
  const Clock& clock_;
  const telemetry::Log& log_;
  mutable std::mutex mutex_;  // guards all below but the thread
  std::condition_variable_any wanted_changed_, loaded_;
  std::shared_ptr<const JwkSet> keys_;
  std::optional<TimePoint> loaded_at_;  // of keys_
  std::optional<TimePoint> tried_at_;   // begin of the last load
  std::chrono::milliseconds current_pause_;
  bool wanted_ = true;
  bool loading_ = false;
  std::uint64_t rounds_ = 0;  // loads that ended, either way
  std::size_t waiting_ = 0;
  std::jthread thread_;  // last: it uses all the others
};

}  // namespace penstock::authz
