#include "core/base/time.h"

#include <array>
#include <cstdio>

#include "core/base/text.h"

namespace penstock {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct CivilTime {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<milliseconds> time;
};

CivilTime to_civil(Timestamp timestamp) {
  const auto day = std::chrono::floor<days>(timestamp);
  return {std::chrono::year_month_day(day), std::chrono::hh_mm_ss<milliseconds>(timestamp - day)};
}

// Reads exactly `count` digits at `position` and moves it.
std::optional<int> take_digits(std::string_view text, std::size_t& position, std::size_t count) {
  if (position + count > text.size()) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const char c = text[position + i];
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  position += count;
  return value;
}

bool take(std::string_view text, std::size_t& position, char expected) {
  if (position >= text.size() || text[position] != expected) return false;
  ++position;
  return true;
}

std::optional<Timestamp> make_time(int year, int month, int day, int hour, int minute, int second, int millisecond) {
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  // 60 is a leap second (RFC 3339 section 5.6); it counts as the next minute's first.
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return Timestamp(std::chrono::sys_days(date)) + hours(hour) + minutes(minute) + seconds(second) +
         milliseconds(millisecond);
}

}  // namespace

Timestamp SystemClock::now() const {
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

std::int64_t to_milliseconds(Timestamp time) noexcept {
  return time.time_since_epoch().count();
}

Timestamp from_milliseconds(std::int64_t value) noexcept {
  return Timestamp(milliseconds(value));
}

std::string format_rfc3339(Timestamp time) {
  const CivilTime civil = to_civil(time);
  std::array<char, 40> buffer{};
  const int length = std::snprintf(
      buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(civil.date.year()),
      static_cast<unsigned>(civil.date.month()), static_cast<unsigned>(civil.date.day()),
      static_cast<int>(civil.time.hours().count()), static_cast<int>(civil.time.minutes().count()),
      static_cast<int>(civil.time.seconds().count()), static_cast<int>(civil.time.subseconds().count()));
  return std::string(buffer.data(), static_cast<std::size_t>(length));
}

std::string format_iso8601_basic(Timestamp time) {
  const CivilTime civil = to_civil(time);
  std::array<char, 40> buffer{};
  const int length =
      std::snprintf(buffer.data(), buffer.size(), "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(civil.date.year()),
                    static_cast<unsigned>(civil.date.month()), static_cast<unsigned>(civil.date.day()),
                    static_cast<int>(civil.time.hours().count()), static_cast<int>(civil.time.minutes().count()),
                    static_cast<int>(civil.time.seconds().count()));
  return std::string(buffer.data(), static_cast<std::size_t>(length));
}

std::optional<Timestamp> parse_rfc3339(std::string_view text) {
  std::size_t at = 0;
  const auto year = take_digits(text, at, 4);
  if (!year || !take(text, at, '-')) return std::nullopt;
  const auto month = take_digits(text, at, 2);
  if (!month || !take(text, at, '-')) return std::nullopt;
  const auto day = take_digits(text, at, 2);
  if (!day || at >= text.size() || (text[at] != 'T' && text[at] != 't' && text[at] != ' ')) return std::nullopt;
  ++at;
  const auto hour = take_digits(text, at, 2);
  if (!hour || !take(text, at, ':')) return std::nullopt;
  const auto minute = take_digits(text, at, 2);
  if (!minute || !take(text, at, ':')) return std::nullopt;
  const auto second = take_digits(text, at, 2);
  if (!second) return std::nullopt;

  int millisecond = 0;
  if (take(text, at, '.')) {
    std::size_t digits = 0;
    int scale = 100;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      millisecond += (text[at] - '0') * scale;
      scale /= 10;
      ++digits;
      ++at;
    }
    if (digits == 0) return std::nullopt;
  }

  minutes offset{0};
  if (at < text.size() && (text[at] == 'Z' || text[at] == 'z')) {
    ++at;
  } else if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const int sign = text[at++] == '+' ? 1 : -1;
    const auto offset_hours = take_digits(text, at, 2);
    if (!offset_hours || *offset_hours > 23 || !take(text, at, ':')) return std::nullopt;
    const auto offset_minutes = take_digits(text, at, 2);
    if (!offset_minutes || *offset_minutes > 59) return std::nullopt;
    offset = minutes(sign * (*offset_hours * 60 + *offset_minutes));
  } else {
    return std::nullopt;
  }
  if (at != text.size()) return std::nullopt;
  const auto time = make_time(*year, *month, *day, *hour, *minute, *second, millisecond);
  if (!time) return std::nullopt;
  return *time - offset;
}

std::optional<Timestamp> parse_http_date(std::string_view text) {
  static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT") return std::nullopt;
  std::size_t at = 5;
  const auto day = take_digits(text, at, 2);
  if (!day || !take(text, at, ' ')) return std::nullopt;
  int month = 0;
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (text.substr(at, 3) == kMonths[i]) month = static_cast<int>(i) + 1;
  }
  at += 3;
  if (month == 0 || !take(text, at, ' ')) return std::nullopt;
  const auto year = take_digits(text, at, 4);
  if (!year || !take(text, at, ' ')) return std::nullopt;
  const auto hour = take_digits(text, at, 2);
  if (!hour || !take(text, at, ':')) return std::nullopt;
  const auto minute = take_digits(text, at, 2);
  if (!minute || !take(text, at, ':')) return std::nullopt;
  const auto second = take_digits(text, at, 2);
  if (!second) return std::nullopt;
  return make_time(*year, month, *day, *hour, *minute, *second, 0);
}

}  // namespace penstock
