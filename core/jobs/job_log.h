// The log of one job, written to the store in batches and readable while the job runs.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/store/store.h"

namespace penstock::jobs {

// Thread-safe. add() never blocks on the disk; flush() does, and is called by the worker's watch thread about twice a
// second and at the end of the job.
class JobLog {
 public:
  JobLog(store::Store& store, const Clock& clock, std::string job_id);

  // Line breaks split, control characters become spaces, invalid UTF-8 is replaced, long lines are cut. When the store
  // cannot keep up, lines are dropped and counted in a line of their own.
  void add(std::string_view text);
  // Errors of the store; the lines are kept for the next flush.
  void flush();

 private:
  void add_line(std::string_view line);  // under mutex_

  store::Store& store_;
  const Clock& clock_;
  const std::string job_id_;
  std::mutex mutex_;
  std::mutex flush_mutex_;  // keeps batches in order; taken before mutex_
  // Guarded by mutex_:
  std::vector<store::LogLine> waiting_;
  std::size_t dropped_ = 0;
};

}  // namespace penstock::jobs
