// The journal of jobs and their logs, within the caller's transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/store/records.h"
#include "core/store/sqlite.h"

namespace penstock::store {

constexpr std::int64_t kMaxLogLines = 10'000;
constexpr std::size_t kMaxLogLineBytes = 8 << 10;

// `fallback_id` is the row's id when the job brings none.
std::string journal_job(Connection& connection, const Job& job, const std::string& fallback_id);
void update_job(Connection& connection, const Job& job);  // Error{kNotFound}
void interrupt_works(Connection& connection);
std::optional<Job> load_job(Connection& connection, const std::string& id);
std::vector<Job> load_unfinished_jobs(Connection& connection);
JobPage list_jobs(Connection& connection, const JobQuery& query);

void append_job_log(Connection& connection, const std::string& id, const std::vector<LogLine>& lines);
std::vector<LogLine> load_job_log(Connection& connection, const std::string& id, std::int64_t after_sequence,
                                  int limit);

}  // namespace penstock::store
