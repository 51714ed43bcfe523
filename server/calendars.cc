#include "server/calendars.h"

#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "core/trigger/holidays.h"
#include "core/trigger/icalendar.h"
#include "server/wiring.h"

namespace penstock::server {
namespace {

// For "did you mean": the names below the folder of the system's zone data, as far as it is readable.
std::vector<std::string> zone_names() {
  const std::filesystem::path folder = environment_variable("TZDIR").value_or("/usr/share/zoneinfo");
  std::vector<std::string> names;
  std::error_code failed;
  std::filesystem::recursive_directory_iterator entry(folder, failed), end;
  for (; !failed && entry != end && names.size() < 5000; entry.increment(failed)) {
    const std::string name = entry->path().lexically_relative(folder).native();
    if (name == "posix" || name == "right") {
      entry.disable_recursion_pending();  // the same names again
    } else if (entry->is_regular_file(failed)) {
      names.push_back(name);
    }
  }
  return names;
}

// Null, with a problem, when it cannot be made.
std::shared_ptr<const trigger::Calendar> make_calendar(const config::Calendar& settings, Timestamp now,
                                                       std::vector<config::Problem>& problems) {
  const std::string path = "calendars." + settings.name;
  const auto zone = trigger::Zone::find(settings.time_zone);
  if (!zone) {
    const std::vector<std::string> names = zone_names();
    const auto nearest = nearest_name(settings.time_zone, names);
    problems.push_back({0, path + ".timeZone",
                        "expected a name of the system's zone data such as Europe/Berlin, found " +
                            in_quotes(settings.time_zone) +
                            (names.empty() ? "; install the package tzdata"
                             : nearest     ? "; did you mean " + in_quotes(*nearest) + "?"
                                           : "")});
    return nullptr;
  }
  trigger::Calendar::Definition definition{.name = settings.name, .zone = *zone};
  for (std::size_t day = 0; day < settings.open.size(); ++day) {
    for (const config::CalendarHours& hours : settings.open[day]) {
      definition.open[day].push_back({std::chrono::minutes(hours.from), std::chrono::minutes(hours.to)});
    }
  }
  for (const std::chrono::year_month_day& date : settings.holidays) {
    definition.holidays.push_back(trigger::close_day(*zone, std::chrono::local_days(date), ""));
  }
  if (!settings.holiday_file.empty()) {
    try {
      const std::string text = read_file(settings.holiday_file, trigger::kMaxIcalendarBytes);
      for (trigger::Closure& closure : trigger::read_holidays(text, *zone)) {
        definition.holidays.push_back(std::move(closure));
      }
    } catch (const Error& error) {
      problems.push_back(
          {0, path + ".holidays.file",
           "expected an iCalendar file, found " + in_quotes(settings.holiday_file.native()) + ": " + error.what()});
      return nullptr;
    }
  }
  auto calendar = std::make_shared<const trigger::Calendar>(std::move(definition));
  if (!calendar->next_opening(now)) {
    problems.push_back({0, path + ".open", "expected hours that are not all holidays, found none within two years"});
    return nullptr;
  }
  return calendar;
}

std::map<std::string, trigger::Gate> make_calendars(const config::Settings& settings, Timestamp now,
                                                    std::vector<config::Problem>& problems) {
  std::map<std::string, trigger::Gate> gates;
  for (const config::Calendar& calendar : settings.calendars) {
    const bool skips = calendar.when_closed == config::Calendar::WhenClosed::kSkip;
    gates[calendar.name] = {make_calendar(calendar, now, problems),
                            skips ? trigger::Gate::WhenClosed::kSkip : trigger::Gate::WhenClosed::kPostpone};
  }
  return gates;
}

}  // namespace

std::vector<config::Problem> check_calendars(const config::Settings& settings, Timestamp now) {
  std::vector<config::Problem> problems;
  make_calendars(settings, now, problems);
  return problems;
}

std::shared_ptr<const trigger::GateMap> make_gates(const config::Settings& settings, Timestamp now) {
  std::vector<config::Problem> problems;
  const auto calendars = make_calendars(settings, now, problems);
  if (!problems.empty()) {
    throw Error(ErrorKind::kConfiguration, problems.front().path + ": " + problems.front().message);
  }
  auto gates = std::make_shared<trigger::GateMap>();
  for (const config::Webhook& webhook : settings.webhooks) {
    const auto calendar = calendars.find(webhook.calendar);
    if (calendar != calendars.end()) gates->emplace(webhook.name, calendar->second);
  }
  return gates;
}

}  // namespace penstock::server
