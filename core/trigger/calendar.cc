#include "core/trigger/calendar.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/base/text.h"

namespace penstock::trigger {
namespace {

using std::chrono::days;
using std::chrono::local_days;

constexpr days kSearch{2 * 366};
constexpr std::array<const char*, 7> kDayNames = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                  "Friday", "Saturday", "Sunday"};

local_days day_of(LocalTime local) {
  return std::chrono::floor<days>(local);
}

std::size_t day_index(local_days day) {
  return std::chrono::weekday(day).iso_encoding() - 1;
}

// In order and disjoint; of two that overlap the earlier gives the name.
std::vector<Closure> merge(std::vector<Closure> closures) {
  std::stable_sort(closures.begin(), closures.end(),
                   [](const Closure& a, const Closure& b) { return a.from < b.from; });
  std::vector<Closure> merged;
  for (Closure& closure : closures) {
    if (closure.to <= closure.from) continue;
    if (!merged.empty() && closure.from < merged.back().to) {
      if (closure.to <= merged.back().to) continue;
      closure.from = merged.back().to;  // the rest of it, under its own name
    }
    merged.push_back(std::move(closure));
  }
  return merged;
}

}  // namespace

Closure close_day(const Zone& zone, local_days day, std::string name) {
  return {zone.first(day), zone.end(day + days(1)), std::move(name)};
}

Calendar::Calendar(Definition definition) : definition_(std::move(definition)) {
  definition_.holidays = merge(std::move(definition_.holidays));
}

std::vector<Calendar::Interval> Calendar::hours_of(local_days day) const {
  std::vector<Interval> intervals;
  for (const HoursRange& range : definition_.open[day_index(day)]) {
    const Interval interval{definition_.zone.first(LocalTime(day) + range.from),
                            definition_.zone.end(LocalTime(day) + range.to)};
    if (interval.from < interval.to) intervals.push_back(interval);
  }
  std::sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) { return a.from < b.from; });
  return intervals;
}

const Closure* Calendar::find_holiday(Timestamp time) const {
  auto next = std::upper_bound(definition_.holidays.begin(), definition_.holidays.end(), time,
                               [](Timestamp t, const Closure& closure) { return t < closure.from; });
  if (next == definition_.holidays.begin()) return nullptr;
  --next;
  return time < next->to ? &*next : nullptr;
}

bool Calendar::is_open(Timestamp time) const {
  if (find_holiday(time) != nullptr) return false;
  const local_days today = day_of(definition_.zone.local(time));
  // The day before, for hours over midnight; the day after, as a change of the clock can repeat the end of a day.
  for (local_days day = today - days(1); day <= today + days(1); day += days(1)) {
    for (const Interval& interval : hours_of(day)) {
      if (interval.from <= time && time < interval.to) return true;
    }
  }
  return false;
}

std::optional<Timestamp> Calendar::next_opening(Timestamp time) const {
  const local_days today = day_of(definition_.zone.local(time));
  for (local_days day = today - days(1); day <= today + kSearch; day += days(1)) {
    for (const Interval& interval : hours_of(day)) {
      Timestamp candidate = std::max(interval.from, time);
      while (candidate < interval.to) {
        const Closure* holiday = find_holiday(candidate);
        if (holiday == nullptr) return candidate;
        candidate = holiday->to;
      }
    }
  }
  return std::nullopt;
}

std::string Calendar::describe_closure(Timestamp time) const {
  if (const Closure* holiday = find_holiday(time)) {
    return holiday->name.empty() ? "holiday" : "holiday " + in_quotes(holiday->name);
  }
  const LocalTime local = definition_.zone.local(time);
  const local_days day = day_of(local);
  const std::string name = kDayNames[day_index(day)];
  if (definition_.open[day_index(day)].empty()) return name;
  const std::chrono::hh_mm_ss clock(local - day);
  char text[16];
  std::snprintf(text, sizeof text, " %02d:%02d", static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()));
  return name + text;
}

GateVerdict judge_gate(const Gate& gate, Timestamp now) {
  const Calendar& calendar = *gate.calendar;
  const std::optional<Timestamp> opening = calendar.next_opening(now);
  if (opening && *opening <= now) return {};
  const std::string closed = "closed: " + calendar.describe_closure(now);
  if (gate.when_closed == Gate::WhenClosed::kSkip) {
    return {.step = GateVerdict::Step::kSkip,
            .reason = closed + "; calendar " + in_quotes(calendar.name()) + " skips what comes while it is closed"};
  }
  if (!opening) {
    return {.step = GateVerdict::Step::kFail,
            .reason = closed + "; calendar " + in_quotes(calendar.name()) + " does not open within two years"};
  }
  return {.step = GateVerdict::Step::kPostpone,
          .until = *opening,
          .reason = closed + "; opens " + calendar.zone().format(*opening)};
}

}  // namespace penstock::trigger
