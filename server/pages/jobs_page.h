// The list of jobs, and one of them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "core/store/records.h"
#include "server/pages/frame.h"
#include "server/pages/links.h"

namespace penstock::server::pages {

struct JobsView {
  store::JobQuery query;
  store::JobPage page;
  Timestamp now;
  Visitor visitor;
};
listener::Response show_jobs(const JobsView& view);

// Error{kInvalidInput} for values that are none.
store::JobQuery read_job_query(const std::vector<std::pair<std::string, std::string>>& parameters);

struct JobView {
  store::Job job;
  std::vector<store::LogLine> log;
  bool log_goes_on = false;  // there are more lines than these
  Timestamp now;
  Visitor visitor;
  ConsoleLinks links;
};
listener::Response show_job(const JobView& view);

bool is_over(const store::Job& job) noexcept;

}  // namespace penstock::server::pages
