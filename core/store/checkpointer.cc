#include "core/store/checkpointer.h"

#include <utility>

namespace penstock::store {
namespace {

// After a failure (disk full), so that a broken disk is not asked on every commit.
constexpr std::chrono::seconds kRetryDelay{1};
// How long the writer waits for readers that still use the old log.
constexpr std::chrono::milliseconds kRestartPatience{20};

}  // namespace

Checkpointer::Checkpointer(std::unique_ptr<Connection> connection, const Options& options)
    : options_(options), connection_(std::move(connection)) {
  // A connection that has never read does not know yet that there is a log, and would find nothing to do for ever.
  connection_->query_integer("SELECT count(*) FROM sqlite_schema");
  thread_ = std::thread([this] { run_thread(); });
}

Checkpointer::~Checkpointer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Checkpointer::note_log_pages(int pages) {
  log_pages_.store(pages, std::memory_order_relaxed);
  if (pages < last_noted_) last_noted_ = 0;  // the log began anew
  if (pages - last_noted_ < options_.passive_pages) return;
  last_noted_ = pages;
  {
    std::lock_guard lock(mutex_);
    if (wanted_) return;
    wanted_ = true;
  }
  changed_.notify_one();
}

Checkpointer::Counts Checkpointer::counts() const {
  Counts counts;
  counts.checkpoints = checkpoints_.load(std::memory_order_relaxed);
  counts.restarts = restarts_.load(std::memory_order_relaxed);
  counts.failures = failures_.load(std::memory_order_relaxed);
  counts.log_pages = log_pages_.load(std::memory_order_relaxed);
  return counts;
}

void Checkpointer::run_thread() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return wanted_ || stopping_; });
      if (stopping_) return;
      wanted_ = false;
    }
    bool failed = false;
    try {
      checkpoint();
    } catch (const Error&) {
      // Nothing is lost: the log keeps what was not copied, and its growth shows in the counts.
      failures_.fetch_add(1, std::memory_order_relaxed);
      failed = true;
    }
    std::unique_lock lock(mutex_);
    if (failed) changed_.wait_for(lock, kRetryDelay, [&] { return stopping_; });
  }
}

void Checkpointer::checkpoint() {
  Connection::CheckpointResult result = connection_->checkpoint(Connection::Checkpoint::kPassive);
  checkpoints_.fetch_add(1, std::memory_order_relaxed);
  if (result.log_pages < options_.restart_pages) return;
  // The bulk is copied; once more for what came meanwhile, and the rest is little.
  connection_->checkpoint(Connection::Checkpoint::kPassive);
  restart_wanted_.store(true, std::memory_order_release);
}

void Checkpointer::restart_if_wanted(Connection& writer) {
  if (!restart_wanted_.exchange(false, std::memory_order_acquire)) return;
  const std::chrono::milliseconds usual = writer.busy_timeout();
  writer.set_busy_timeout(kRestartPatience);
  try {
    // When readers were in the way, the next checkpoint asks again.
    if (writer.checkpoint(Connection::Checkpoint::kRestart).complete) restarts_.fetch_add(1, std::memory_order_relaxed);
  } catch (const Error&) {
    failures_.fetch_add(1, std::memory_order_relaxed);
  }
  writer.set_busy_timeout(usual);
}

}  // namespace penstock::store
