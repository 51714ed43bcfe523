// The history: deliveries, decisions, triggers, jobs and their logs in one SQLite file.
//
// Durability: WAL, synchronous=FULL; a write method returns after its transaction is on disk. One writer thread commits
// what all waiting callers brought in one transaction (group commit); a caller's error rolls back its own part only
// (savepoint). Readers use connections of their own and never block the writer.
// On crash: everything that returned is there, everything else is not; no half delivery (tested with kill -9).
// On full or read-only disk, I/O error, locked database: Error{kExhausted | kPermission | kUnavailable}, nothing is
// stored, later calls work again once the cause is gone. A queue of waiting writes longer than `max_waiting` is
// Error{kExhausted} at once. A corrupt or newer-versioned file is Error{kCorrupt | kConfiguration} at opening.
// Clock jumps: ids and order come from UUIDv7 made monotonic; retention uses received_at and only ever deletes rows
// older than the age, in small steps.
//
// Thread-safety: all methods may be called from any thread. All write methods block until on disk or `write_timeout`
// (Error{kTimeout}, may_have_happened()).
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/store/records.h"

namespace penstock::store {

class Store {
 public:
  struct Options {
    std::filesystem::path path;
    std::chrono::milliseconds write_timeout{10000};
    std::size_t max_waiting = 1024;
    int readers = 4;
    // Makes client_request_token of a new trigger (hooks::client_request_token, brought by whoever wires).
    std::function<std::string(const std::string& push_key, const std::string& webhook, const std::string& pipeline,
                              int generation)>
        make_request_token;
  };
  Store(Options options, const Clock& clock);  // opens or creates, migrates
  ~Store();

  // --- deliveries ---
  RecordedDelivery record_delivery(const NewDelivery& delivery);
  std::optional<Delivery> find_delivery(const std::string& id) const;
  DeliveryPage list_deliveries(const DeliveryQuery& query) const;

  // --- triggers ---
  // Pending ones that are due at `now`, oldest first.
  std::vector<Trigger> due_triggers(Timestamp now, int limit) const;
  std::optional<Timestamp> next_trigger_due() const;
  std::optional<Trigger> find_trigger(const std::string& id) const;
  void mark_trigger_started(const std::string& id, const std::string& pipeline_execution_id, Timestamp started_at,
                            std::optional<Timestamp> unclaimed_deadline);
  // Ends the trigger without a start: kSkipped, kSuperseded or kFailed with the reason.
  void mark_trigger_ended(const std::string& id, TriggerState state, const std::string& reason);
  // Counts an attempt and sets when the next is due.
  void reschedule_trigger(const std::string& id, Timestamp next_attempt_at, const std::string& error);
  // After an undecided trigger was decided: stores the final decisions of the delivery and clears the flag.
  void decide_trigger(const std::string& id, const std::string& decisions_json,
                      const std::map<std::string, std::string>& variables);
  // The trigger that started this execution.
  std::optional<Trigger> find_trigger_of_execution(const std::string& pipeline,
                                                   const std::string& pipeline_execution_id) const;
  // Started triggers whose unclaimed_deadline is not after `now` and for whose execution no job is known.
  std::vector<Trigger> unclaimed_triggers(Timestamp now, int limit) const;
  std::optional<Timestamp> next_unclaimed_deadline() const;
  void clear_unclaimed_deadline(const std::string& trigger_id, const std::string& note);

  // --- jobs: the journal ---
  // Before AcknowledgeJob. A job id that is known already keeps its row and gets the new nonce; returns the row's id.
  std::string journal_job(const Job& job);
  // Writes everything but id, job_id and claimed_at.
  void update_job(const Job& job);
  std::optional<Job> find_job(const std::string& id) const;  // ours or CodePipeline's id
  JobPage list_jobs(const JobQuery& query) const;
  std::vector<Job> unfinished_jobs() const;  // neither succeeded, failed nor lost
  // At most 10,000 lines a job are kept; then one line says so.
  void append_job_log(const std::string& id, const std::vector<LogLine>& lines);
  std::vector<LogLine> job_log(const std::string& id, std::int64_t after_sequence, int limit) const;

  // --- upkeep ---
  // Deletes at most `limit` deliveries (with what belongs to them) and jobs older than `before`; never unfinished ones.
  // Returns how many rows went; 0 = done.
  int prune(Timestamp before, int limit);
  // Commits an empty write: Error when nothing can be stored now. For /readyz.
  void check_writable();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::store
