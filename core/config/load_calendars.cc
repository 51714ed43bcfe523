// Calendars: when the pipelines of a webhook may be started.

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/base/text.h"
#include "core/config/loaders.h"
#include "core/config/values.h"

namespace penstock::config {
namespace {

constexpr int kDay = 24 * 60;
constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr std::string_view kExpectedDays = "days such as mon, mon-fri, \"sat, sun\" or daily";
constexpr std::string_view kExpectedHours = "hours such as \"08:00-18:00\" or \"08:00-12:00, 13:00-18:00\"";
constexpr std::size_t kMaxRanges = 48;

std::optional<std::size_t> parse_day(std::string_view text) {
  constexpr std::array<std::string_view, 7> kLong = {"monday", "tuesday",  "wednesday", "thursday",
                                                     "friday", "saturday", "sunday"};
  for (std::size_t i = 0; i < kDays.size(); ++i) {
    if (equals_ignoring_case(text, kDays[i]) || equals_ignoring_case(text, kLong[i])) return i;
  }
  return std::nullopt;
}

// "mon", "mon-fri", "fri-mon" (over the week's end), "mon, wed", "daily".
std::optional<std::vector<std::size_t>> parse_days(std::string_view text) {
  std::vector<std::size_t> days;
  if (equals_ignoring_case(trim(text), "daily")) return std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6};
  for (const std::string& item : split(text, ',')) {
    const std::size_t dash = item.find('-');
    const auto first = parse_day(trim(std::string_view(item).substr(0, dash)));
    const auto last = dash == std::string::npos ? first : parse_day(trim(std::string_view(item).substr(dash + 1)));
    if (!first || !last) return std::nullopt;
    for (std::size_t day = *first;; day = (day + 1) % 7) {
      days.push_back(day);
      if (day == *last) break;
    }
    if (days.size() > 100) return std::nullopt;
  }
  return days;
}

// "08:00" or "24:00", in minutes.
std::optional<int> parse_clock(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = parse_unsigned(text.substr(0, 2)), minute = parse_unsigned(text.substr(3));
  if (!hour || !minute || *hour > 24 || *minute > 59 || (*hour == 24 && *minute > 0)) return std::nullopt;
  return static_cast<int>(*hour * 60 + *minute);
}

std::optional<std::vector<CalendarHours>> parse_hours(std::string_view text) {
  std::vector<CalendarHours> hours;
  for (const std::string& item : split(text, ',')) {
    const std::size_t dash = item.find('-');
    if (dash == std::string::npos || hours.size() >= kMaxRanges) return std::nullopt;
    const auto from = parse_clock(trim(std::string_view(item).substr(0, dash)));
    auto to = parse_clock(trim(std::string_view(item).substr(dash + 1)));
    if (!from || !to || *from == kDay || *from == *to) return std::nullopt;
    if (*to < *from) *to += kDay;
    hours.push_back({*from, *to});
  }
  std::sort(hours.begin(), hours.end(), [](const CalendarHours& a, const CalendarHours& b) { return a.from < b.from; });
  for (std::size_t i = 1; i < hours.size(); ++i) {
    if (hours[i].from < hours[i - 1].to) return std::nullopt;
  }
  return hours;
}

std::optional<std::chrono::year_month_day> parse_day_of_year(std::string_view text) {
  const auto time = text.size() == 10 ? parse_date_or_time(text) : std::nullopt;
  if (!time) return std::nullopt;
  return std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(*time));
}

void load_hours(Section& section, Calendar& calendar) {
  std::map<std::string, std::string> entries;
  std::array<bool, 7> given{};
  section.read_map("open", entries);
  auto open = section.section("open");
  for (const auto& [days_text, hours_text] : entries) {
    const auto days = parse_days(days_text);
    if (!days) {
      open.problem(days_text, "expected " + std::string(kExpectedDays) + ", found " + in_quotes(days_text));
    }
    const auto hours = parse_hours(hours_text);
    if (!hours) {
      open.problem(days_text, "expected " + std::string(kExpectedHours) +
                                  ", not overlapping, each from 00:00 to 24:00 or over midnight; found " +
                                  in_quotes(hours_text));
    }
    if (!days || !hours) continue;
    for (const std::size_t day : *days) {
      if (given[day]) {
        open.problem(days_text, "expected each day once, found " + in_quotes(kDays[day]) +
                                    " again; write its ranges as one text, separated by commas");
      }
      given[day] = true;
      calendar.open[day] = *hours;
    }
  }
  if (entries.empty()) {
    section.problem("open", "expected days and hours such as {mon-fri: \"08:00-18:00\"}, found nothing");
  }
}

void load_holidays(Section holidays, const Settings& settings, Calendar& calendar) {
  std::string file;
  holidays.read("file", file, expect_some_text);
  if (!file.empty()) calendar.holiday_file = settings.file.parent_path() / file;
  std::vector<std::string> dates;
  holidays.read_list("dates", dates, [](const std::string& text) {
    return parse_day_of_year(text) ? std::nullopt : std::optional<std::string>("a date such as 2026-12-25");
  });
  for (const std::string& text : dates) {
    if (const auto date = parse_day_of_year(text)) calendar.holidays.push_back(*date);
  }
  holidays.finish();
}

}  // namespace

void load_calendars(Section& root, Settings& settings) {
  root.for_each_entry("calendars", [&](const std::string& name, Section section) {
    Calendar calendar;
    calendar.name = name;
    if (!consists_of(name, std::string(kAlphanumeric) + "._-", 100)) {
      root.problem("calendars", "expected names of letters, digits, \".\", \"_\" and \"-\", found " + in_quotes(name));
    }
    section.require("timeZone", calendar.time_zone);
    load_hours(section, calendar);
    load_holidays(section.section("holidays"), settings, calendar);
    std::string when_closed = "postpone";
    section.read_choice("whenClosed", when_closed, {"postpone", "skip"});
    if (when_closed == "skip") calendar.when_closed = Calendar::WhenClosed::kSkip;
    section.finish();
    settings.calendars.push_back(std::move(calendar));
  });
}

}  // namespace penstock::config
