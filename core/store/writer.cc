#include "core/store/writer.h"

#include <algorithm>
#include <new>
#include <utility>

namespace penstock::store {
namespace {

// To be called in a catch block.
Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(ErrorKind::kExhausted, "out of memory");
  } catch (const std::exception& error) {
    return Error(ErrorKind::kInternal, error.what());
  } catch (...) {
    return Error(ErrorKind::kInternal, "unknown exception");
  }
}

// True for what is wrong with this piece of work, not with the disk. A corrupt page is met by those who need it.
bool is_own(const Error& error) {
  if (!error.code().starts_with("SQLITE_")) return true;
  for (std::string_view own : {"SQLITE_CONSTRAINT", "SQLITE_TOOBIG", "SQLITE_ERROR", "SQLITE_CORRUPT", "SQLITE_MISUSE"})
    if (error.code().starts_with(own)) return true;
  return false;
}

// What the caller of run() and the writer share; it outlives whichever of them leaves first.
struct Wait {
  // An error as plain data: exceptions do not cross threads here.
  struct Failure {
    ErrorKind kind;
    std::string message, code;
    bool may_have_happened;
  };
  std::mutex mutex;  // guards the rest
  std::condition_variable changed;
  enum class State { kWaiting, kTaken, kDone, kAbandoned } state = State::kWaiting;
  std::optional<Failure> failure;
};

}  // namespace

class Writer::WaitingTicket final : public Writer::Ticket {
 public:
  WaitingTicket(std::shared_ptr<Wait> wait, std::string doing, std::size_t bytes,
                std::function<void(Connection&)> work) noexcept
      : Ticket(bytes), wait_(std::move(wait)), doing_(std::move(doing)), work_(std::move(work)) {}

 private:
  std::string doing() const override { return doing_; }
  bool take() noexcept override {
    std::lock_guard lock(wait_->mutex);
    if (wait_->state == Wait::State::kAbandoned) return false;
    wait_->state = Wait::State::kTaken;
    return true;
  }
  void run(Connection& connection) override { work_(connection); }
  void finish(const Error* error) override {
    std::optional<Wait::Failure> failure;
    if (error) failure = Wait::Failure{error->kind(), error->what(), error->code(), error->may_have_happened()};
    {
      std::lock_guard lock(wait_->mutex);
      wait_->failure = std::move(failure);
      wait_->state = Wait::State::kDone;
    }
    wait_->changed.notify_one();
  }

  const std::shared_ptr<Wait> wait_;
  const std::string doing_;
  const std::function<void(Connection&)> work_;
};

Writer::Writer(std::unique_ptr<Connection> connection, const Options& options)
    : options_(options), connection_(std::move(connection)), thread_([this] { run_thread(); }) {}

Writer::~Writer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_came_.notify_one();
  thread_.join();
}

Writer::Counts Writer::counts() const {
  Counts counts;
  counts.committed_writes = committed_writes_.load(std::memory_order_relaxed);
  counts.failed_writes = failed_writes_.load(std::memory_order_relaxed);
  counts.commits = commits_.load(std::memory_order_relaxed);
  counts.refused_writes = refused_writes_.load(std::memory_order_relaxed);
  counts.late_writes = late_writes_.load(std::memory_order_relaxed);
  std::lock_guard lock(mutex_);
  counts.waiting = waiting_.size();
  return counts;
}

std::optional<Error> Writer::enqueue(std::unique_ptr<Ticket>& ticket) {
  ticket->deadline_ = std::chrono::steady_clock::now() + options_.timeout;
  {
    std::unique_lock lock(mutex_);
    const std::size_t before = waiting_.size();
    if (before >= options_.max_waiting ||
        (before > 0 && waiting_bytes_ + ticket->bytes_ > options_.max_waiting_bytes)) {
      lock.unlock();
      refused_writes_.fetch_add(1, std::memory_order_relaxed);
      return Error(ErrorKind::kExhausted,
                   ticket->doing() + ": " + std::to_string(before) + " writes are waiting for the disk already");
    }
    waiting_bytes_ += ticket->bytes_;
    waiting_.push_back(std::move(ticket));
  }
  work_came_.notify_one();
  return std::nullopt;
}

void Writer::submit(std::unique_ptr<Ticket> ticket) {
  if (std::optional<Error> refusal = enqueue(ticket)) finish(*ticket, refusal);
}

void Writer::run_and_wait(std::string_view doing, std::size_t bytes, std::function<void(Connection&)> work) {
  if (std::this_thread::get_id() == thread_.get_id())
    throw Error(ErrorKind::kInternal, std::string(doing) + ": the writer's thread would wait for itself");
  const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
  auto wait = std::make_shared<Wait>();
  std::unique_ptr<Ticket> ticket = std::make_unique<WaitingTicket>(wait, std::string(doing), bytes, std::move(work));
  if (std::optional<Error> refusal = enqueue(ticket)) throw *refusal;

  std::unique_lock lock(wait->mutex);
  if (!wait->changed.wait_until(lock, deadline, [&] { return wait->state == Wait::State::kDone; })) {
    const bool taken = wait->state == Wait::State::kTaken;
    if (!taken) wait->state = Wait::State::kAbandoned;
    Error error(ErrorKind::kTimeout,
                std::string(doing) + ": not on disk after " + std::to_string(options_.timeout.count()) + " ms");
    throw error.with_may_have_happened(taken);
  }
  if (wait->failure) {
    const Wait::Failure& failure = *wait->failure;
    Error error(failure.kind, failure.message);
    throw error.with_code(failure.code).with_may_have_happened(failure.may_have_happened);
  }
}

