// Reads the events of an iCalendar file (RFC 5545). Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/trigger/recurrence.h"
#include "core/trigger/zone.h"

namespace penstock::trigger {

struct IcalTime {
  LocalTime local;
  bool is_date = false;
  bool is_utc = false;
  std::string zone;  // TZID; empty = none
  int line = 0;
};

struct IcalEvent {
  int line = 0;  // of BEGIN:VEVENT
  std::string uid, summary;
  IcalTime start;
  std::optional<IcalTime> end;
  std::optional<std::chrono::seconds> duration;
  std::optional<RecurrenceRule> rule;
  std::optional<IcalTime> until;          // the rule's
  std::vector<IcalTime> added, excluded;  // RDATE, EXDATE
  std::optional<IcalTime> instance;       // RECURRENCE-ID: it stands in the place of that one of the same uid
  bool cancelled = false;
};

constexpr std::size_t kMaxIcalendarBytes = 4u << 20;

// Error{kInvalidInput} "line 12: …" for what is no iCalendar file, and for events that cannot be understood whole.
// Bounds: kMaxIcalendarBytes, 20,000 events, 64 KiB a line with its continuations, components 16 deep.
std::vector<IcalEvent> parse_icalendar(std::string_view text);

}  // namespace penstock::trigger
