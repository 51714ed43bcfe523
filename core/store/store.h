// The history: deliveries, decisions, triggers, jobs and their logs in one SQLite file.
//
// Durability: WAL, synchronous=FULL; a write method returns after its transaction is on disk. One writer thread commits
// what all waiting callers brought in one transaction (group commit); a caller's error rolls back its own part only
// (savepoint). Readers use connections of their own and never block the writer.
// On crash: everything that returned is there, everything else is not; no half delivery (tested with kill -9).
// On full or read-only disk, I/O error, locked database: Error{kExhausted | kPermission | kUnavailable}, nothing is
// stored, later calls work again once the cause is gone. (When it is the sync of a commit that fails, the error says
// may_have_happened(): after a crash at that very moment the write could be found complete.) A queue of waiting writes
// longer than `max_waiting` or `max_waiting_bytes` is Error{kExhausted} at once. A corrupt or newer-versioned file is
// Error{kCorrupt | kConfiguration} at opening.
// While nothing can be written the writer tries an empty write every retry_interval, so that on_trouble tells when it
// is over. A lock held by another process is waited for once (write_timeout / 2, at most 5 s), then only 100 ms for as
// long as it lasts. After a failed sync of the database file (a checkpoint) all connections are closed and opened again
// and the log is copied anew before anything else is written: see Checkpointer. After a failed sync of the log (a
// commit) the next commit overwrites the same places. Clock jumps: ids and order come from UUIDv7 made monotonic;
// retention uses received_at and only ever deletes rows older than the age, in small steps. The file has mode 0600 when
// it is made here; an existing file keeps its mode.
//
// Thread-safety: all methods may be called from any thread. Write methods block until on disk or `write_timeout`
// (Error{kTimeout}; may_have_happened() unless the write was still waiting for its turn, then it is withdrawn). Reads
// share `readers` connections and take at most `read_timeout` (Error{kTimeout}).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/time.h"
#include "core/store/records.h"
#include "core/store/statistics.h"

namespace penstock::telemetry {
class Metrics;
}

namespace penstock::store {

// Something that lasts: told once when it begins and once when it is over, not for every call that fails of it.
struct Trouble {
  enum class Part { kWriting, kCheckpoints } part;
  enum class State { kBegins, kIsOver } state = State::kBegins;
  ErrorKind kind = ErrorKind::kInternal;  // of the cause, at the beginning
  std::string cause;                      // the latest
  std::uint64_t failures = 0;             // how many attempts have failed
  std::chrono::milliseconds lasted{0};    // when it is over
};

using RecordDone = std::function<void(const RecordedDelivery* recorded, const Error* error)>;

class Store {
 public:
  struct Options {
    std::filesystem::path path;
    std::chrono::milliseconds write_timeout{10000};
    std::chrono::milliseconds read_timeout{10000};
    std::size_t max_waiting = 1024;
    std::size_t max_waiting_bytes = 64u << 20;
    int readers = 4;
    // Strangers can cause rejected deliveries: of these only the newest so many are kept.
    int max_rejected = 1000;
    // A file up to this size is checked page by page at opening; of a larger one only the edges of the tables are read.
    std::uintmax_t quick_check_bytes = 64u << 20;
    // Of the write-ahead log, in pages of 4 KiB: after how many more it is copied into the database, and when writing
    // has to wait until it begins anew.
    int checkpoint_pages = 4000;
    int log_restart_pages = 16000;
    // While something fails: how long until it is tried again although nobody asks.
    std::chrono::milliseconds retry_interval{1000};
    // Makes client_request_token of a new trigger (hooks::client_request_token, brought by whoever wires).
    std::function<std::string(const std::string& push_key, const std::string& webhook, const std::string& pipeline,
                              int generation)>
        make_request_token;
    // Makes Delivery::decisions_json of what was stored (hooks::expand_decisions).
    std::function<std::string(std::string_view webhook_set_content, std::string_view evidence)> expand_decisions;
    // The text by whose words a delivery is found, told from its body (hooks::search_text): for deliveries that were
    // stored before there was an index of words.
    std::function<std::string(std::string_view body)> search_text;
    // How far a migration is that takes longer.
    std::function<void(const std::string&)> on_progress;
    // On one of the store's threads; must be short, must not throw and must not call the store.
    std::function<void(const Trouble&)> on_trouble;
    // Where the store counts; must outlive it. Null = nowhere.
    telemetry::Metrics* metrics = nullptr;
  };
  Store(Options options, const Clock& clock);  // opens or creates, migrates
  ~Store();

