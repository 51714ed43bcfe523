// Recurrence rules of RFC 5545 (section 3.3.10), as far as days are concerned. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::trigger {

struct RecurrenceRule {
  enum class Frequency { kDaily, kWeekly, kMonthly, kYearly };
  struct Weekday {
    int ordinal = 0;  // 2 = the second of the month or year, -1 = the last, 0 = each
    std::chrono::weekday day;
  };
  Frequency frequency = Frequency::kYearly;
  int interval = 1;
  std::optional<std::uint32_t> count;
  std::string until;  // as written
  std::vector<unsigned> months;
  std::vector<int> month_days;  // -1 = the last
  std::vector<Weekday> weekdays;
  std::vector<int> positions;
  std::chrono::weekday week_start = std::chrono::Monday;
};

// Error{kInvalidInput} for what is no rule, and for parts that nothing here understands (BYWEEKNO, BYYEARDAY, parts of
// a day): a rule that is understood in part would close the wrong days.
RecurrenceRule parse_recurrence_rule(std::string_view text);

// Calls `visit` with the days of the rule in order, `start` being the first whether it fits the rule or not, until it
// returns false, the count is reached or a day is after `last`. Each day looked at costs one step of `budget`;
// Error{kExhausted} when they are used up. `until` is for the visitor to judge.
void expand(const RecurrenceRule& rule, std::chrono::local_days start, std::chrono::local_days last,
            std::uint64_t& budget, const std::function<bool(std::chrono::local_days)>& visit);

}  // namespace penstock::trigger
