#include "core/trigger/holidays.h"

#include <chrono>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::trigger {
namespace {

std::string file_of(const std::string& events) {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//holidays//EN\r\n" + events + "END:VCALENDAR\r\n";
}
std::string event_of(const std::string& properties) {
  return "BEGIN:VEVENT\r\n" + properties + "END:VEVENT\r\n";
}
Zone berlin() {
  return *Zone::find("Europe/Berlin");
}

// "2026-12-25T00:00+01:00/2026-12-26T00:00+01:00" of those that touch [since, until).
std::vector<std::string> closures(const std::string& events, const std::string& since = "2026-01-01T00:00:00Z",
                                  const std::string& until = "2029-01-01T00:00:00Z") {
  std::vector<std::string> result;
  for (const Closure& closure : read_holidays(file_of(events), berlin())) {
    if (closure.to <= *parse_rfc3339(since) || closure.from >= *parse_rfc3339(until)) continue;
    result.push_back(berlin().format(closure.from) + "/" + berlin().format(closure.to));
  }
  return result;
}
// The first days, as "2026-12-25".
std::vector<std::string> first_days(const std::string& properties, const std::string& until = "2028-12-31T12:00:00Z") {
  std::vector<std::string> result;
  for (const std::string& closure : closures(event_of(properties), "2026-01-01T00:00:00Z", until)) {
    result.push_back(closure.substr(0, 10));
  }
  return result;
}
using Texts = std::vector<std::string>;

struct DaysCase {
  std::string name, properties;
  Texts days;
};

TEST(Holidays, FollowRecurrenceRules) {
  for (const DaysCase& c : std::vector<DaysCase>{
           {"one day", "DTSTART;VALUE=DATE:20261225\r\n", {"2026-12-25"}},
           {"yearly",
            "DTSTART;VALUE=DATE:20001225\r\nRRULE:FREQ=YEARLY\r\n",
            {"2026-12-25", "2027-12-25", "2028-12-25"}},
           {"by month and day",
            "DTSTART;VALUE=DATE:20001003\r\nRRULE:FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=3\r\n",
            {"2026-10-03", "2027-10-03", "2028-10-03"}},
           {"fourth Thursday of November",
            "DTSTART;VALUE=DATE:19961128\r\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH\r\n",
            {"2026-11-26", "2027-11-25", "2028-11-23"}},
           {"last Monday of May",
            "DTSTART;VALUE=DATE:20000529\r\nRRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO\r\n",
            {"2026-05-25", "2027-05-31", "2028-05-29"}},
           {"last day of February",
            "DTSTART;VALUE=DATE:20000229\r\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1\r\n",
            {"2026-02-28", "2027-02-28", "2028-02-29"}},
           {"a leap day has no substitute", "DTSTART;VALUE=DATE:20240229\r\nRRULE:FREQ=YEARLY\r\n", {"2028-02-29"}},
           {"Election Day: the Tuesday after the first Monday",
            "DTSTART;VALUE=DATE:19961105\r\nRRULE:FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,"
            "8\r\n",
            {"2028-11-07"}},
           {"every other year", "DTSTART;VALUE=DATE:20250101\r\nRRULE:FREQ=YEARLY;INTERVAL=2\r\n", {"2027-01-01"}},
           {"count includes the first",
            "DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;COUNT=2\r\n",
            {"2026-01-01", "2027-01-01"}},
           {"until includes its day",
            "DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;UNTIL=20270101\r\n",
            {"2026-01-01", "2027-01-01"}},
           {"until as a time",
            "DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;UNTIL=20261231T000000Z\r\n",
            {"2026-01-01"}},
           {"monthly, second Friday",
            "DTSTART;VALUE=DATE:20260109\r\nRRULE:FREQ=MONTHLY;BYDAY=2FR;COUNT=3\r\n",
            {"2026-01-09", "2026-02-13", "2026-03-13"}},
           {"monthly on the 31st",
            "DTSTART;VALUE=DATE:20260131\r\nRRULE:FREQ=MONTHLY;COUNT=3\r\n",
            {"2026-01-31", "2026-03-31", "2026-05-31"}},
           {"last working day of the month",
            "DTSTART;VALUE=DATE:20260130\r\nRRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3\r\n",
            {"2026-01-30", "2026-02-27", "2026-03-31"}},
           {"weekly",
            "DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=WEEKLY;BYDAY=TH,MO;COUNT=4\r\n",
            {"2026-01-01", "2026-01-05", "2026-01-08", "2026-01-12"}},
           {"every second week counts from Monday",
            "DTSTART;VALUE=DATE:20260104\r\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;COUNT=4\r\n",
            {"2026-01-04", "2026-01-12", "2026-01-18", "2026-01-26"}},
           {"every second week counts from Sunday",
            "DTSTART;VALUE=DATE:20260104\r\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU;COUNT=4\r\n",
            {"2026-01-04", "2026-01-05", "2026-01-18", "2026-01-19"}},
           {"daily in one month",
            "DTSTART;VALUE=DATE:20261230\r\nRRULE:FREQ=DAILY;BYMONTH=12;COUNT=3\r\n",
            {"2026-12-30", "2026-12-31", "2027-12-01"}},
           {"first Monday of the year",
            "DTSTART;VALUE=DATE:20260105\r\nRRULE:FREQ=YEARLY;BYDAY=1MO\r\n",
            {"2026-01-05", "2027-01-04", "2028-01-03"}},
           {"exceptions",
            "DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY\r\nEXDATE;VALUE=DATE:20270101\r\n",
            {"2026-01-01", "2028-01-01"}},
           {"more dates",
            "DTSTART;VALUE=DATE:20260101\r\nRDATE;VALUE=DATE:20260105,20260106\r\n",
            {"2026-01-05", "2026-01-06", "2026-01-01"}},
           {"lower case", "dtstart;value=date:20260101\r\nrrule:freq=yearly;count=1\r\n", {"2026-01-01"}},
           {"a rule that never fits",
            "DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\r\n",
            {"2026-01-01"}},
           {"cancelled", "DTSTART;VALUE=DATE:20260101\r\nSTATUS:CANCELLED\r\n", {}},
           {"shown as free", "DTSTART;VALUE=DATE:20260101\r\nTRANSP:TRANSPARENT\r\n", {"2026-01-01"}},
       }) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(first_days(c.properties), c.days);
  }
}

