// Which of the pending triggers may go now. Pure.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/store/records.h"

namespace penstock::trigger {

struct ScheduleInput {
  const std::vector<store::PendingTrigger>& pending;  // oldest first
  const std::set<std::string>& in_flight;             // ids that a thread works on
  const std::set<std::string>& deciding;              // pipelines for which an undecided trigger is in flight
  Timestamp now;
  int free_slots = 0;
  // At most so many at a time: reading configurations may block for as long as AWS lets it, starts must not wait for
  // it.
  std::size_t max_deciding = 2;
  // Whether the configuration that an undecided trigger waits for can be had without asking AWS.
  std::function<bool(const store::PendingTrigger&)> is_configuration_known;
};

struct Schedule {
  std::vector<const store::PendingTrigger*> go;  // at most free_slots
  std::optional<Timestamp> next_due;             // of those that wait for their time
};

// Triggers of one pipeline go in the order of their arrival, one at a time: while one is in flight or waits for its
// next attempt, later ones of that pipeline wait too; other pipelines do not. One that waits for its changed paths is
// in the way of later ones likewise; without a pipeline, of later ones of its webhook. An undecided trigger holds
// nobody up while the configuration is unknown (it may never be readable), but as soon as it is known it is decided
// before later ones go.
Schedule make_schedule(const ScheduleInput& input);

}  // namespace penstock::trigger
