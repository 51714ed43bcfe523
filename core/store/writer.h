// One thread that writes for all: it takes what is waiting, runs it in one transaction and answers everybody after the
// one commit, so that the cost of reaching the disk is shared. Nothing is delayed on purpose: while one commit is under
// way the next group gathers by itself.
//
// An error of one piece of work undoes that piece alone: the group is rolled back and run once more, then with a
// savepoint for each piece. When the transaction cannot be begun or committed, or the disk fails in between, everybody
// in the group gets that error and nothing of the group is stored. Until a commit succeeds again, an empty write is
// tried from time to time.
//
// No lock is held while work runs, the disk is waited for or anybody is answered.
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
  struct GroupReport {
    std::size_t writes = 0;                      // 0 = a probe
    std::chrono::steady_clock::duration took{};  // from the beginning of the transaction to its end on disk
    const Error* failure = nullptr;              // what made all of them fail
    bool committed = false;                      // false without a failure: each had an error of its own
  };
  struct Options {
    std::chrono::milliseconds timeout{10000};
    std::size_t max_waiting = 1024;
    std::size_t max_waiting_bytes = 64u << 20;  // one piece of work is always let in
    // All on the writer's thread.
    // Before each transaction; may put another connection in the place of this one. What it throws, the group gets.
    std::function<void(std::unique_ptr<Connection>&)> before_group;
    // At the end of each transaction, in it, with the number of writes that share it. What it throws, the last of them
    // has thrown.
    std::function<void(Connection&, std::size_t writes)> before_commit;
    // Whenever work that was run has been undone, or may have been; must not throw.
    std::function<void()> after_undo;
    // After each transaction, before anybody is answered; must not throw.
    std::function<void(const GroupReport&)> after_group;
    // After each group was answered; must not throw.
    std::function<void(Connection&)> between_groups;
    // A write that changes nothing that matters, and how often it is tried while writing fails and nobody else tries.
    std::function<void(Connection&)> probe;
    std::chrono::milliseconds probe_interval{1000};
    // While writing fails nobody waits longer than this for a lock.
    std::chrono::milliseconds busy_timeout_in_trouble{100};
  };
  struct Counts {
    std::uint64_t committed_writes = 0, failed_writes = 0, commits = 0;
    std::uint64_t refused_writes = 0;  // too much was waiting
    std::uint64_t late_writes = 0;     // of the failed ones: their deadline had passed when their turn came
    std::size_t waiting = 0;
  };

  // A piece of work and who is told of its end.
  class Ticket {
   public:
    virtual ~Ticket() = default;

   protected:
    // `bytes` is about how much memory the ticket holds.
    explicit Ticket(std::size_t bytes) noexcept : bytes_(bytes) {}

   private:
    friend class Writer;
    // The context of errors: "recording delivery "…"".
    virtual std::string doing() const = 0;
    // On the writer's thread: false when nobody waits for it any more; then nothing else is called.
    virtual bool take() noexcept { return true; }
    // On the writer's thread, within a transaction. Once more from the start when that transaction was rolled back.
    virtual void run(Connection& connection) = 0;
    // Once, with no lock held: null when the work is on disk. On the writer's thread, or on that of submit().
    virtual void finish(const Error* error) = 0;

    const std::size_t bytes_;
    std::chrono::steady_clock::time_point deadline_;
  };

  Writer(std::unique_ptr<Connection> connection, const Options& options);
  // Finishes and answers what has been accepted. No caller may be left.
  ~Writer();

  // Returns at once; the ticket is finished later, or right here when it is refused:
  //   Error{kExhausted}: too much is waiting already.
  //   Error{kTimeout}: it was still waiting when its deadline had passed. Told when its turn comes.
  //   whatever its work throws, and what Connection does.
  void submit(std::unique_ptr<Ticket> ticket);

  // Runs `work` on the writer's thread and returns after its transaction is on disk. `work` must own all that it
  // touches: it may still run after this call has given up waiting, and outlive the caller's frame.
  // Errors as above, but kTimeout comes when the deadline passes; may_have_happened() tells whether the work had been
  // taken up. Not from the writer's own thread.
  template <typename Result>
  Result run(std::string_view doing, std::size_t bytes, std::function<Result(Connection&)> work) {
    if constexpr (std::is_void_v<Result>) {
      run_and_wait(doing, bytes, std::move(work));
    } else {
      auto result = std::make_shared<std::optional<Result>>();
      run_and_wait(doing, bytes,
                   [result, work = std::move(work)](Connection& connection) { *result = work(connection); });
      return std::move(**result);
    }
  }

  // Thread-safe.
  Counts counts() const;

 private:
  using Group = std::vector<std::unique_ptr<Ticket>>;
  using Failures = std::vector<std::optional<Error>>;  // of each of a group
  class WaitingTicket;

  std::optional<Error> enqueue(std::unique_ptr<Ticket>& ticket);  // takes it, or says why not
  void run_and_wait(std::string_view doing, std::size_t bytes, std::function<void(Connection&)> work);
  void run_thread();
  std::optional<Group> take_group();
  void commit_group(Group& group, Failures& failures);
  enum class Undo { kWhole, kEach };
  enum class Tried { kCommitted, kNothingToCommit, kMustUndoEach };
  Tried try_group(Group& group, Failures& failures, Undo undo);
  static void finish(Ticket& ticket, const std::optional<Error>& failure) noexcept;
  Error late(const Ticket& ticket) const;

  const Options options_;
  std::unique_ptr<Connection> connection_;  // of thread_ only, like the next
  bool in_trouble_ = false;

  mutable std::mutex mutex_;  // guards the next four
  std::condition_variable work_came_;
  std::deque<std::unique_ptr<Ticket>> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool stopping_ = false;

  std::atomic<std::uint64_t> committed_writes_{0}, failed_writes_{0}, commits_{0}, refused_writes_{0}, late_writes_{0};
  std::thread thread_;
};

}  // namespace penstock::store