struct ClosureCase {
  std::string name, properties;
  Texts closures;
};

TEST(Holidays, CloseWholeDaysOrTheTimesThatAreWritten) {
  for (const ClosureCase& c : std::vector<ClosureCase>{
           {"all day",
            "DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261226\r\n",
            {"2026-12-25T00:00+01:00/2026-12-26T00:00+01:00"}},
           {"several days, the end not included",
            "DTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20270102\r\n",
            {"2026-12-24T00:00+01:00/2027-01-02T00:00+01:00"}},
           {"ends on itself",
            "DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261225\r\n",
            {"2026-12-25T00:00+01:00/2026-12-26T00:00+01:00"}},
           {"duration in days",
            "DTSTART;VALUE=DATE:20261225\r\nDURATION:P2D\r\n",
            {"2026-12-25T00:00+01:00/2026-12-27T00:00+01:00"}},
           {"a day with a change of the clock",
            "DTSTART;VALUE=DATE:20260329\r\n",
            {"2026-03-29T00:00+01:00/2026-03-30T00:00+02:00"}},
           {"half a day, floating",
            "DTSTART:20261224T120000\r\nDTEND:20261225T000000\r\n",
            {"2026-12-24T12:00+01:00/2026-12-25T00:00+01:00"}},
           {"UTC",
            "DTSTART:20261224T120000Z\r\nDTEND:20261224T140000Z\r\n",
            {"2026-12-24T13:00+01:00/2026-12-24T15:00+01:00"}},
           {"another zone",
            "DTSTART;TZID=America/New_York:20261224T120000\r\nDURATION:PT1H30M\r\n",
            {"2026-12-24T18:00+01:00/2026-12-24T19:30+01:00"}},
           {"a zone with a prefix",
            "DTSTART;TZID=\"/example.org/2026/Asia/Kolkata\":20261224T120000\r\nDURATION:PT1H\r\n",
            {"2026-12-24T07:30+01:00/2026-12-24T08:30+01:00"}},
           {"a time without end closes nothing", "DTSTART:20261224T120000\r\n", {}},
           {"times recur by the wall clock",
            "DTSTART;TZID=Europe/Berlin:20260327T080000\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY;INTERVAL=3;COUNT=2\r\n",
            {"2026-03-27T08:00+01:00/2026-03-27T09:00+01:00", "2026-03-30T08:00+02:00/2026-03-30T09:00+02:00"}},
           {"the until of times is an instant",
            "DTSTART:20260101T080000\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY;UNTIL=20260102T070000Z\r\n",
            {"2026-01-01T08:00+01:00/2026-01-01T09:00+01:00", "2026-01-02T08:00+01:00/2026-01-02T09:00+01:00"}},
       }) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(closures(event_of(c.properties)), c.closures);
  }
}

