#include "server/calendars.h"

#include <fstream>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/files.h"

namespace penstock::server {
namespace {

const Timestamp kSaturday = *parse_rfc3339("2026-11-21T20:00:00Z");

config::Settings settings() {
  config::Settings settings;
  config::Calendar office;
  office.name = "office";
  office.time_zone = "Europe/Berlin";
  for (std::size_t day = 0; day < 5; ++day) office.open[day] = {{8 * 60, 18 * 60}};
  office.holidays = {std::chrono::year(2026) / 11 / 24};
  settings.calendars = {office};
  config::Webhook with, without;
  with.name = "with";
  with.calendar = "office";
  without.name = "without";
  settings.webhooks = {with, without};
  return settings;
}

TEST(Calendars, AreMadeForTheWebhooksThatNameThem) {
  config::Settings made = settings();
  const TemporaryDirectory folder;
  made.calendars[0].holiday_file = folder.path() / "days.ics";
  std::ofstream(made.calendars[0].holiday_file)
      << "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261123\nSUMMARY:Outing\nEND:VEVENT\nEND:VCALENDAR\n";
  EXPECT_TRUE(check_calendars(made, kSaturday).empty());
  const auto gates = make_gates(made, kSaturday);
  ASSERT_EQ(gates->size(), 1u);
  const trigger::Gate& gate = gates->at("with");
  EXPECT_EQ(gate.when_closed, trigger::Gate::WhenClosed::kPostpone);
  EXPECT_EQ(gate.calendar->zone().format(*gate.calendar->next_opening(kSaturday)), "2026-11-25T08:00+01:00");
  EXPECT_EQ(gate.calendar->describe_closure(*parse_rfc3339("2026-11-23T12:00:00Z")), "holiday \"Outing\"");
}

TEST(Calendars, TellEveryThingThatKeepsThemFromBeingMade) {
  config::Settings wrong = settings();
  wrong.calendars.resize(4, wrong.calendars[0]);
  for (std::size_t i = 0; i < 4; ++i) wrong.calendars[i].name = std::to_string(i);
  wrong.calendars[0].time_zone = "Europe/Berln";
  const TemporaryDirectory folder;
  wrong.calendars[1].holiday_file = folder.path() / "missing.ics";
  wrong.calendars[2].holiday_file = folder.path() / "bad.ics";
  std::ofstream(wrong.calendars[2].holiday_file) << "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:x\n";
  wrong.calendars[3].open = {};
  const auto problems = check_calendars(wrong, kSaturday);
  ASSERT_EQ(problems.size(), 4u);
  EXPECT_EQ(problems[0].path, "calendars.0.timeZone");
  EXPECT_EQ(problems[0].message,
            "expected a name of the system's zone data such as Europe/Berlin, found \"Europe/Berln\"; did you mean "
            "\"Europe/Berlin\"?");
  EXPECT_EQ(problems[1].path, "calendars.1.holidays.file");
  EXPECT_EQ(problems[2].path, "calendars.2.holidays.file");
  EXPECT_NE(problems[2].message.find("line 3: DTSTART: expected a date"), std::string::npos) << problems[2].message;
  EXPECT_EQ(problems[3].path, "calendars.3.open");
  EXPECT_THROW(make_gates(wrong, kSaturday), Error);
}

}  // namespace
}  // namespace penstock::server
