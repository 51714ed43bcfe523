// The same redelivery asked for twice within moments, as by a double click or by a client that lost the answer, is one.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "core/intake/hook_answer.h"

namespace penstock::intake {

// Thread-safe.
class RecentRedeliveries {
 public:
  explicit RecentRedeliveries(std::chrono::steady_clock::duration window) : window_(window) {}

  struct Key {
    std::string delivery, webhook;       // no webhook = all
    std::weak_ptr<const void> settings;  // with other settings it is another redelivery
  };
  // Runs `redeliver` unless the same key is running, or succeeded less than the window ago: then that one's answer,
  // with `is_repetition` set. What `redeliver` throws is thrown to all who waited, and forgotten.
  HookAnswer run(const Key& key, std::chrono::steady_clock::time_point now,
                 const std::function<HookAnswer()>& redeliver);

 private:
  struct Entry {
    Key key;
    std::chrono::steady_clock::time_point begun;
    std::shared_future<HookAnswer> answer;
  };
  static bool is_same(const Key& a, const Key& b);

  const std::chrono::steady_clock::duration window_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // guarded by mutex_; oldest first
};

}  // namespace penstock::intake