TEST(Holidays, AreMovedByTheirRecurrenceId) {
  EXPECT_EQ(closures(event_of("UID:a\r\nDTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;COUNT=2\r\n") +
                     event_of("UID:a\r\nRECURRENCE-ID;VALUE=DATE:20270101\r\nDTSTART;VALUE=DATE:20270104\r\n")),
            (Texts{"2026-01-01T00:00+01:00/2026-01-02T00:00+01:00", "2027-01-04T00:00+01:00/2027-01-05T00:00+01:00"}));
}

// A VTODO is RFC 5545's component for things to do: no day off, whatever it says.
TEST(Holidays, AreReadFromFoldedEscapedAndNestedFiles) {
  const auto found = read_holidays(
      "\xef\xbb\xbf"
      "BEGIN:VCALENDAR\nX-WR-CALNAME:Feiertage\nBEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:STANDARD\n"
      "DTSTART:16010101T030000\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\n"
      "END:STANDARD\nEND:VTIMEZONE\nBEGIN:VEVENT\nDTSTART;VAL\n UE=DATE:2026\n\t1225\nSUMMARY;LANGUAGE=\"de:x;y\":"
      "Weihnachten\\, erster\\nTag \xc3\n \xa9\nBEGIN:VALARM\nTRIGGER:-PT10M\nDURATION:nonsense\nEND:VALARM\n"
      "END:VEVENT\nBEGIN:VTODO\nDTSTART:nonsense\nEND:VTODO\nEND:VCALENDAR\n\n",
      berlin());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(berlin().format(found[0].from), "2026-12-25T00:00+01:00");
  EXPECT_EQ(found[0].name, "Weihnachten, erster Tag \xc3\xa9");
}

struct Refusal {
  std::string name, text, message;
};

