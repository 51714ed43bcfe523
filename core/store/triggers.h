// The life of a trigger: pending (<-> deferred) -> started | skipped | superseded | failed. Each function works within
// the caller's transaction; those that change something throw Error{kNotFound} for an unknown trigger and
// Error{kConflict} for a step that its state does not allow.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/records.h"
#include "core/store/sqlite.h"

namespace penstock::store {

// The id of a delivery's n-th trigger, from 1: the delivery's own as a number, and n. Of UUIDs that are random in their
// last 62 bits none lies in another's range.
constexpr std::uint32_t kMaxTriggersPerDelivery = 1u << 24;
std::string trigger_id_blob(std::string_view delivery_id_blob, std::uint32_t n);

std::vector<Trigger> load_triggers_of_delivery(Connection& connection, std::string_view delivery_id_blob);
// One that is still to be started, or whose execution's job is still to show up.
bool has_unfinished_triggers(Connection& connection, std::string_view delivery_id_blob);
// Keeps their keys until then.
void retire_triggers(Connection& connection, std::string_view delivery_id_blob, Timestamp keys_expire);
void delete_triggers(Connection& connection, std::string_view delivery_id_blob);
std::vector<PendingTrigger> load_pending_triggers(Connection& connection, int limit);
DeferredTriggers load_deferred_triggers(Connection& connection, Timestamp now, int limit);
std::vector<TriggerBacklog> load_trigger_backlog(Connection& connection);
std::vector<AwaitingTrigger> load_triggers_awaiting_paths(Connection& connection, int limit);
std::optional<Trigger> load_trigger(Connection& connection, const std::string& id);
std::optional<Trigger> load_trigger_of_execution(Connection& connection, const std::string& pipeline,
                                                 const std::string& pipeline_execution_id);
std::vector<Trigger> load_unclaimed_triggers(Connection& connection, Timestamp now, int limit);
std::optional<Timestamp> load_next_unclaimed_deadline(Connection& connection);

void mark_trigger_started(Connection& connection, const std::string& id, const std::string& pipeline_execution_id,
                          Timestamp started_at, std::optional<Timestamp> unclaimed_deadline);
void mark_trigger_ended(Connection& connection, const std::string& id, TriggerState state, const std::string& reason);
void reschedule_trigger(Connection& connection, const std::string& id, Timestamp next_attempt_at,
                        const std::string& error);
void defer_trigger(Connection& connection, const std::string& id, Timestamp until, const std::string& reason);
void clear_trigger(Connection& connection, const std::string& id, Timestamp time);
void release_trigger(Connection& connection, const std::string& id, Timestamp now);
void decide_trigger(Connection& connection, const std::string& id, const std::string& decisions_json,
                    const std::string& variables, AwaitsPaths awaits_paths);
// Instead of the evidence, if they were told from that.
void replace_decisions(Connection& connection, std::string_view delivery_id_blob, const std::string& decisions_json);
void clear_unclaimed_deadline(Connection& connection, const std::string& id, const std::string& note);
// A job of this execution is known: its trigger need not be watched any more.
void claim_execution(Connection& connection, const std::string& pipeline, const std::string& pipeline_execution_id);

}  // namespace penstock::store
