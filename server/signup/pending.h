// Requests of the console that wait for somebody to fill in the form.
//
// Anybody can cause one, so they cost no disk, and there are never more than a bound. They hold nothing in clear: what
// is waiting is sealed, also in memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::server::signup {

// Thread-safe.
class PendingRequests {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Options {
    std::size_t most = 1000;
    std::chrono::seconds lifetime{15 * 60};
  };
  PendingRequests() : PendingRequests(Options{}) {}
  explicit PendingRequests(Options options) : options_(options) {}

  // Names a waiting request in addresses; useless without the cookie, which only the browser that brought it has.
  struct Ticket {
    std::string id, cookie;
  };
  // Nothing when there are too many. `path` is the page that it is for.
  std::optional<Ticket> add(std::string_view path, std::string sealed, TimePoint now);
  // The sealed request; nothing once its time is up, for another page, or with another cookie.
  std::optional<std::string> find(std::string_view path, std::string_view id, std::string_view cookie, TimePoint now);
  void remove(std::string_view id);
  std::size_t size() const;

  std::chrono::seconds lifetime() const noexcept { return options_.lifetime; }

 private:
  struct Entry {
    std::string path, sealed;
    std::string cookie_digest;
    TimePoint ends;
  };
  void forget_late(TimePoint now);

  const Options options_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;  // guarded by mutex_; by id
};

}  // namespace penstock::server::signup
