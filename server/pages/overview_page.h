// How things go: what came, what failed, how long a push takes to become an artifact.
#pragma once

#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/store/records.h"
#include "server/pages/frame.h"
#include "server/pages/statistics.h"

namespace penstock::server::pages {

struct Period {
  std::string_view name;   // of the address: "24h"
  std::string_view title;  // "24 hours"
  std::chrono::hours width;
  int columns;
};
// The first one for names that are none.
const Period& find_period(std::string_view name) noexcept;

struct OverviewView {
  const Period* period = nullptr;
  Series series;
  std::vector<store::TriggerBacklog> backlog;
  std::vector<store::Job> failed_jobs;  // the newest
  Timestamp now;
  Visitor visitor;
};
listener::Response show_overview(const OverviewView& view);

}  // namespace penstock::server::pages
