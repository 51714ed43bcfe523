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

// While writers are busy the log cannot start over from its beginning and grows. Once it is larger than
// `truncate_pages`, the little that a passive checkpoint leaves is done with writers kept out for some milliseconds.
class Checkpointer {
 public:
  struct Options {
    int passive_pages = 1000;    // 4 MB: begin to copy
    int truncate_pages = 16384;  // 64 MB: make it end
  };
  struct Counts {
    std::uint64_t checkpoints = 0, truncations = 0, failures = 0;
    int log_pages = 0;
  };
  Checkpointer(std::unique_ptr<Connection> connection, const Options& options);
  ~Checkpointer();

  // From the writer, after each commit. Thread-safe, never blocks on the disk.
  void note_log_pages(int pages);
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

  std::atomic<int> log_pages_{0};
  std::atomic<std::uint64_t> checkpoints_{0}, truncations_{0}, failures_{0};
  std::thread thread_;
};

}  // namespace penstock::store
