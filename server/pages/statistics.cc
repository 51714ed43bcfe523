#include "server/pages/statistics.h"

#include <algorithm>

namespace penstock::server::pages {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto kBudget = std::chrono::milliseconds(250);
constexpr std::int64_t kHoursKept = 24 * 92;

// How long an hour's counts stay good: what happened then can still change, the less the longer ago it is.
std::chrono::steady_clock::duration freshness(std::int64_t hours_ago) {
  if (hours_ago <= 0) return seconds(3);
  if (hours_ago <= 2) return seconds(30);
  if (hours_ago <= 24) return minutes(10);
  return hours(6);
}

}  // namespace

Series Statistics::load(hours width, int columns) {
  const auto now_hour = std::chrono::floor<hours>(clock_.now()).time_since_epoch().count();
  const std::int64_t step = width.count();
  // Columns begin at multiples of their width, so that they do not move with each hour.
  const std::int64_t last_begin = now_hour / step * step;
  const std::int64_t first = last_begin - step * (columns - 1);
  const auto begun = std::chrono::steady_clock::now();
  const TimePoint now = clock_.steady_now();

  Series series{.width = width};
  series.columns.resize(static_cast<std::size_t>(columns));
  for (std::size_t i = 0; i < series.columns.size(); ++i) {
    series.columns[i].begin = Timestamp(hours(first + step * static_cast<std::int64_t>(i)));
    series.columns[i].counted = true;
  }
  std::lock_guard lock(mutex_);
  hours_.erase(hours_.begin(), hours_.lower_bound(now_hour - kHoursKept));
  for (std::int64_t hour = now_hour; hour >= first; --hour) {
    auto found = hours_.find(hour);
    const bool is_fresh = found != hours_.end() && now - found->second.counted_at < freshness(now_hour - hour);
    if (!is_fresh && std::chrono::steady_clock::now() - begun < kBudget) {
      const Timestamp from{hours(hour)};
      found = hours_.insert_or_assign(hour, Hour{count_(from, from + hours(1)), now}).first;
    }
    Series::Column& column = series.columns[static_cast<std::size_t>((hour - first) / step)];
    if (found == hours_.end()) {
      column.counted = false;
      series.complete = false;
      continue;
    }
    column.counts.add(found->second.counts);
    series.total.add(found->second.counts);
  }
  series.complete = series.complete && series.total.complete;
  return series;
}

}  // namespace penstock::server::pages
