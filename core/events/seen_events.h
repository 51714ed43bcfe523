// Which events were noted lately, by their ids.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace penstock::events {

// Kept in memory alone: what an event can do is to let somebody look, so that one which comes again after a restart
// costs a call or two and nothing else. Thread-safe.
class SeenEvents {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Options {
    std::size_t max_ids = 20'000;
    std::chrono::hours kept{25};  // EventBridge sends one again for at most 24
    std::size_t max_id_bytes = 256;
  };
  SeenEvents() : SeenEvents(Options{}) {}
  explicit SeenEvents(const Options& options) : options_(options) {}

  // False when it was there already. An empty id, or one too long to be one, is always new.
  bool add(std::string_view id, TimePoint now);

 private:
  struct Entry {
    std::string id;
    TimePoint at;
  };
  const Options options_;
  std::mutex mutex_;                                                        // guards the rest
  std::list<Entry> entries_;                                                // oldest first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_id_;  // views into entries_
};

}  // namespace penstock::events
