// The holidays of an iCalendar file as times at which a calendar is closed. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "core/trigger/calendar.h"

namespace penstock::trigger {

// Events by date close whole days of `zone`; events by time close just then, in the time zone that they name, else in
// `zone`. Recurring ones are followed until the end of 2100. Whether an event shows as busy or free does not matter;
// cancelled ones do not count. Error{kInvalidInput} as parse_icalendar(), also for time zones that the system does not
// know and for rules that take too long to follow.
std::vector<Closure> read_holidays(std::string_view icalendar, const Zone& zone);

}  // namespace penstock::trigger
