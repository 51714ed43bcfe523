// A time zone of the system's zone data: wall clock to instants and back. Immutable; copies are cheap.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "core/base/time.h"

namespace penstock::trigger {

using LocalTime = std::chrono::local_seconds;

class Zone {
 public:
  // "Europe/Berlin". Empty when the system knows no such zone. A zone once found stays as it was read until the program
  // ends; so does one that was not found.
  static std::optional<Zone> find(const std::string& name);
  static Zone utc();

  const std::string& name() const noexcept;
  LocalTime local(Timestamp time) const;
  // The first instant at which the wall clock shows this time or, when that is left out by a change, a later one.
  Timestamp first(LocalTime local) const;
  // The instant after the last at which the wall clock shows an earlier time: differs from first() where a change
  // repeats some.
  Timestamp end(LocalTime local) const;
  // "2026-11-23T08:00+01:00", to the minute.
  std::string format(Timestamp time) const;

 private:
  struct Data;
  explicit Zone(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

  std::shared_ptr<const Data> data_;
};

}  // namespace penstock::trigger
