#include "core/store/checkpointer.h"

#include <utility>

namespace penstock::store {
namespace {

// How long the writer waits for readers that still use the old log.
constexpr std::chrono::milliseconds kRestartPatience{20};

bool is_failed_sync(const Error& error) {
  return error.code() == "SQLITE_IOERR_FSYNC" || error.code() == "SQLITE_IOERR_DIR_FSYNC";
}

}  // namespace

Checkpointer::Checkpointer(std::unique_ptr<Connection> connection, const Options& options) : options_(options) {
  open(std::move(connection));
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

void Checkpointer::open(std::unique_ptr<Connection> connection) {
  // A connection that has never read does not know yet that there is a log, and would find nothing to do for ever.
  connection->query_integer("SELECT count(*) FROM sqlite_schema");
  {
    std::lock_guard lock(connection_mutex_);
    connection_ = std::move(connection);
  }
  restart_wanted_.store(false, std::memory_order_relaxed);
  lost_pages_.store(false, std::memory_order_release);
}

void Checkpointer::close() {
  std::lock_guard lock(connection_mutex_);
  if (connection_) connection_->keep_log_on_close();
  connection_.reset();
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

void Checkpointer::note_outcome(const Error* failure) {
  if (failure) {
    // Nothing is lost: the log keeps what was not copied.
    failures_.fetch_add(1, std::memory_order_relaxed);
    if (is_failed_sync(*failure)) lost_pages_.store(true, std::memory_order_release);
  }
  if (options_.after_checkpoint) options_.after_checkpoint(failure);
}

void Checkpointer::run_thread() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return wanted_ || stopping_; });
    if (stopping_) return;
    wanted_ = false;
    lock.unlock();
    const bool succeeded = checkpoint();
    lock.lock();
    if (succeeded) continue;
    // A broken disk is not asked on every commit, but again although nobody may write any more.
    wanted_ = true;
    changed_.wait_for(lock, options_.retry_delay, [&] { return stopping_; });
  }
}

bool Checkpointer::checkpoint() {
  std::lock_guard lock(connection_mutex_);
  if (!connection_ || lost_pages()) return true;
  try {
    Connection::CheckpointResult result = connection_->checkpoint(Connection::Checkpoint::kPassive);
    checkpoints_.fetch_add(1, std::memory_order_relaxed);
    if (result.log_pages >= options_.restart_pages) {
      // The bulk is copied; once more for what came meanwhile, and the rest is little.
      connection_->checkpoint(Connection::Checkpoint::kPassive);
      restart_wanted_.store(true, std::memory_order_release);
    }
  } catch (const Error& error) {
    note_outcome(&error);
    return false;
  }
  note_outcome(nullptr);
  return true;
}

void Checkpointer::restart_if_wanted(Connection& writer) {
  if (lost_pages()) return;
  const bool truncate = wants_truncation();
  if (!restart_wanted_.exchange(false, std::memory_order_acquire) && !truncate) return;
  const std::chrono::milliseconds usual = writer.busy_timeout();
  writer.set_busy_timeout(kRestartPatience);
  try {
    // When readers were in the way, the next checkpoint asks again.
    const auto mode = truncate ? Connection::Checkpoint::kTruncate : Connection::Checkpoint::kRestart;
    if (writer.checkpoint(mode).complete) {
      restarts_.fetch_add(1, std::memory_order_relaxed);
      if (truncate) truncation_wanted_.store(false, std::memory_order_release);
    }
    note_outcome(nullptr);
  } catch (const Error& error) {
    note_outcome(&error);
  }
  writer.set_busy_timeout(usual);
}

}  // namespace penstock::store
