#include "core/trigger/zone.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <absl/time/time.h>

namespace penstock::trigger {
namespace {

// What is asked for becomes a path below the zone data.
bool is_zone_name(const std::string& name) {
  constexpr std::string_view kOthers = "_+-/";
  if (name.empty() || name.size() > 64 || name.front() == '/' || name.back() == '/') return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

Timestamp to_timestamp(absl::Time time) {
  return from_milliseconds(absl::ToUnixMillis(time));
}

absl::CivilSecond to_civil(LocalTime local) {
  return absl::CivilSecond() + local.time_since_epoch().count();  // its default is the beginning of 1970
}

LocalTime from_civil(absl::CivilSecond civil) {
  return LocalTime(std::chrono::seconds(civil - absl::CivilSecond()));
}

}  // namespace

struct Zone::Data {
  std::string name;
  absl::TimeZone zone;
};

std::optional<Zone> Zone::find(const std::string& name) {
  if (!is_zone_name(name)) return std::nullopt;
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(name, &zone)) return std::nullopt;
  return Zone(std::make_shared<const Data>(Data{name, zone}));
}

Zone Zone::utc() {
  return Zone(std::make_shared<const Data>(Data{"UTC", absl::UTCTimeZone()}));
}

const std::string& Zone::name() const noexcept {
  return data_->name;
}

LocalTime Zone::local(Timestamp time) const {
  return from_civil(data_->zone.At(absl::FromUnixMillis(to_milliseconds(time))).cs);
}

Timestamp Zone::first(LocalTime local) const {
  const absl::TimeZone::TimeInfo info = data_->zone.At(to_civil(local));
  return to_timestamp(info.kind == absl::TimeZone::TimeInfo::SKIPPED ? info.trans : info.pre);
}

Timestamp Zone::end(LocalTime local) const {
  const absl::CivilSecond civil = to_civil(local);
  const absl::TimeZone::TimeInfo info = data_->zone.At(civil);
  switch (info.kind) {
    case absl::TimeZone::TimeInfo::SKIPPED:
      return to_timestamp(info.trans);
    case absl::TimeZone::TimeInfo::REPEATED:
      // Nothing earlier is shown again when the repetition begins with this very time.
      return to_timestamp(data_->zone.At(info.trans).cs == civil ? info.pre : info.post);
    case absl::TimeZone::TimeInfo::UNIQUE:
      break;
  }
  return to_timestamp(info.pre);
}

std::string Zone::format(Timestamp time) const {
  const absl::TimeZone::CivilInfo info = data_->zone.At(absl::FromUnixMillis(to_milliseconds(time)));
  const int offset = info.offset / 60;
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d%c%02d:%02d", static_cast<int>(info.cs.year()),
                info.cs.month(), info.cs.day(), info.cs.hour(), info.cs.minute(), offset < 0 ? '-' : '+',
                std::abs(offset) / 60, std::abs(offset) % 60);
  return text;
}

}  // namespace penstock::trigger
