// The calendars of the configuration, made.
#pragma once

#include <memory>
#include <vector>

#include "core/base/time.h"
#include "core/config/settings.h"
#include "core/trigger/calendar.h"

namespace penstock::server {

// What only making them tells: time zones that do not exist, files of holidays that cannot be read, and calendars that
// do not open within two years. Without lines, but with the paths of the settings.
std::vector<config::Problem> check_calendars(const config::Settings& settings, Timestamp now);

// Of the webhooks that have a calendar. Error{kConfiguration} with the first problem.
std::shared_ptr<const trigger::GateMap> make_gates(const config::Settings& settings, Timestamp now);

}  // namespace penstock::server
