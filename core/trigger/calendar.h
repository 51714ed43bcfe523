// When pipelines may be started: weekly hours in a time zone, less the holidays. Pure; the time comes from outside.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/trigger/zone.h"

namespace penstock::trigger {

// Minutes since the day's beginning by the wall clock; `to` is later than `from` and may lie in the next day.
struct HoursRange {
  std::chrono::minutes from{0}, to{0};
};

// From `from` on, until just before `to`.
struct Closure {
  Timestamp from, to;
  std::string name;  // may be empty
};

// A whole day by the zone's wall clock.
Closure close_day(const Zone& zone, std::chrono::local_days day, std::string name);

class Calendar {
 public:
  struct Definition {
    std::string name;
    Zone zone = Zone::utc();
    std::array<std::vector<HoursRange>, 7> open;  // Monday first
    std::vector<Closure> holidays;                // in any order
  };
  explicit Calendar(Definition definition);

  const std::string& name() const noexcept { return definition_.name; }
  const Zone& zone() const noexcept { return definition_.zone; }

  // Where a change of the clock leaves a time out, what begins or ends at it does so at the change; where one repeats a
  // time, hours begin at its first occurrence and end at its last.
  bool is_open(Timestamp time) const;
  // `time` itself when it is open then. Empty when it does not open within two years.
  std::optional<Timestamp> next_opening(Timestamp time) const;
  // Why it is closed: "Saturday", "Friday 19:02", "holiday \"New Year\"".
  std::string describe_closure(Timestamp time) const;

 private:
  struct Interval {
    Timestamp from, to;
  };
  std::vector<Interval> hours_of(std::chrono::local_days day) const;
  const Closure* find_holiday(Timestamp time) const;

  Definition definition_;  // its holidays are in order and do not overlap
};

// What a closed calendar means for the triggers of a webhook.
struct Gate {
  enum class WhenClosed { kPostpone, kSkip };
  std::shared_ptr<const Calendar> calendar;
  WhenClosed when_closed = WhenClosed::kPostpone;
};
using GateMap = std::map<std::string, Gate>;  // by the webhook's name

struct GateVerdict {
  enum class Step { kGo, kPostpone, kSkip, kFail };
  Step step = Step::kGo;
  Timestamp until;     // kPostpone
  std::string reason;  // for the trigger's `error`, unless it may go
};
GateVerdict judge_gate(const Gate& gate, Timestamp now);

}  // namespace penstock::trigger
