#include "core/trigger/calendar.h"

#include <gtest/gtest.h>

namespace penstock::trigger {
namespace {

using std::chrono::local_days;
using std::chrono::minutes;
using std::chrono::year;

Timestamp at(const std::string& text) {
  const auto time = parse_rfc3339(text);
  if (!time) throw std::runtime_error("bad time in a test: " + text);
  return *time;
}

Zone zone(const std::string& name) {
  auto found = Zone::find(name);
  if (!found) throw std::runtime_error("no zone " + name);
  return *found;
}

using Week = std::array<std::vector<HoursRange>, 7>;
Week on_days(unsigned first, unsigned last, std::vector<HoursRange> ranges) {
  Week week;
  for (unsigned day = first; day <= last; ++day) week[day] = ranges;
  return week;
}
Week working_days(int from = 8 * 60, int to = 18 * 60) {
  return on_days(0, 4, {{minutes(from), minutes(to)}});
}
Week every_day(int from, int to) {
  return on_days(0, 6, {{minutes(from), minutes(to)}});
}

struct Case {
  std::string name, zone;
  Week open;
  std::vector<local_days> holidays;
  std::string time;     // any offset
  std::string opening;  // the same instant = open; "" = never
};

TEST(Calendar, OpensAtTheNextHoursOfItsZone) {
  const int d = 24 * 60;
  const std::vector<Case> cases = {
      {"within the hours",
       "Europe/Berlin",
       working_days(),
       {},
       "2026-11-20T10:00:00+01:00",
       "2026-11-20T10:00:00+01:00"},
      {"the hours' first moment",
       "Europe/Berlin",
       working_days(),
       {},
       "2026-11-20T08:00:00+01:00",
       "2026-11-20T08:00:00+01:00"},
      {"the hours' end is closed",
       "Europe/Berlin",
       working_days(),
       {},
       "2026-11-19T18:00:00+01:00",
       "2026-11-20T08:00:00+01:00"},
      {"the last millisecond is open",
       "Europe/Berlin",
       working_days(),
       {},
       "2026-11-19T17:59:59.999+01:00",
       "2026-11-19T17:59:59.999+01:00"},
      {"Saturday waits for Monday",
       "Europe/Berlin",
       working_days(),
       {},
       "2026-11-21T20:00:00Z",
       "2026-11-23T08:00:00+01:00"},
      {"Saturday before summer time",
       "Europe/Berlin",
       working_days(),
       {},
       "2026-03-28T12:00:00+01:00",
       "2026-03-30T08:00:00+02:00"},
      {"Saturday before winter time",
       "Europe/Berlin",
       working_days(),
       {},
       "2026-10-24T12:00:00+02:00",
       "2026-10-26T08:00:00+01:00"},
      {"summer time 2027",
       "Europe/Berlin",
       working_days(),
       {},
       "2027-03-27T12:00:00+01:00",
       "2027-03-29T08:00:00+02:00"},
      {"winter time 2027",
       "Europe/Berlin",
       working_days(),
       {},
       "2027-10-30T12:00:00+02:00",
       "2027-11-01T08:00:00+01:00"},
      {"opening in the gap",
       "Europe/Berlin",
       every_day(150, 300),
       {},
       "2026-03-29T01:30:00+01:00",
       "2026-03-29T03:00:00+02:00"},
      {"opening in the gap, 2027",
       "Europe/Berlin",
       every_day(150, 300),
       {},
       "2027-03-28T01:59:59+01:00",
       "2027-03-28T03:00:00+02:00"},
      {"the day after the gap",
       "Europe/Berlin",
       every_day(150, 300),
       {},
       "2026-03-29T05:00:00+02:00",
       "2026-03-30T02:30:00+02:00"},
      {"hours that the gap swallows",
       "Europe/Berlin",
       every_day(130, 170),
       {},
       "2026-03-29T01:30:00+01:00",
       "2026-03-30T02:10:00+02:00"},
      {"opening in the overlap takes the first",
       "Europe/Berlin",
       every_day(150, 300),
       {},
       "2026-10-25T01:00:00+02:00",
       "2026-10-25T02:30:00+02:00"},
      {"open all through the overlap",
       "Europe/Berlin",
       every_day(150, 300),
       {},
       "2026-10-25T02:10:00+01:00",
       "2026-10-25T02:10:00+01:00"},
      {"closing in the overlap takes the last",
       "Europe/Berlin",
       every_day(60, 150),
       {},
       "2026-10-25T02:29:59+01:00",
       "2026-10-25T02:29:59+01:00"},
      {"closed after the last",
       "Europe/Berlin",
       every_day(60, 150),
       {},
       "2026-10-25T02:30:00+01:00",
       "2026-10-26T01:00:00+01:00"},
      {"over a holiday",
       "Europe/Berlin",
       working_days(),
       {local_days(year(2026) / 11 / 23)},
       "2026-11-21T12:00:00+01:00",
       "2026-11-24T08:00:00+01:00"},
      {"over Christmas and the year's end",
       "Europe/Berlin",
       working_days(),
       {local_days(year(2026) / 12 / 25), local_days(year(2027) / 1 / 1)},
       "2026-12-24T18:30:00+01:00",
       "2026-12-28T08:00:00+01:00"},
      {"New Year",
       "Europe/Berlin",
       working_days(),
       {local_days(year(2027) / 1 / 1)},
       "2026-12-31T18:00:00+01:00",
       "2027-01-04T08:00:00+01:00"},
      {"a holiday begins at its midnight",
       "Europe/Berlin",
       every_day(0, d),
       {local_days(year(2026) / 12 / 25)},
       "2026-12-24T23:59:59+01:00",
       "2026-12-24T23:59:59+01:00"},
      {"a holiday ends at its midnight",
       "Europe/Berlin",
       every_day(0, d),
       {local_days(year(2026) / 12 / 25)},
       "2026-12-25T00:00:00+01:00",
       "2026-12-26T00:00:00+01:00"},
      {"two ranges a day",
       "Europe/Berlin",
       on_days(0, 4, {{minutes(480), minutes(720)}, {minutes(780), minutes(1080)}}),
       {},
       "2026-11-20T12:30:00+01:00",
       "2026-11-20T13:00:00+01:00"},
      {"over midnight, Saturday's small hours are Friday's",
       "Europe/Berlin",
       working_days(22 * 60, d + 6 * 60),
       {},
       "2026-11-21T05:00:00+01:00",
       "2026-11-21T05:00:00+01:00"},
      {"over midnight, then the weekend",
       "Europe/Berlin",
       working_days(22 * 60, d + 6 * 60),
       {},
       "2026-11-21T06:00:00+01:00",
       "2026-11-23T22:00:00+01:00"},
      {"over midnight into a holiday",
       "Europe/Berlin",
       working_days(22 * 60, d + 6 * 60),
       {local_days(year(2026) / 11 / 21)},
       "2026-11-20T23:59:59+01:00",
       "2026-11-20T23:59:59+01:00"},
      {"over midnight, closed from the holiday on",
       "Europe/Berlin",
       working_days(22 * 60, d + 6 * 60),
       {local_days(year(2026) / 11 / 21)},
       "2026-11-21T00:00:00+01:00",
       "2026-11-23T22:00:00+01:00"},
      {"half an hour off", "Asia/Kolkata", working_days(), {}, "2026-11-21T20:00:00Z", "2026-11-23T02:30:00Z"},
      {"three quarters off", "Asia/Kathmandu", working_days(), {}, "2026-11-21T20:00:00Z", "2026-11-23T02:15:00Z"},
      {"half an hour of summer time",
       "Australia/Lord_Howe",
       working_days(),
       {},
       "2026-10-03T00:00:00Z",
       "2026-10-05T08:00:00+11:00"},
      {"south: summer time begins in October",
       "Australia/Sydney",
       working_days(),
       {},
       "2026-10-03T12:00:00+10:00",
       "2026-10-05T08:00:00+11:00"},
      {"south: summer time ends in April",
       "Australia/Sydney",
       working_days(),
       {},
       "2027-04-03T12:00:00+11:00",
       "2027-04-05T08:00:00+10:00"},
      {"south: opening in the gap",
       "America/Santiago",
       every_day(0, 120),
       {},
       "2026-09-05T23:00:00-04:00",
       "2026-09-06T01:00:00-03:00"},
      {"midnight repeated",
       "America/Havana",
       every_day(0, 60),
       {},
       "2026-11-01T00:30:00-05:00",
       "2026-11-01T00:30:00-05:00"},
      {"a day that was left out",
       "Pacific/Apia",
       every_day(480, 1080),
       {},
       "2011-12-29T18:00:00-10:00",
       "2011-12-31T08:00:00+14:00"},
      {"the left out day's hours are none",
       "Pacific/Apia",
       on_days(4, 4, {{minutes(480), minutes(1080)}}),
       {},
       "2011-12-29T18:00:00-10:00",
       "2012-01-06T08:00:00+14:00"},
      {"a holiday on the left out day",
       "Pacific/Apia",
       every_day(0, d),
       {local_days(year(2011) / 12 / 30)},
       "2011-12-31T00:00:00+14:00",
       "2011-12-31T00:00:00+14:00"},
      {"UTC", "UTC", working_days(), {}, "2026-11-21T20:00:00Z", "2026-11-23T08:00:00Z"},
      {"far in the future the zone's rule goes on",
       "Europe/Berlin",
       working_days(),
       {},
       "2060-07-03T12:00:00Z",
       "2060-07-05T06:00:00Z"},
      {"a leap day",
       "Europe/Berlin",
       working_days(),
       {local_days(year(2028) / 2 / 29)},
       "2028-02-28T18:00:00+01:00",
       "2028-03-01T08:00:00+01:00"},
      {"never open", "Europe/Berlin", {}, {}, "2026-11-21T20:00:00Z", ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Zone z = zone(c.zone);
    Calendar::Definition definition{.name = "office", .zone = z, .open = c.open};
    for (const local_days day : c.holidays) definition.holidays.push_back(close_day(z, day, ""));
    const Calendar calendar(definition);
    const Timestamp time = at(c.time);
    const auto opening = calendar.next_opening(time);
    if (c.opening.empty()) {
      EXPECT_FALSE(opening.has_value());
      EXPECT_FALSE(calendar.is_open(time));
      continue;
    }
    ASSERT_TRUE(opening.has_value());
    EXPECT_EQ(format_rfc3339(*opening), format_rfc3339(at(c.opening)));
    EXPECT_EQ(calendar.is_open(time), at(c.opening) == time);
    EXPECT_TRUE(calendar.is_open(*opening));
    if (*opening > time) {
      EXPECT_FALSE(calendar.is_open(*opening - Timestamp::duration(1)));
    }
  }
}

TEST(Calendar, AnswersBothQuestionsAlikeThroughAYear) {
  for (const char* name : {"Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Asia/Kolkata"}) {
    Calendar::Definition definition{.name = "c", .zone = zone(name), .open = working_days(22 * 60, 26 * 60 + 30)};
    definition.open[6] = {{minutes(0), minutes(90)}};
    definition.holidays.push_back(close_day(definition.zone, local_days(year(2026) / 12 / 25), ""));
    const Calendar calendar(definition);
    for (Timestamp time = at("2026-01-01T00:00:00Z"); time < at("2027-01-01T00:00:00Z"); time += minutes(67)) {
      const auto opening = calendar.next_opening(time);
      ASSERT_TRUE(opening.has_value());
      ASSERT_EQ(calendar.is_open(time), *opening == time) << name << " " << format_rfc3339(time);
      ASSERT_TRUE(calendar.is_open(*opening));
    }
  }
}

TEST(Calendar, NeverOpensWhenHolidaysCoverTwoYears) {
  Calendar::Definition definition{.name = "c", .zone = zone("UTC"), .open = working_days()};
  definition.holidays = {{at("2026-01-01T00:00:00Z"), at("2027-06-01T00:00:00Z"), "long"},
                         {at("2027-01-01T00:00:00Z"), at("2030-06-01T00:00:00Z"), "longer"}};
  EXPECT_FALSE(Calendar(definition).next_opening(at("2026-05-01T12:00:00Z")).has_value());
}

TEST(Zone, IsFoundByItsNameOnly) {
  for (const char* name : {"Europe/Berlin", "UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires"}) {
    EXPECT_TRUE(Zone::find(name).has_value()) << name;
  }
  for (const char* name : {"", "Europe/Berln", "/etc/localtime", "../../../etc/localtime", "Europe", "Europe/",
                           "file:/etc/localtime", "zone.tab", "Europe/Berlin\n", "libc:localtime"}) {
    EXPECT_FALSE(Zone::find(name).has_value()) << name;
  }
  EXPECT_FALSE(Zone::find(std::string("Europe/Berlin\0", 14)).has_value());
  EXPECT_FALSE(Zone::find(std::string(5000, 'A')).has_value());
}

TEST(Zone, WritesItsOffset) {
  const Timestamp time = at("2026-11-23T07:00:00Z");
  EXPECT_EQ(zone("Europe/Berlin").format(time), "2026-11-23T08:00+01:00");
  EXPECT_EQ(zone("Asia/Kolkata").format(time), "2026-11-23T12:30+05:30");
  EXPECT_EQ(zone("America/St_Johns").format(time), "2026-11-23T03:30-03:30");
  EXPECT_EQ(Zone::utc().format(time), "2026-11-23T07:00+00:00");
}

struct GateCase {
  std::string name, time;
  Gate::WhenClosed when_closed;
  GateVerdict::Step step;
  std::string reason;
};

TEST(JudgeGate, SaysWhyAndUntilWhen) {
  Calendar::Definition definition{.name = "office", .zone = zone("Europe/Berlin"), .open = working_days()};
  definition.holidays = {close_day(definition.zone, local_days(year(2026) / 12 / 25), "Christmas Day")};
  const auto calendar = std::make_shared<const Calendar>(definition);
  using Step = GateVerdict::Step;
  constexpr auto kPostpone = Gate::WhenClosed::kPostpone;
  for (const GateCase& c : std::vector<GateCase>{
           {"open", "2026-11-20T12:00:00Z", kPostpone, Step::kGo, ""},
           {"Saturday", "2026-11-21T20:00:00Z", kPostpone, Step::kPostpone,
            "closed: Saturday; opens 2026-11-23T08:00+01:00"},
           {"evening", "2026-11-20T18:02:00Z", kPostpone, Step::kPostpone,
            "closed: Friday 19:02; opens 2026-11-23T08:00+01:00"},
           {"holiday", "2026-12-25T12:00:00Z", kPostpone, Step::kPostpone,
            "closed: holiday \"Christmas Day\"; opens 2026-12-28T08:00+01:00"},
           {"skipped", "2026-11-21T20:00:00Z", Gate::WhenClosed::kSkip, Step::kSkip,
            "closed: Saturday; calendar \"office\" skips what comes while it is closed"},
       }) {
    SCOPED_TRACE(c.name);
    const GateVerdict verdict = judge_gate({calendar, c.when_closed}, at(c.time));
    EXPECT_EQ(verdict.step, c.step);
    EXPECT_EQ(verdict.reason, c.reason);
  }
  definition.open = {};
  const GateVerdict never = judge_gate({std::make_shared<const Calendar>(definition)}, at("2026-11-21T20:00:00Z"));
  EXPECT_EQ(never.step, Step::kFail);
  EXPECT_EQ(never.reason, "closed: Saturday; calendar \"office\" does not open within two years");
}

}  // namespace
}  // namespace penstock::trigger
