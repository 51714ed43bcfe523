#include "core/store/triggers.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/store/deliveries.h"
#include "core/store/json_columns.h"
#include "core/store/uuid_blob.h"

#define TRIGGER_COLUMNS                                                                                 \
  "id, delivery_id, push_key, webhook, pipeline, action, ref, commit_id, variables, generation, "       \
  "client_request_token, "                                                                              \
  "state, undecided, attempts, created_at, next_attempt_at, started_at, pipeline_execution_id, error, " \
  "unclaimed_deadline, cleared_at, awaits_paths, note FROM triggers "

// ?1 = the delivery's id, ?2 = the last id that a trigger of it could have.
#define OF_DELIVERY "id > ?1 AND id <= ?2 AND delivery_id = ?1 "

// The watch ends when a job shows up, so that this matches what is really overdue.
#define NO_JOB_KNOWN                                                                                      \
  "NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.pipeline_execution_id = triggers.pipeline_execution_id AND " \
  "jobs.pipeline = triggers.pipeline) "

namespace penstock::store {
namespace {

Trigger read_trigger(const Statement& row) {
  Trigger trigger;
  trigger.id = blob_to_uuid(row.text(0));
  trigger.delivery_id = blob_to_uuid(row.text(1));
  trigger.push_key = row.text(2);
  trigger.webhook = row.text(3);
  trigger.pipeline = row.text(4);
  trigger.action = row.text(5);
  trigger.ref = row.text(6);
  trigger.commit_id = row.text(7);
  trigger.variables = decode_map(row.text(8));
  trigger.generation = static_cast<int>(row.integer(9));
  trigger.client_request_token = row.text(10);
  std::optional<TriggerState> state = parse_trigger_state(row.text(11));
  if (!state) throw Error(ErrorKind::kCorrupt, "reading trigger " + trigger.id + ": state " + in_quotes(row.text(11)));
  trigger.state = *state;
  trigger.undecided = row.integer(12) != 0;
  trigger.attempts = static_cast<int>(row.integer(13));
  trigger.created_at = row.time(14);
  trigger.next_attempt_at = row.optional_time(15);
  trigger.started_at = row.optional_time(16);
  trigger.pipeline_execution_id = row.text(17);
  trigger.error = row.text(18);
  trigger.unclaimed_deadline = row.optional_time(19);
  trigger.cleared_at = row.optional_time(20);
  trigger.awaits_paths = row.integer(21) != 0;
  trigger.note = row.text(22);
  return trigger;
}

std::vector<Trigger> read_all(Statement& rows) {
  std::vector<Trigger> triggers;
  while (rows.step()) triggers.push_back(read_trigger(rows));
  return triggers;
}

Trigger require_trigger(Connection& connection, const std::string& id) {
  std::optional<Trigger> trigger = load_trigger(connection, id);
  if (!trigger) throw Error(ErrorKind::kNotFound, "there is no such trigger");
  return *trigger;
}

#define PENDING_COLUMNS \
  "id, webhook, pipeline, action, undecided, awaits_paths, attempts, next_attempt_at FROM triggers "

PendingTrigger read_pending(const Statement& row) {
  return {.id = blob_to_uuid(row.text(0)),
          .webhook = row.text(1),
          .pipeline = row.text(2),
          .action = row.text(3),
          .undecided = row.integer(4) != 0,
          .awaits_paths = row.integer(5) != 0,
          .attempts = static_cast<int>(row.integer(6)),
          .next_attempt_at = row.optional_time(7)};
}

// Ids rise with time.
void sort_by_arrival(std::vector<PendingTrigger>& triggers) {
  std::sort(triggers.begin(), triggers.end(),
            [](const PendingTrigger& a, const PendingTrigger& b) { return a.id < b.id; });
}

[[noreturn]] void refuse(const Trigger& trigger) {
  throw Error(ErrorKind::kConflict, "the trigger is " + std::string(to_string(trigger.state)) + " already");
}

bool is_open(const Trigger& trigger) {
  return trigger.state == TriggerState::kPending || trigger.state == TriggerState::kDeferred;
}

std::optional<Timestamp> first_time(Statement statement) {
  if (!statement.step()) return std::nullopt;
  return statement.time(0);
}

}  // namespace

std::string trigger_id_blob(std::string_view delivery_id_blob, std::uint32_t n) {
  std::string id(delivery_id_blob);
  std::uint64_t carry = n;
  for (std::size_t i = id.size(); i-- > 0 && carry > 0; carry >>= 8) {
    carry += static_cast<unsigned char>(id[i]);
    id[i] = static_cast<char>(carry & 0xff);
  }
  return id;
}

std::vector<Trigger> load_triggers_of_delivery(Connection& connection, std::string_view delivery_id_blob) {
  Statement rows = connection.prepare("SELECT " TRIGGER_COLUMNS "WHERE " OF_DELIVERY "ORDER BY id");
  const std::string last = trigger_id_blob(delivery_id_blob, kMaxTriggersPerDelivery);
  rows.bind(Blob{delivery_id_blob}, Blob{last});
  return read_all(rows);
}

bool has_unfinished_triggers(Connection& connection, std::string_view delivery_id_blob) {
  Statement rows =
      connection.prepare("SELECT 1 FROM triggers WHERE " OF_DELIVERY
                         "AND (state IN ('pending', 'deferred') OR unclaimed_deadline IS NOT NULL) LIMIT 1");
  const std::string last = trigger_id_blob(delivery_id_blob, kMaxTriggersPerDelivery);
  rows.bind(Blob{delivery_id_blob}, Blob{last});
  return rows.step();
}

void retire_triggers(Connection& connection, std::string_view delivery_id_blob, Timestamp keys_expire) {
  // The newest generation counts, and lives as long as the longest-lived of them.
  for (const Trigger& trigger : load_triggers_of_delivery(connection, delivery_id_blob)) {
    connection
        .prepare(
            "INSERT INTO retired_triggers (push_key, webhook, pipeline, generation, delivery_id, expires_at) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET "
            "generation = max(generation, excluded.generation), expires_at = max(expires_at, excluded.expires_at)")
        .run(retired_key(trigger.push_key), trigger.webhook, trigger.pipeline, trigger.generation,
             Blob{delivery_id_blob}, keys_expire);
  }
}

void delete_triggers(Connection& connection, std::string_view delivery_id_blob) {
  connection.prepare("DELETE FROM triggers WHERE " OF_DELIVERY)
      .run(Blob{delivery_id_blob}, Blob{trigger_id_blob(delivery_id_blob, kMaxTriggersPerDelivery)});
}

std::vector<PendingTrigger> load_pending_triggers(Connection& connection, int limit) {
  std::vector<PendingTrigger> triggers;
  Statement rows = connection.prepare("SELECT " PENDING_COLUMNS
                                      "WHERE state = 'pending' ORDER BY ifnull(next_attempt_at, 0), seq LIMIT ?1");
  rows.bind(limit);
  while (rows.step()) triggers.push_back(read_pending(rows));
  sort_by_arrival(triggers);
  return triggers;
}

DeferredTriggers load_deferred_triggers(Connection& connection, Timestamp now, int limit) {
  DeferredTriggers deferred;
  Statement rows =
      connection.prepare("SELECT " PENDING_COLUMNS
                         "WHERE state = 'deferred' AND next_attempt_at <= ?1 ORDER BY next_attempt_at, seq LIMIT ?2");
  rows.bind(now, limit);
  while (rows.step()) deferred.due.push_back(read_pending(rows));
  sort_by_arrival(deferred.due);
  Statement next = connection.prepare(
      "SELECT next_attempt_at FROM triggers WHERE state = 'deferred' AND next_attempt_at > ?1 "
      "ORDER BY next_attempt_at LIMIT 1");
  next.bind(now);
  if (next.step()) deferred.next = next.time(0);
  return deferred;
}

std::vector<TriggerBacklog> load_trigger_backlog(Connection& connection) {
  std::vector<TriggerBacklog> backlog;
  // The partial indexes answer: rows come in the order of their arrival.
  const auto count = [&](TriggerState state, const char* sql) {
    TriggerBacklog& entry = backlog.emplace_back(TriggerBacklog{.state = to_string(state), .count = 0, .oldest = {}});
    Statement row = connection.prepare(sql);
    if (!row.step()) return;
    entry.count = static_cast<std::uint64_t>(row.integer(0));
    if (row.is_null(1)) return;
    Statement oldest = connection.prepare("SELECT created_at FROM triggers WHERE seq = ?1");
    oldest.bind(row.integer(1));
    entry.oldest = first_time(std::move(oldest));
  };
  count(TriggerState::kPending, "SELECT count(*), min(seq) FROM triggers WHERE state = 'pending'");
  count(TriggerState::kDeferred, "SELECT count(*), min(seq) FROM triggers WHERE state = 'deferred'");
  return backlog;
}

std::vector<AwaitingTrigger> load_triggers_awaiting_paths(Connection& connection, int limit) {
  std::vector<AwaitingTrigger> triggers;
  Statement rows = connection.prepare(
      "SELECT triggers.id, delivery_id, push_key, repository_id, repository_name, next_attempt_at, "
      "created_at FROM triggers "
      "CROSS JOIN deliveries ON deliveries.id = triggers.delivery_id WHERE awaits_paths = 1 AND state = 'pending' "
      "ORDER BY ifnull(next_attempt_at, 0), triggers.seq LIMIT ?1");
  rows.bind(limit);
  while (rows.step()) {
    triggers.push_back({.id = blob_to_uuid(rows.text(0)),
                        .delivery_id = blob_to_uuid(rows.text(1)),
                        .push_key = rows.text(2),
                        .repository = rows.text(3).empty() ? rows.text(4) : rows.text(3),
                        .created_at = rows.time(6),
                        .next_attempt_at = rows.optional_time(5)});
  }
  return triggers;
}

std::optional<Trigger> load_trigger(Connection& connection, const std::string& id) {
  std::optional<std::string> blob = uuid_to_blob(id);
  if (!blob) return std::nullopt;
  Statement row = connection.prepare("SELECT " TRIGGER_COLUMNS "WHERE id = ?1");
  row.bind(Blob{*blob});
  if (!row.step()) return std::nullopt;
  return read_trigger(row);
}

std::optional<Trigger> load_trigger_of_execution(Connection& connection, const std::string& pipeline,
                                                 const std::string& pipeline_execution_id) {
  if (pipeline_execution_id.empty()) return std::nullopt;
  Statement row = connection.prepare("SELECT " TRIGGER_COLUMNS
                                     "WHERE pipeline_execution_id = ?1 AND pipeline = ?2 AND "
                                     "pipeline_execution_id <> '' ORDER BY id DESC LIMIT 1");
  row.bind(pipeline_execution_id, pipeline);
  if (!row.step()) return std::nullopt;
  return read_trigger(row);
}

std::vector<Trigger> load_unclaimed_triggers(Connection& connection, Timestamp now, int limit) {
  Statement rows = connection.prepare("SELECT " TRIGGER_COLUMNS
                                      "WHERE unclaimed_deadline <= ?1 AND state = 'started' AND " NO_JOB_KNOWN
                                      "ORDER BY unclaimed_deadline LIMIT ?2");
  rows.bind(now, limit);
  return read_all(rows);
}

std::optional<Timestamp> load_next_unclaimed_deadline(Connection& connection) {
  return first_time(
      connection.prepare("SELECT unclaimed_deadline FROM triggers WHERE unclaimed_deadline IS NOT NULL AND "
                         "state = 'started' AND " NO_JOB_KNOWN "ORDER BY unclaimed_deadline LIMIT 1"));
}

void mark_trigger_started(Connection& connection, const std::string& id, const std::string& pipeline_execution_id,
                          Timestamp started_at, std::optional<Timestamp> unclaimed_deadline) {
  Trigger trigger = require_trigger(connection, id);
  if (trigger.state == TriggerState::kStarted) {
    if (trigger.pipeline_execution_id == pipeline_execution_id) return;
    throw Error(ErrorKind::kConflict, "it started execution " + in_quotes(trigger.pipeline_execution_id) + " already");
  }
  // An ended trigger may turn out to have been started: the execution exists, and that is what counts.
  connection
      .prepare(
          "UPDATE triggers SET state = 'started', undecided = 0, attempts = attempts + 1, next_attempt_at = NULL, "
          "started_at = ?2, pipeline_execution_id = ?3, error = '', unclaimed_deadline = ?4 WHERE id = ?1")
      .run(Blob{*uuid_to_blob(id)}, started_at, pipeline_execution_id, unclaimed_deadline);
  // The job can be faster than the answer to the call that caused it.
  connection
      .prepare(
          "UPDATE triggers SET unclaimed_deadline = NULL WHERE id = ?1 AND EXISTS (SELECT 1 FROM jobs WHERE "
          "jobs.pipeline_execution_id = triggers.pipeline_execution_id AND jobs.pipeline = triggers.pipeline)")
      .run(Blob{*uuid_to_blob(id)});
}

void mark_trigger_ended(Connection& connection, const std::string& id, TriggerState state, const std::string& reason) {
  if (state != TriggerState::kSkipped && state != TriggerState::kSuperseded && state != TriggerState::kFailed)
    throw Error(ErrorKind::kInternal, "state " + in_quotes(to_string(state)) + " is no end without a start");
  Trigger trigger = require_trigger(connection, id);
  if (trigger.state == state) return;
  if (!is_open(trigger)) refuse(trigger);
  connection
      .prepare(
          "UPDATE triggers SET state = ?2, error = ?3, attempts = attempts + ?4, next_attempt_at = NULL WHERE id = ?1")
      .run(Blob{*uuid_to_blob(id)}, to_string(state), reason, state == TriggerState::kFailed ? 1 : 0);
}

void reschedule_trigger(Connection& connection, const std::string& id, Timestamp next_attempt_at,
                        const std::string& error) {
  Trigger trigger = require_trigger(connection, id);
  if (!is_open(trigger)) refuse(trigger);
  connection
      .prepare(
          "UPDATE triggers SET state = 'pending', attempts = attempts + 1, next_attempt_at = ?2, error = ?3 "
          "WHERE id = ?1")
      .run(Blob{*uuid_to_blob(id)}, next_attempt_at, error);
}

void defer_trigger(Connection& connection, const std::string& id, Timestamp until, const std::string& reason) {
  Trigger trigger = require_trigger(connection, id);
  if (!is_open(trigger)) refuse(trigger);
  if (trigger.cleared_at) return;
  connection.prepare("UPDATE triggers SET state = 'deferred', next_attempt_at = ?2, error = ?3 WHERE id = ?1")
      .run(Blob{*uuid_to_blob(id)}, until, reason);
}

void clear_trigger(Connection& connection, const std::string& id, Timestamp time) {
  Trigger trigger = require_trigger(connection, id);
  if (!is_open(trigger)) refuse(trigger);
  connection
      .prepare(
          "UPDATE triggers SET state = 'pending', next_attempt_at = NULL, error = '', "
          "cleared_at = ifnull(cleared_at, ?2) WHERE id = ?1")
      .run(Blob{*uuid_to_blob(id)}, time);
}

void release_trigger(Connection& connection, const std::string& id, Timestamp now) {
  Trigger trigger = require_trigger(connection, id);
  if (trigger.state != TriggerState::kDeferred) {
    throw Error(ErrorKind::kConflict,
                "it is " + std::string(to_string(trigger.state)) + "; only a deferred trigger can be released");
  }
  clear_trigger(connection, id, now);
}

void decide_trigger(Connection& connection, const std::string& id, const std::string& decisions_json,
                    const std::string& variables, AwaitsPaths awaits_paths) {
  Trigger trigger = require_trigger(connection, id);
  // One that was decided not to start has ended first, so that no crash leaves it decided and pending.
  if (!is_open(trigger) && trigger.state != TriggerState::kSkipped) refuse(trigger);
  connection
      .prepare(
          "UPDATE triggers SET undecided = 0, variables = ?2, awaits_paths = ?3, next_attempt_at = NULL, "
          "error = CASE state WHEN 'skipped' THEN error ELSE '' END WHERE id = ?1")
      .run(Blob{*uuid_to_blob(id)}, variables, awaits_paths == AwaitsPaths::kYes ? 1 : 0);
  replace_decisions(connection, *uuid_to_blob(trigger.delivery_id), decisions_json);
}

void replace_decisions(Connection& connection, std::string_view delivery_id_blob, const std::string& decisions_json) {
  connection
      .prepare(
          "UPDATE delivery_contents SET decisions = ?2, evidence = '' WHERE seq = (SELECT seq FROM deliveries "
          "WHERE id = ?1)")
      .run(Blob{delivery_id_blob}, decisions_json);
}

void clear_unclaimed_deadline(Connection& connection, const std::string& id, const std::string& note) {
  require_trigger(connection, id);
  connection
      .prepare(
          "UPDATE triggers SET unclaimed_deadline = NULL, error = CASE ?2 WHEN '' THEN error ELSE ?2 END WHERE id = ?1")
      .run(Blob{*uuid_to_blob(id)}, note);
}

void claim_execution(Connection& connection, const std::string& pipeline, const std::string& pipeline_execution_id) {
  if (pipeline_execution_id.empty()) return;
  connection
      .prepare(
          "UPDATE triggers SET unclaimed_deadline = NULL WHERE pipeline_execution_id = ?1 AND pipeline = ?2 AND "
          "pipeline_execution_id <> '' AND unclaimed_deadline IS NOT NULL")
      .run(pipeline_execution_id, pipeline);
}

}  // namespace penstock::store
