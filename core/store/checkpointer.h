// Moves the write-ahead log into the database on a thread and connection of its own, so that no commit waits for it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "core/store/sqlite.h"

namespace penstock::store {

// While writers are busy the log cannot begin anew and grows, as something is always left to copy. Once it is larger
// than `restart_pages`, the writer itself copies that little rest between two transactions: see restart_if_wanted().
//
// What happens when a sync fails: Linux then calls the pages clean that it could not write, and the next sync succeeds
// without them. SQLite remembers how much of the log it has copied, so the next checkpoint would leave out the lost
// pages and give up the log. So after a failed sync there is no further checkpoint, until all connections have been
// closed and opened again, which makes SQLite copy the whole log once more.
class Checkpointer {
 public:
  struct Options {
    int passive_pages = 4000;                     // 16 MB more than at the last checkpoint: begin to copy
    int restart_pages = 16000;                    // 64 MB: make it end
    std::chrono::milliseconds retry_delay{1000};  // after a failure
    // After each checkpoint, on the thread that made it (this one's or the writer's); must not throw.
    std::function<void(const Error* failure)> after_checkpoint;
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
  // The log is to be emptied on the disk as well, as soon as no reader uses it: the next restart_if_wanted() tries.
  // Thread-safe, as is the next.
  void want_truncation() noexcept { truncation_wanted_.store(true, std::memory_order_release); }
  bool wants_truncation() const noexcept { return truncation_wanted_.load(std::memory_order_acquire); }

  // True after a sync has failed: all connections must be closed and opened again.
  bool lost_pages() const noexcept { return lost_pages_.load(std::memory_order_acquire); }
  // Waits for a checkpoint that is under way; there is none from then on, until open().
  void close();
  void open(std::unique_ptr<Connection> connection);

  // Thread-safe.
  Counts counts() const;

 private:
  void run_thread();
  bool checkpoint();
  void note_outcome(const Error* failure);

  const Options options_;
  std::mutex connection_mutex_;  // guards connection_; held while a checkpoint runs, never by a commit
  std::unique_ptr<Connection> connection_;

  std::mutex mutex_;  // guards the next two
  std::condition_variable changed_;
  bool wanted_ = false;
  bool stopping_ = false;

  int last_noted_ = 0;  // of the writer's thread: the log's pages when it last asked for a checkpoint
  std::atomic<bool> restart_wanted_{false}, truncation_wanted_{false};
  std::atomic<bool> lost_pages_{false};
  std::atomic<int> log_pages_{0};
  std::atomic<std::uint64_t> checkpoints_{0}, restarts_{0}, failures_{0};
  std::thread thread_;
};

}  // namespace penstock::store
