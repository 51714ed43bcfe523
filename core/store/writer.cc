#include "core/store/writer.h"

#include <new>
#include <utility>

namespace penstock::store {

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
  std::lock_guard lock(mutex_);
  counts.waiting = waiting_.size();
  return counts;
}

void Writer::submit(std::string_view doing, std::size_t bytes, std::function<void(Connection&)> work) {
  const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
  auto ticket = std::make_shared<Ticket>(std::move(work), bytes);
  {
    std::lock_guard lock(mutex_);
    if (waiting_.size() >= options_.max_waiting ||
        (!waiting_.empty() && waiting_bytes_ + bytes > options_.max_waiting_bytes)) {
      throw Error(ErrorKind::kExhausted, std::string(doing) + ": " + std::to_string(waiting_.size()) +
                                             " writes are waiting for the disk already");
    }
    waiting_.push_back(ticket);
    waiting_bytes_ += bytes;
  }
  work_came_.notify_one();

  std::unique_lock lock(ticket->mutex);
  bool done = ticket->changed.wait_until(lock, deadline, [&] { return ticket->state == Ticket::State::kDone; });
  if (!done) {
    bool taken = ticket->state == Ticket::State::kTaken;
    if (!taken) ticket->state = Ticket::State::kAbandoned;
    Error error(ErrorKind::kTimeout,
                std::string(doing) + ": not on disk after " + std::to_string(options_.timeout.count()) + " ms");
    error.with_may_have_happened(taken);
    throw error;
  }
  if (ticket->failure) {
    const Failure& failure = *ticket->failure;
    Error error(failure.kind, std::string(doing) + ": " + failure.message);
    error.with_code(failure.code).with_may_have_happened(failure.may_have_happened);
    throw error;
  }
}

void Writer::run_thread() {
  std::vector<std::optional<Failure>> failures;
  for (;;) {
    Group group = take_group();
    if (group.empty()) return;
    failures.assign(group.size(), std::nullopt);
    commit_group(group, failures);
    for (std::size_t i = 0; i < group.size(); ++i) finish(*group[i], std::move(failures[i]));
    if (options_.between_groups) options_.between_groups(*connection_);
  }
}

// Blocks until there is work; empty when there will be none any more. What nobody waits for is left out.
Writer::Group Writer::take_group() {
  Group group;
  while (group.empty()) {
    std::deque<std::shared_ptr<Ticket>> taken;
    {
      std::unique_lock lock(mutex_);
      work_came_.wait(lock, [&] { return !waiting_.empty() || stopping_; });
      if (waiting_.empty()) return {};
      taken.swap(waiting_);
      waiting_bytes_ = 0;
    }
    for (auto& ticket : taken) {
      std::lock_guard lock(ticket->mutex);
      if (ticket->state == Ticket::State::kAbandoned) continue;
      ticket->state = Ticket::State::kTaken;
      group.push_back(std::move(ticket));
    }
  }
  return group;
}

void Writer::commit_group(Group& group, std::vector<std::optional<Failure>>& failures) {
  std::size_t stored = 0;
  try {
    Transaction transaction(*connection_, Transaction::Kind::kWrite);
    for (std::size_t i = 0; i < group.size(); ++i) {
      try {
        Savepoint savepoint(*connection_);
        group[i]->work(*connection_);
        savepoint.release();
        ++stored;
      } catch (...) {
        // A full disk and the like end the whole transaction, not just the savepoint: what came before is gone as well.
        if (!connection_->in_transaction()) throw;
        failures[i] = current_failure();
      }
    }
    // With nothing to keep there is nothing to wait for.
    if (stored > 0) {
      transaction.commit();
      commits_.fetch_add(1, std::memory_order_relaxed);
    }
  } catch (...) {
    Failure common = current_failure();
    for (auto& failure : failures)
      if (!failure) failure = common;
    stored = 0;
  }
  committed_writes_.fetch_add(stored, std::memory_order_relaxed);
  failed_writes_.fetch_add(group.size() - stored, std::memory_order_relaxed);
}

void Writer::finish(Ticket& ticket, std::optional<Failure> failure) {
  // What the work holds (request bodies) is let go here, not when the last owner of the ticket comes by.
  std::function<void(Connection&)> work;
  {
    std::lock_guard lock(ticket.mutex);
    work.swap(ticket.work);
    ticket.failure = std::move(failure);
    ticket.state = Ticket::State::kDone;
  }
  ticket.changed.notify_one();
}

Writer::Failure Writer::current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.kind(), error.what(), error.code(), error.may_have_happened()};
  } catch (const std::bad_alloc&) {
    return {ErrorKind::kExhausted, "out of memory", "", false};
  } catch (const std::exception& error) {
    return {ErrorKind::kInternal, error.what(), "", false};
  }
}

}  // namespace penstock::store