  // --- deliveries ---
  // One transaction: the delivery, its triggers, the keys. What is a repetition of what:
  // - Same endpoint and duplicate_key as an earlier delivery: stored as kDuplicate of it, without triggers.
  // - A trigger that an earlier delivery made (same push_key, webhook and pipeline) is not made again. When that holds
  //   for all, the delivery becomes kDuplicate of that one; when for some, `reason` says so.
  // - With redelivery_of neither applies: each trigger is the next generation. Error{kNotFound} when that delivery is
  //   gone.
  // - The same id again, after a call whose answer was not seen: nothing is stored, the first call's result returned.
  // - Rejected deliveries have no part in duplicate_key.
  // The keys outlive a pruned delivery until 30 days after its receipt.
  RecordedDelivery record_delivery(const NewDelivery& delivery);
  // The same without waiting. `done` is called exactly once with exactly one of its arguments: on the writer's thread
  // when the delivery is on disk or has failed, or on this thread before this returns when it is refused at once (no
  // UUID, or too much is waiting: kExhausted). What has waited longer than write_timeout when its turn comes gets
  // kTimeout, and is not stored. No lock is held during the call; it must be short, as everybody else's write waits for
  // it, and must not call what blocks on a write. The destructor returns after the last of them. Never throws.
  void record_delivery(NewDelivery delivery, RecordDone done) noexcept;
  std::optional<Delivery> find_delivery(const std::string& id) const;
  // In the order of ids. Deliveries are found by the pipelines of all triggers they asked for, new or not. A page can
  // be shorter than the limit although there is a next one: then the search was cut off after a bounded effort.
  DeliveryPage list_deliveries(const DeliveryQuery& query) const;

  // For those who are told of in it: removes a delivery for good, with its triggers, its jobs and their logs. What is
  // left cannot be traced back to a person: hashes of its keys, so that a repetition of the same push starts nothing,
  // for 30 days from now. Error{kNotFound}, or Error{kConflict} while a trigger or a job of it is unfinished. Its bytes
  // are overwritten at once in the tables, and elsewhere in the files by erase_more().
  struct DeletedDelivery {
    int jobs = 0;
  };
  DeletedDelivery delete_delivery(const std::string& id);
  // Goes on with what delete_delivery() left: parts of the index of words, the write-ahead log. False when nothing is
  // left to do.
  bool erase_more();
  // Adds words of deliveries that were stored before there was an index of words; at most `limit` deliveries. Returns
  // how many are left, about.
  std::int64_t index_older_texts(int limit);

  // --- triggers ---
  // All that change a trigger: Error{kNotFound}, or Error{kConflict} when its state does not allow the step. To repeat
  // a step that was made is no error.
  //
  // Due or not, in the order of their arrival. Of more than `limit` those that are due first, before all others those
  // that were never tried.
  std::vector<PendingTrigger> pending_triggers(int limit) const;
  std::optional<Trigger> find_trigger(const std::string& id) const;
  // One entry for each state in which a trigger waits, also where none does.
  std::vector<TriggerBacklog> trigger_backlog() const;
  // Counts an attempt. The deadline is not set when a job of the execution is known already.
  void mark_trigger_started(const std::string& id, const std::string& pipeline_execution_id, Timestamp started_at,
                            std::optional<Timestamp> unclaimed_deadline);
  // Ends the trigger without a start: kSkipped, kSuperseded or kFailed (counts an attempt) with the reason.
  void mark_trigger_ended(const std::string& id, TriggerState state, const std::string& reason);
  // Counts an attempt and sets when the next is due.
  void reschedule_trigger(const std::string& id, Timestamp next_attempt_at, const std::string& error);
  // Those that wait for their calendar; of more than `limit` that are due, those that are due the longest.
  DeferredTriggers deferred_triggers(Timestamp now, int limit) const;
  // Makes it wait, with the reason. Does nothing to one that was let go already. Counts no attempt.
  void defer_trigger(const std::string& id, Timestamp until, const std::string& reason);
  // It may go from `time` on whatever a calendar says: it is pending, due, and is not to be deferred again.
  void clear_trigger(const std::string& id, Timestamp time);
  // A person lets it go now: the same, but Error{kConflict} unless it is deferred.
  void release_trigger(const std::string& id);
  // After an undecided trigger was decided: stores the final decisions of the delivery, clears the flag and makes it
  // due, or lets it wait for its changed paths. One that was decided against and has therefore been skipped is taken
  // too, and stays skipped.
  void decide_trigger(const std::string& id, const std::string& decisions_json,
                      const std::map<std::string, std::string>& variables, AwaitsPaths awaits_paths = AwaitsPaths::kNo);
  // Decided pending triggers that wait for the changed paths of their push: those that are due first, and of these the
  // oldest.
  std::vector<AwaitingTrigger> triggers_awaiting_paths(int limit) const;
  // In one transaction: what becomes of triggers of one delivery that wait for their changed paths, and its decisions.
  // Triggers that are gone or wait no longer are left alone; when that holds for all, nothing is changed. The triggers
  // that take the place of one have its keys, in its generation, and its place in the order of arrival. One that an
  // earlier delivery made is not made again, unless this is a redelivery: then it is the next generation. A delivery
  // all of whose triggers are skipped becomes kFiltered. Returns the ids of the new triggers.
  std::vector<std::string> settle_paths(const PathsSettlement& settlement);
  // The trigger that started this execution.
  std::optional<Trigger> find_trigger_of_execution(const std::string& pipeline,
                                                   const std::string& pipeline_execution_id) const;
  // Started triggers whose unclaimed_deadline is not after `now` and for whose execution no job is known.
  std::vector<Trigger> unclaimed_triggers(Timestamp now, int limit) const;
  std::optional<Timestamp> next_unclaimed_deadline() const;
  // A note, unless empty, becomes the trigger's `error`.
  void clear_unclaimed_deadline(const std::string& trigger_id, const std::string& note);

