// The input is an iCalendar file with holidays. Whatever it holds, it is read within bounds or refused as a person's
// mistake; and a calendar with these holidays is consistent: it is open just when it says so, and never on a holiday.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/error.h"
#include "core/trigger/holidays.h"
#include "core/trigger/icalendar.h"
#include "tests/fuzz/check.h"

using namespace penstock;
using namespace penstock::trigger;

namespace {

const Zone& zone() {
  static const Zone found = Zone::find("Europe/Berlin").value_or(Zone::utc());
  return found;
}

bool is_holiday(const std::vector<Closure>& closures, Timestamp time) {
  for (const Closure& closure : closures) {
    if (closure.from <= time && time < closure.to) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::vector<Closure> closures;
  try {
    closures = read_holidays(input, zone());
  } catch (const Error& error) {
    check(error.kind() == ErrorKind::kInvalidInput);
    return 0;
  }
  for (const Closure& closure : closures) check(closure.from < closure.to && closure.name.size() <= 404);
  Calendar::Definition definition{.name = "c", .zone = zone(), .holidays = closures};
  for (auto& ranges : definition.open) ranges = {{std::chrono::minutes(150), std::chrono::minutes(1500)}};
  const Calendar calendar(definition);
  Timestamp time = from_milliseconds(1'774'746'000'000);  // 2026-03-29T01:00:00Z, when the clock changes
  for (int i = 0; i < 20; ++i) {
    const auto opening = calendar.next_opening(time);
    check(calendar.is_open(time) == (opening && *opening == time));
    if (opening) {
      check(*opening >= time && calendar.is_open(*opening) && !is_holiday(closures, *opening));
      if (*opening > time) check(!calendar.is_open(*opening - Timestamp::duration(1)));
    }
    if (is_holiday(closures, time)) check(!calendar.is_open(time));
    time += std::chrono::minutes(7919);
  }
  return 0;
}
