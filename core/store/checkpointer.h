// Moves the write-ahead log into the database on a thread and connection of its own, so that no commit waits for it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "core/store/sqlite.h"

namespace penstock::store {

// While writers are busy the log cannot begin anew and grows, as something is always left to copy. Once it is larger
// than `restart_pages`, the writer itself copies that little rest between two transactions: see restart_if_wanted().
class Checkpointer {
 public:
  struct Options {
    int passive_pages = 4000;   // 16 MB more than at the last checkpoint: begin to copy
    int restart_pages = 16000;  // 64 MB: make it end
  };
  struct Counts {
    std::uint64_t checkpoints = 0, restarts = 0, failures = 0;
    int log_pages = 0;
  };
  Checkpointer(std::unique_ptr<Connection> connection, const Options& options);
  ~Checkpointer();

  // From the writer, after each commit. Never blocks on the disk.
  void note_log_pages(int pages);
  // From the writer, between transactions: keeps it for some milliseconds, if the log has grown too large.
  void restart_if_wanted(Connection& writer);
  // Thread-safe.
  Counts counts() const;

 private:
  void run_thread();
  void checkpoint();

  const Options options_;
  std::unique_ptr<Connection> connection_;  // of thread_ only

  std::mutex mutex_;  // guards the next two
  std::condition_variable changed_;
  bool wanted_ = false;
  bool stopping_ = false;

  int last_noted_ = 0;  // of the writer's thread: the log's pages when it last asked for a checkpoint
  std::atomic<bool> restart_wanted_{false};
  std::atomic<int> log_pages_{0};
  std::atomic<std::uint64_t> checkpoints_{0}, restarts_{0}, failures_{0};
  std::thread thread_;
};

}  // namespace penstock::store
