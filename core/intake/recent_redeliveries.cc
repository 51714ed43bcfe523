#include "core/intake/recent_redeliveries.h"

#include <algorithm>
#include <exception>

namespace penstock::intake {

bool RecentRedeliveries::is_same(const Key& a, const Key& b) {
  return a.delivery == b.delivery && a.webhook == b.webhook && !a.settings.owner_before(b.settings) &&
         !b.settings.owner_before(a.settings);
}

HookAnswer RecentRedeliveries::run(const Key& key, std::chrono::steady_clock::time_point now,
                                   const std::function<HookAnswer()>& redeliver) {
  std::promise<HookAnswer> promise;
  std::shared_future<HookAnswer> earlier;
  std::list<Entry>::iterator mine;
  {
    std::lock_guard lock(mutex_);
    // One that still runs is kept however old it is: its answer is the one to wait for.
    std::erase_if(entries_, [&](const Entry& entry) {
      return now - entry.begun >= window_ &&
             entry.answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    });
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return is_same(entry.key, key); });
    if (found != entries_.end()) {
      earlier = found->answer;
    } else {
      mine = entries_.insert(entries_.end(), {key, now, promise.get_future().share()});
    }
  }
  if (earlier.valid()) {
    HookAnswer answer = earlier.get();
    answer.is_repetition = true;
    return answer;
  }
  try {
    HookAnswer answer = redeliver();
    promise.set_value(answer);
    return answer;
  } catch (...) {
    {
      std::lock_guard lock(mutex_);
      entries_.erase(mine);
    }
    promise.set_exception(std::current_exception());
    throw;
  }
}

}  // namespace penstock::intake
