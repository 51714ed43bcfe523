#include "core/trigger/holidays.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/trigger/icalendar.h"

namespace penstock::trigger {
namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::seconds;

constexpr local_days kHorizon{std::chrono::year(2100) / 12 / 31};
// What is over is asked for no more; rules are followed from their beginning all the same.
constexpr local_days kPast{std::chrono::year(2020) / 1 / 1};
constexpr std::size_t kMaxClosures = 200'000;
constexpr std::uint64_t kMaxSteps = 5'000'000;

class HolidayReader {
 public:
  explicit HolidayReader(const Zone& zone) : zone_(zone) {}

  void read(const std::vector<IcalEvent>& events) {
    for (const IcalEvent& event : events) {
      if (event.instance && !event.uid.empty()) replaced_[event.uid].insert(instant_of(*event.instance));
    }
    for (const IcalEvent& event : events) {
      if (!event.cancelled) read(event);
    }
  }
  std::vector<Closure> take() { return std::move(closures_); }

 private:
  // "/example.org/20260101/Europe/Berlin": some writers put their own name in front.
  static std::optional<Zone> find_zone(const std::string& name) {
    if (auto zone = Zone::find(name)) return zone;
    for (std::size_t at = name.find('/'), tried = 0; at != std::string::npos && tried < 8;
         at = name.find('/', at + 1), ++tried) {
      const std::string rest = name.substr(at + 1);
      if (rest.find('/') == std::string::npos) break;  // "Berlin" alone would be guessing
      if (auto zone = Zone::find(rest)) return zone;
    }
    return std::nullopt;
  }

  const Zone& zone_of(const IcalTime& time) {
    if (time.is_date || (time.zone.empty() && !time.is_utc)) return zone_;
    const std::string name = time.is_utc ? "UTC" : time.zone;
    auto [known, is_new] = zones_.try_emplace(name);
    if (is_new) {
      if (zones_.size() > 1000) refuse(time, "more than 1000 time zones");
      known->second = time.is_utc ? Zone::utc() : find_zone(name);
    }
    if (!known->second) {
      refuse(time,
             "time zone " + in_quotes(name) + " is not in the system's zone data; use a name such as Europe/Berlin");
    }
    return *known->second;
  }

  [[noreturn]] static void refuse(const IcalTime& time, const std::string& message) {
    throw Error(ErrorKind::kInvalidInput, "line " + std::to_string(time.line) + ": " + message);
  }

  Timestamp instant_of(const IcalTime& time) { return zone_of(time).first(time.local); }

  void read(const IcalEvent& event) {
    const Zone& zone = zone_of(event.start);
    const days length = length_in_days(event);
    const auto duration = event.start.is_date ? Timestamp::duration(0) : duration_of(event);
    std::set<Timestamp> excluded;
    for (const IcalTime& time : event.excluded) excluded.insert(instant_of(time));
    if (auto replaced = replaced_.find(event.uid); replaced != replaced_.end() && !event.instance) {
      excluded.insert(replaced->second.begin(), replaced->second.end());
    }
    const auto close = [&](LocalTime local, Timestamp from) {
      if (local < LocalTime(kPast) - length - std::chrono::duration_cast<seconds>(duration)) return;
      if (excluded.contains(from)) return;
      const Timestamp to = event.start.is_date ? zone.end(std::chrono::floor<days>(local) + length) : from + duration;
      if (to <= from) return;
      if (closures_.size() >= kMaxClosures) refuse(event.start, "more than 200000 holidays with their recurrences");
      closures_.push_back({from, to, event.summary});
    };
    for (const IcalTime& time : event.added) {
      close(event.start.is_date ? LocalTime(std::chrono::floor<days>(time.local)) : zone.local(instant_of(time)),
            instant_of(time));
    }
    if (!event.rule) {
      close(event.start.local, zone.first(event.start.local));
      return;
    }
    const local_days first_day = std::chrono::floor<days>(event.start.local);
    const seconds of_day = event.start.local - first_day;
    std::optional<Timestamp> until;
    if (event.until) until = until_of(*event.until, zone);
    try {
      expand(*event.rule, first_day, kHorizon, steps_, [&](local_days day) {
        const LocalTime local = day + of_day;
        const Timestamp from = zone.first(local);
        if (until && from > *until) return false;
        close(local, from);
        return true;
      });
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kExhausted) throw;
      refuse(event.start, error.what());
    }
  }

  // A date includes its whole day.
  static Timestamp until_of(const IcalTime& until, const Zone& zone) {
    if (until.is_date) return zone.end(until.local + days(1)) - Timestamp::duration(1);
    return until.is_utc ? Zone::utc().first(until.local) : zone.first(until.local);
  }

  static days length_in_days(const IcalEvent& event) {
    if (!event.start.is_date) return days(0);
    if (event.duration) return std::max(days(1), std::chrono::ceil<days>(*event.duration));
    if (!event.end) return days(1);
    if (event.end->local < event.start.local) refuse(*event.end, "DTEND is before DTSTART");
    // Some writers end a day on itself.
    return std::max(days(1), std::chrono::floor<days>(event.end->local - event.start.local));
  }

  Timestamp::duration duration_of(const IcalEvent& event) {
    if (event.duration) return *event.duration;
    if (!event.end) return Timestamp::duration(0);
    const Timestamp from = instant_of(event.start), to = instant_of(*event.end);
    if (to < from) refuse(*event.end, "DTEND is before DTSTART");
    return to - from;
  }

  const Zone& zone_;
  std::map<std::string, std::optional<Zone>> zones_;
  std::map<std::string, std::set<Timestamp>> replaced_;  // by uid
  std::vector<Closure> closures_;
  std::uint64_t steps_ = kMaxSteps;
};

}  // namespace

std::vector<Closure> read_holidays(std::string_view icalendar, const Zone& zone) {
  HolidayReader reader(zone);
  reader.read(parse_icalendar(icalendar));
  return reader.take();
}

}  // namespace penstock::trigger
