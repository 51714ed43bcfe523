#include "core/trigger/recurrence.h"

#include <algorithm>
#include <array>
#include <set>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::trigger {
namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::month;
using std::chrono::months;
using std::chrono::weekday;
using std::chrono::year_month;
using std::chrono::year_month_day;
using Frequency = RecurrenceRule::Frequency;

constexpr std::size_t kMaxListed = 400;
constexpr std::array<std::string_view, 7> kDays = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};  // by C encoding

[[noreturn]] void refuse(std::string_view key, std::string_view expected, std::string_view found) {
  throw Error(ErrorKind::kInvalidInput,
              std::string(key) + ": expected " + std::string(expected) + ", found " + in_quotes(found));
}

int parse_number(std::string_view key, std::string_view text, int least, int most, bool may_be_negative) {
  std::string_view digits = text;
  bool negative = false;
  if (!digits.empty() && (digits.front() == '+' || digits.front() == '-') && may_be_negative) {
    negative = digits.front() == '-';
    digits.remove_prefix(1);
  }
  const auto number = parse_unsigned(digits);
  if (!number || *number < static_cast<std::uint64_t>(least) || *number > static_cast<std::uint64_t>(most)) {
    refuse(key, "a number from " + std::to_string(least) + " to " + std::to_string(most), text);
  }
  return negative ? -static_cast<int>(*number) : static_cast<int>(*number);
}

weekday parse_weekday(std::string_view key, std::string_view text) {
  for (unsigned i = 0; i < kDays.size(); ++i) {
    if (equals_ignoring_case(text, kDays[i])) return weekday(i);
  }
  refuse(key, "a day such as MO", text);
}

std::vector<std::string> split_list(std::string_view key, std::string_view text) {
  std::vector<std::string> items = split(text, ',');
  if (items.size() > kMaxListed) throw Error(ErrorKind::kInvalidInput, std::string(key) + ": too many values");
  return items;
}

