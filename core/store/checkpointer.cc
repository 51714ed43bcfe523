#include "core/store/checkpointer.h"

#include <utility>

namespace penstock::store {
namespace {

// After a failure (disk full), so that a broken disk is not asked on every commit.
constexpr std::chrono::seconds kRetryDelay{1};

}  // namespace

Checkpointer::Checkpointer(std::unique_ptr<Connection> connection, const Options& options)
    : options_(options), connection_(std::move(connection)), thread_([this] { run_thread(); }) {}

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
  if (pages < options_.passive_pages) return;
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
  counts.truncations = truncations_.load(std::memory_order_relaxed);
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
  if (result.log_pages < options_.truncate_pages) return;
  // The bulk is copied; once more for what came meanwhile, then the rest with writers kept out.
  connection_->checkpoint(Connection::Checkpoint::kPassive);
  if (connection_->checkpoint(Connection::Checkpoint::kTruncate).complete)
    truncations_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace penstock::store