  // --- jobs: the journal ---
  // Before AcknowledgeJob. A job id that is known already keeps its row and gets the new nonce; returns the row's id.
  // An empty id is made here. The trigger of the job's execution is no longer watched from here (or update_job) on.
  std::string journal_job(const Job& job);
  // Writes everything but id, job_id and claimed_at.
  void update_job(const Job& job);
  // At the start: the works that the history shows as running ended with their process.
  void interrupt_works();
  std::optional<Job> find_job(const std::string& id) const;  // ours or CodePipeline's id
  JobPage list_jobs(const JobQuery& query) const;
  std::vector<Job> unfinished_jobs() const;  // neither succeeded, failed nor lost
  // Sequences are given here, from 1 without gaps, whatever the lines say. At most 10,000 lines a job are kept, then
  // one line says so; a line is cut at 8 KiB. Error{kNotFound} for an unknown job.
  void append_job_log(const std::string& id, const std::vector<LogLine>& lines);
  std::vector<LogLine> job_log(const std::string& id, std::int64_t after_sequence, int limit) const;

  // --- sign-ups of third-party actions ---
  // Error{kConflict} when a sign-up with this request was recorded before. How many are kept: sign_ups.h.
  void record_sign_up(const NewSignUp& sign_up);
  bool is_sign_up_request_used(const std::string& digest) const;
  // The most likely to be good first.
  std::vector<SignUp> sign_ups_of(const std::string& action_type, const std::string& client_id) const;
  // Those with a higher number, in its order.
  std::vector<SignUp> sign_ups_after(std::int64_t number, int limit) const;
  void confirm_sign_up(std::int64_t number, Timestamp time);
  // Does nothing when it is not `before` any more.
  void replace_sealed_token(std::int64_t number, const std::string& before, const std::string& after);

  // --- statistics ---
  // See store::count_history().
  HistoryCounts count_history(Timestamp from, Timestamp until) const;

  // --- upkeep ---
  // Deletes at most `limit` deliveries (with what belongs to them) and jobs older than `before`; never unfinished ones.
  // Returns how many rows went; 0 = done.
  int prune(Timestamp before, int limit);
  // Commits an empty write: Error when nothing can be stored now. For /readyz.
  void check_writable();

  struct Stats {
    std::uint64_t committed_writes = 0, failed_writes = 0;  // calls
    std::uint64_t commits = 0;                              // transactions that they shared
    std::uint64_t refused_writes = 0, late_writes = 0;      // too much was waiting; its turn came after the timeout
    std::size_t waiting_writes = 0;
    std::uint64_t checkpoints = 0, log_restarts = 0, checkpoint_failures = 0;
    std::uint64_t log_pages = 0;   // of 4 KiB in the write-ahead log after the last commit
    std::uint64_t reopenings = 0;  // after failed syncs
    // Why nothing can be written, or the log not be copied into the database; empty = all is well.
    std::string writing_trouble, checkpoint_trouble;
  };
  Stats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::store