void Writer::run_thread() {
  Failures failures;
  for (;;) {
    std::optional<Group> group = take_group();
    if (!group) return;
    failures.assign(group->size(), std::nullopt);
    commit_group(*group, failures);
    for (std::size_t i = 0; i < group->size(); ++i) {
      finish(*(*group)[i], failures[i]);
      (*group)[i].reset();  // what it holds (request bodies) is let go now
    }
    if (options_.between_groups && connection_) options_.between_groups(*connection_);
  }
}

Error Writer::late(const Ticket& ticket) const {
  return Error(ErrorKind::kTimeout,
               ticket.doing() + ": not on disk after " + std::to_string(options_.timeout.count()) + " ms");
}

// Blocks until there is work; nothing when there will be none any more, an empty group when it is time for a probe.
// What nobody waits for is left out, and what has waited too long is told so.
std::optional<Writer::Group> Writer::take_group() {
  Group group;
  while (group.empty()) {
    std::deque<std::unique_ptr<Ticket>> taken;
    {
      std::unique_lock lock(mutex_);
      auto something = [&] { return !waiting_.empty() || stopping_; };
      if (!in_trouble_ || !options_.probe) {
        work_came_.wait(lock, something);
      } else if (!work_came_.wait_for(lock, options_.probe_interval, something)) {
        return group;
      }
      if (waiting_.empty()) return std::nullopt;
      taken.swap(waiting_);
      waiting_bytes_ = 0;
    }
    const auto now = std::chrono::steady_clock::now();
    group.reserve(taken.size());
    for (auto& ticket : taken) {
      if (!ticket->take()) continue;
      if (now < ticket->deadline_) {
        group.push_back(std::move(ticket));
      } else {
        failed_writes_.fetch_add(1, std::memory_order_relaxed);
        late_writes_.fetch_add(1, std::memory_order_relaxed);
        finish(*ticket, late(*ticket));
      }
    }
  }
  return group;
}

void Writer::commit_group(Group& group, Failures& failures) {
  const auto began = std::chrono::steady_clock::now();
  std::optional<Error> common;
  bool committed = false;
  try {
    if (options_.before_group) options_.before_group(connection_);
    const std::chrono::milliseconds patience = connection_->busy_timeout();
    if (in_trouble_) connection_->set_busy_timeout(std::min(patience, options_.busy_timeout_in_trouble));
    try {
      Tried tried = try_group(group, failures, Undo::kWhole);
      if (tried == Tried::kMustUndoEach) {
        if (options_.after_undo) options_.after_undo();
        failures.assign(group.size(), std::nullopt);
        tried = try_group(group, failures, Undo::kEach);
      }
      committed = tried == Tried::kCommitted;
    } catch (...) {
      connection_->set_busy_timeout(patience);
      throw;
    }
    connection_->set_busy_timeout(patience);
  } catch (...) {
    common = current_error();
    if (options_.after_undo) options_.after_undo();
    for (std::size_t i = 0; i < group.size(); ++i)
      if (!failures[i]) failures[i] = common->with_context(group[i]->doing());
  }
  in_trouble_ = common || (in_trouble_ && !committed);
  const auto failed = static_cast<std::size_t>(
      std::count_if(failures.begin(), failures.end(), [](const auto& failure) { return failure.has_value(); }));
  committed_writes_.fetch_add(group.size() - failed, std::memory_order_relaxed);
  failed_writes_.fetch_add(failed, std::memory_order_relaxed);
  if (options_.after_group) {
    options_.after_group({.writes = group.size(),
                          .took = std::chrono::steady_clock::now() - began,
                          .failure = common ? &*common : nullptr,
                          .committed = committed});
  }
}

Writer::Tried Writer::try_group(Group& group, Failures& failures, Undo undo) {
  Transaction transaction(*connection_, Transaction::Kind::kWrite);
  if (group.empty()) options_.probe(*connection_);
  std::size_t failed = 0;
  for (std::size_t i = 0; i < group.size(); ++i) {
    try {
      std::optional<Savepoint> savepoint;
      if (undo == Undo::kEach) savepoint.emplace(*connection_);
      group[i]->run(*connection_);
      const bool is_last = undo == Undo::kEach || i + 1 == group.size();
      if (is_last && options_.before_commit) options_.before_commit(*connection_, group.size());
      if (savepoint) savepoint->release();
    } catch (...) {
      Error error = current_error();
      // A full disk and the like end the whole transaction, not just this piece: what came before is gone as well.
      if (!is_own(error) || !connection_->in_transaction()) throw error;
      if (undo == Undo::kWhole && group.size() > 1) return Tried::kMustUndoEach;
      failures[i] = error.with_context(group[i]->doing());
      ++failed;
      if (options_.after_undo) options_.after_undo();
    }
  }
  // With nothing to keep there is nothing to wait for.
  if (!group.empty() && failed == group.size()) return Tried::kNothingToCommit;
  transaction.commit();
  commits_.fetch_add(1, std::memory_order_relaxed);
  return Tried::kCommitted;
}

void Writer::finish(Ticket& ticket, const std::optional<Error>& failure) noexcept {
  try {
    ticket.finish(failure ? &*failure : nullptr);
  } catch (...) {
    // Whoever was to be told is not; the write is what it is, and the writer has others to serve.
  }
}

}  // namespace penstock::store
