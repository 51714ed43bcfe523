// The history's statistics for the overview, counted hour by hour and kept, so that looking at them costs little
// however long the history is.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "core/base/time.h"
#include "core/store/statistics.h"

namespace penstock::server::pages {

struct Series {
  struct Column {
    Timestamp begin;
    store::HistoryCounts counts;
    bool counted = false;
  };
  std::chrono::hours width{1};  // of a column
  std::vector<Column> columns;  // oldest first; the last one is not over
  store::HistoryCounts total;
  bool complete = true;  // false when some hours are still to be counted, or had more than is counted at once
};

// Thread-safe.
class Statistics {
 public:
  using Count = std::function<store::HistoryCounts(Timestamp from, Timestamp until)>;
  // `clock` must outlive it.
  Statistics(Count count, const Clock& clock) : count_(std::move(count)), clock_(clock) {}

  // The last `columns` times `width`. Counts for about a quarter of a second at most, the newest hours first, and
  // leaves the rest to the next call. Errors of the store.
  Series load(std::chrono::hours width, int columns);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Hour {
    store::HistoryCounts counts;
    TimePoint counted_at;
  };
  const Count count_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::int64_t, Hour> hours_;  // by hours since 1970; guarded by mutex_
};

}  // namespace penstock::server::pages