void read_part(RecurrenceRule& rule, const std::string& key, std::string_view value) {
  if (key == "FREQ") {
    if (equals_ignoring_case(value, "DAILY")) {
      rule.frequency = Frequency::kDaily;
    } else if (equals_ignoring_case(value, "WEEKLY")) {
      rule.frequency = Frequency::kWeekly;
    } else if (equals_ignoring_case(value, "MONTHLY")) {
      rule.frequency = Frequency::kMonthly;
    } else if (equals_ignoring_case(value, "YEARLY")) {
      rule.frequency = Frequency::kYearly;
    } else {
      refuse(key, "YEARLY, MONTHLY, WEEKLY or DAILY", value);
    }
  } else if (key == "INTERVAL") {
    rule.interval = parse_number(key, value, 1, 10'000, false);
  } else if (key == "COUNT") {
    rule.count = static_cast<std::uint32_t>(parse_number(key, value, 1, 1'000'000, false));
  } else if (key == "UNTIL") {
    rule.until = value;
  } else if (key == "BYMONTH") {
    for (const auto& item : split_list(key, value)) {
      rule.months.push_back(static_cast<unsigned>(parse_number(key, item, 1, 12, false)));
    }
  } else if (key == "BYMONTHDAY") {
    for (const auto& item : split_list(key, value)) rule.month_days.push_back(parse_number(key, item, 1, 31, true));
  } else if (key == "BYSETPOS") {
    for (const auto& item : split_list(key, value)) rule.positions.push_back(parse_number(key, item, 1, 366, true));
  } else if (key == "BYDAY") {
    for (const std::string& item : split_list(key, value)) {
      if (item.size() < 2) refuse(key, "days such as MO or 2MO", item);
      const std::string_view name = std::string_view(item).substr(item.size() - 2);
      const std::string_view number = std::string_view(item).substr(0, item.size() - 2);
      rule.weekdays.push_back({number.empty() ? 0 : parse_number(key, number, 1, 53, true), parse_weekday(key, name)});
    }
  } else if (key == "WKST") {
    rule.week_start = parse_weekday(key, value);
  } else {
    throw Error(ErrorKind::kInvalidInput,
                in_quotes(key) + " of a recurrence rule is not supported; write the days out as events or dates");
  }
}

template <typename T>
bool holds(const std::vector<T>& list, T value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Whether the day is the `ordinal`-th of its weekday within [first, end).
bool is_nth(int ordinal, local_days day, local_days first, local_days end) {
  if (ordinal == 0) return true;
  if (ordinal > 0) return (day - first).count() / 7 + 1 == ordinal;
  return (end - days(1) - day).count() / 7 + 1 == -ordinal;
}

// The rule with what it leaves to its first day filled in.
RecurrenceRule completed(RecurrenceRule rule, local_days start) {
  const year_month_day date(start);
  const bool has_days = !rule.month_days.empty() || !rule.weekdays.empty();
  if (rule.frequency == Frequency::kYearly && !has_days) {
    if (rule.months.empty()) rule.months.push_back(static_cast<unsigned>(date.month()));
    rule.month_days.push_back(static_cast<int>(static_cast<unsigned>(date.day())));
  }
  if (rule.frequency == Frequency::kMonthly && !has_days) {
    rule.month_days.push_back(static_cast<int>(static_cast<unsigned>(date.day())));
  }
  if (rule.frequency == Frequency::kWeekly && rule.weekdays.empty()) rule.weekdays.push_back({0, weekday(start)});
  return rule;
}

struct Span {
  local_days first, end;
};

local_days first_of(year_month value) {
  return local_days(value / std::chrono::day(1));
}

// The rule's period that is `n` intervals after the one with the first day.
Span period(const RecurrenceRule& rule, local_days start, int n) {
  const year_month_day date(start);
  switch (rule.frequency) {
    case Frequency::kDaily: {
      const local_days day = start + days(n * rule.interval);
      return {day, day + days(1)};
    }
    case Frequency::kWeekly: {
      const local_days week = start - (weekday(start) - rule.week_start) + days(7 * n * rule.interval);
      return {week, week + days(7)};
    }
    case Frequency::kMonthly: {
      const year_month value = date.year() / date.month() + months(n * rule.interval);
      return {first_of(value), first_of(value + months(1))};
    }
    case Frequency::kYearly:
      break;
  }
  const std::chrono::year year = date.year() + std::chrono::years(n * rule.interval);
  return {first_of(year / month(1)), first_of((year + std::chrono::years(1)) / month(1))};
}

class Expansion {
 public:
  Expansion(const RecurrenceRule& rule, std::uint64_t& budget) : rule_(rule), budget_(budget) {}

  std::vector<local_days> days_of(const Span& span) {
    std::vector<local_days> found;
    const bool by_year = rule_.frequency == Frequency::kYearly && rule_.months.empty();
    for (local_days day = span.first; day < span.end;) {
      const year_month_day date(day);
      const year_month this_month = date.year() / date.month();
      const Span month_span{first_of(this_month), first_of(this_month + months(1))};
      const local_days end = std::min(span.end, month_span.end);
      if (!rule_.months.empty() && !holds(rule_.months, static_cast<unsigned>(date.month()))) {
        spend();
        day = end;
        continue;
      }
      for (; day < end; day += days(1)) {
        spend();
        if (fits(day, month_span, by_year ? span : month_span)) found.push_back(day);
      }
    }
    return rule_.positions.empty() ? found : at_positions(found);
  }

 private:
  void spend() {
    if (budget_ == 0) throw Error(ErrorKind::kExhausted, "the recurrence rules take too long to follow");
    --budget_;
  }

  bool fits(local_days day, const Span& of_month, const Span& of_ordinals) const {
    if (!rule_.month_days.empty()) {
      const int from_front = static_cast<int>((day - of_month.first).count()) + 1;
      const int from_back = -static_cast<int>((of_month.end - day).count());
      if (!holds(rule_.month_days, from_front) && !holds(rule_.month_days, from_back)) return false;
    }
    if (rule_.weekdays.empty()) return true;
    return std::any_of(rule_.weekdays.begin(), rule_.weekdays.end(), [&](const RecurrenceRule::Weekday& wanted) {
      return wanted.day == weekday(day) && is_nth(wanted.ordinal, day, of_ordinals.first, of_ordinals.end);
    });
  }

  std::vector<local_days> at_positions(const std::vector<local_days>& found) const {
    std::set<local_days> chosen;
    const int size = static_cast<int>(found.size());
    for (const int position : rule_.positions) {
      const int index = position > 0 ? position - 1 : size + position;
      if (index >= 0 && index < size) chosen.insert(found[static_cast<std::size_t>(index)]);
    }
    return {chosen.begin(), chosen.end()};
  }

  const RecurrenceRule& rule_;
  std::uint64_t& budget_;
};

}  // namespace

RecurrenceRule parse_recurrence_rule(std::string_view text) {
  RecurrenceRule rule;
  std::set<std::string> seen;
  for (const std::string& part : split(text, ';')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos) refuse("RRULE", "parts such as FREQ=YEARLY", part);
    std::string key = part.substr(0, equals);
    std::transform(key.begin(), key.end(), key.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    if (!seen.insert(key).second) {
      throw Error(ErrorKind::kInvalidInput, in_quotes(key) + " stands twice in a recurrence rule");
    }
    read_part(rule, key, std::string_view(part).substr(equals + 1));
  }
  if (!seen.contains("FREQ")) refuse("RRULE", "FREQ=…", text);
  if (rule.count && !rule.until.empty()) refuse("RRULE", "either COUNT or UNTIL", text);
  const bool may_count_weekdays = rule.frequency == Frequency::kMonthly || rule.frequency == Frequency::kYearly;
  for (const auto& day : rule.weekdays) {
    if (day.ordinal != 0 && !may_count_weekdays) refuse("BYDAY", "days without a number in this rule", text);
  }
  if (rule.frequency == Frequency::kWeekly && !rule.month_days.empty()) {
    refuse("RRULE", "no BYMONTHDAY with FREQ=WEEKLY", text);
  }
  return rule;
}

void expand(const RecurrenceRule& rule, local_days start, local_days last, std::uint64_t& budget,
            const std::function<bool(local_days)>& visit) {
  if (start > last || !visit(start)) return;
  std::uint32_t left = rule.count.value_or(0);
  if (rule.count && --left == 0) return;
  const RecurrenceRule whole = completed(rule, start);
  Expansion expansion(whole, budget);
  for (int n = 0;; ++n) {
    const Span span = period(whole, start, n);
    if (span.first > last) return;
    for (const local_days day : expansion.days_of(span)) {
      if (day <= start) continue;
      if (day > last || !visit(day)) return;
      if (rule.count && --left == 0) return;
    }
  }
}

}  // namespace penstock::trigger