TEST(Holidays, NameTheLineOfWhatTheyCannotRead) {
  const auto properties = [](const std::string& text) { return file_of(event_of(text)); };
  const std::string day = "DTSTART;VALUE=DATE:20260101\r\n";
  for (const Refusal& c : std::vector<Refusal>{
           {"empty", "", "the file is empty"},
           {"not a calendar", "<html>\n", "line 1: expected a property"},
           {"another component", "BEGIN:VCARD\nEND:VCARD\n", "line 1: expected BEGIN:VCALENDAR"},
           {"text before", "VERSION:2.0\n", "line 1: expected BEGIN:VCALENDAR"},
           {"cut off", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\n", "line 3: the file ends within VEVENT"},
           {"crossed", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n", "line 3: expected END:VEVENT"},
           {"no start", properties("SUMMARY:x\r\n"), "line 4: the event has no DTSTART"},
           {"no such day", properties("DTSTART;VALUE=DATE:20260230\r\n"), "line 5: DTSTART: expected a date"},
           {"a time where a date is said", properties("DTSTART;VALUE=DATE:20260201T080000\r\n"), "line 5: DTSTART: "},
           {"two starts", properties(day + day), "line 6: DTSTART stands twice"},
           {"end before start", properties(day + "DTEND;VALUE=DATE:20251231\r\n"), "line 6: DTEND is before DTSTART"},
           {"a time as the end of a date", properties(day + "DTEND:20260102T000000Z\r\n"),
            "line 6: DTEND: expected a date"},
           {"end and duration", properties(day + "DTEND;VALUE=DATE:20260102\r\nDURATION:P1D\r\n"),
            "line 4: the event has both"},
           {"duration", properties(day + "DURATION:1D\r\n"), "line 6: DURATION: "},
           {"zone", properties("DTSTART;TZID=W. Europe Standard Time:20260101T080000\r\nDURATION:PT1H\r\n"),
            "line 5: time zone \"W. Europe Standard Time\" is not in the system's zone data"},
           {"zone outside", properties("DTSTART;TZID=/../../etc/localtime:20260101T080000\r\nDURATION:PT1H\r\n"),
            "line 5: time zone"},
           {"frequency", properties(day + "RRULE:FREQ=HOURLY\r\n"), "line 6: FREQ: expected YEARLY"},
           {"no frequency", properties(day + "RRULE:COUNT=2\r\n"), "line 6: RRULE: expected FREQ"},
           {"unsupported part", properties(day + "RRULE:FREQ=YEARLY;BYWEEKNO=20\r\n"),
            "line 6: \"BYWEEKNO\" of a recurrence"},
           {"twice", properties(day + "RRULE:FREQ=YEARLY;BYDAY=MO;BYDAY=TU\r\n"), "line 6: \"BYDAY\" stands twice"},
           {"month", properties(day + "RRULE:FREQ=YEARLY;BYMONTH=13\r\n"),
            "line 6: BYMONTH: expected a number from 1 to 12"},
           {"day", properties(day + "RRULE:FREQ=YEARLY;BYDAY=XX\r\n"), "line 6: BYDAY: expected a day"},
           {"counted weekday of a week", properties(day + "RRULE:FREQ=WEEKLY;BYDAY=2MO\r\n"), "line 6: BYDAY: "},
           {"interval", properties(day + "RRULE:FREQ=DAILY;INTERVAL=0\r\n"), "line 6: INTERVAL: "},
           {"exclusion rule", properties(day + "EXRULE:FREQ=YEARLY\r\n"), "line 6: EXRULE is not supported"},
           {"periods", properties("DTSTART:20260101T080000Z\r\nRDATE;VALUE=PERIOD:20260101T080000Z/PT1H\r\n"),
            "line 6: RDATE with periods"},
           {"not UTF-8", properties("SUMMARY:\xff\r\n"), "line 5: not UTF-8"},
           {"deep",
            [] {
              std::string text = "BEGIN:VCALENDAR\n";
              for (int i = 0; i < 100; ++i) text += "BEGIN:X\n";
              return text;
            }(),
            "line 17: components more than 16 deep"},
           {"long line", "BEGIN:VCALENDAR\nX:" + std::string(70'000, 'x') + "\n", "line 2: longer than 64 KiB"},
           {"long fold",
            [] {
              std::string text = "BEGIN:VCALENDAR\nX:y\n";
              for (int i = 0; i < 70'000; ++i) text += " x\n";
              return text;
            }(),
            "line 2: longer than 64 KiB"},
           {"huge", std::string(5u << 20, '\n'), "the file is larger than 4 MiB"},
       }) {
    SCOPED_TRACE(c.name);
    try {
      read_holidays(c.text, berlin());
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
      EXPECT_EQ(std::string(error.what()).rfind(c.message, 0), 0u) << error.what();
    }
  }
}

TEST(Holidays, StopRulesThatWouldTakeForEver) {
  std::string many;
  for (int i = 0; i < 19'000; ++i) many += "BEGIN:VEVENT\nDTSTART:00010101\nRRULE:FREQ=YEARLY;BYDAY=1MO\nEND:VEVENT\n";
  try {
    read_holidays(file_of(many), berlin());
    ADD_FAILURE() << "was read";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("take too long"), std::string::npos) << error.what();
  }
  many.clear();
  for (int i = 0; i < 10; ++i) many += event_of("DTSTART:20200101\r\nRRULE:FREQ=DAILY\r\n");
  EXPECT_THROW(read_holidays(file_of(many), berlin()), Error);
}

}  // namespace
}  // namespace penstock::trigger
