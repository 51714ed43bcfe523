// One thread that writes for all: it takes what is waiting, runs it in one transaction and wakes everybody after the
// one commit, so that the cost of reaching the disk is shared. Nothing is delayed on purpose: while one commit is under
// way the next group gathers by itself.
//
// Each piece of work is a savepoint: its own error undoes it alone. When the transaction cannot be begun or committed,
// or the disk fails in between, everybody in the group gets that error and nothing of the group is stored.
//
// No lock is held while work runs or the disk is waited for.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/store/sqlite.h"

namespace penstock::store {

class Writer {
 public:
  struct Options {
    std::chrono::milliseconds timeout{10000};
    std::size_t max_waiting = 1024;
    std::size_t max_waiting_bytes = 64u << 20;  // one piece of work is always let in
    // Called on the writer's thread after each group's callers were woken; must not throw.
    std::function<void(Connection&)> between_groups;
  };
  struct Counts {
    std::uint64_t committed_writes = 0, failed_writes = 0, commits = 0;
    std::size_t waiting = 0;
  };

  Writer(std::unique_ptr<Connection> connection, const Options& options);
  // Finishes what has been accepted. No caller may be left.
  ~Writer();

  // Runs `work` on the writer's thread and returns after its transaction is on disk. `doing` is the context of errors,
  // `bytes` about how much memory `work` holds. `work` must own all that it touches: it may still run after this call
  // has given up waiting, and outlive the caller's frame.
  //   Error{kExhausted}: too much is waiting already.
  //   Error{kTimeout}: the deadline passed; may_have_happened() tells whether the work had been taken up.
  //   whatever `work` throws, and what Connection does.
  template <typename Result>
  Result run(std::string_view doing, std::size_t bytes, std::function<Result(Connection&)> work) {
    if constexpr (std::is_void_v<Result>) {
      submit(doing, bytes, std::move(work));
    } else {
      auto result = std::make_shared<std::optional<Result>>();
      submit(doing, bytes, [result, work = std::move(work)](Connection& connection) { *result = work(connection); });
      return std::move(**result);
    }
  }

  // Thread-safe.
  Counts counts() const;

 private:
  // An error as plain data: exceptions do not cross threads here.
  struct Failure {
    ErrorKind kind;
    std::string message, code;
    bool may_have_happened;
  };
  struct Ticket {
    explicit Ticket(std::function<void(Connection&)> job, std::size_t size) : work(std::move(job)), bytes(size) {}
    std::function<void(Connection&)> work;
    const std::size_t bytes;

    std::mutex mutex;  // guards the rest
    std::condition_variable changed;
    enum class State { kWaiting, kTaken, kDone, kAbandoned } state = State::kWaiting;
    std::optional<Failure> failure;
  };
  using Group = std::vector<std::shared_ptr<Ticket>>;

  void submit(std::string_view doing, std::size_t bytes, std::function<void(Connection&)> work);
  void run_thread();
  Group take_group();
  void commit_group(Group& group, std::vector<std::optional<Failure>>& failures);
  static void finish(Ticket& ticket, std::optional<Failure> failure);
  static Failure current_failure();

  const Options options_;
  std::unique_ptr<Connection> connection_;  // of thread_ only

  mutable std::mutex mutex_;  // guards the next four
  std::condition_variable work_came_;
  std::deque<std::shared_ptr<Ticket>> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool stopping_ = false;

  std::atomic<std::uint64_t> committed_writes_{0}, failed_writes_{0}, commits_{0};
  std::thread thread_;
};

}  // namespace penstock::store
