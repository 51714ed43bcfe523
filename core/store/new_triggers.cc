#include "core/store/new_triggers.h"

#include <algorithm>

namespace penstock::store {

std::string make_trigger_token(const RecordOptions& options, const NewTrigger& trigger, int generation) {
  if (!options.make_request_token) return {};
  return options.make_request_token(trigger.push_key, trigger.webhook, trigger.pipeline, generation);
}

std::optional<ExistingTrigger> find_existing_trigger(Connection& connection, const NewTrigger& trigger,
                                                     bool retired_too) {
  std::optional<ExistingTrigger> existing;
  const auto find = [&](const char* sql, const std::string& push_key) {
    Statement statement = connection.prepare(sql);
    statement.bind(push_key, trigger.webhook, trigger.pipeline);
    while (statement.step()) {
      auto generation = static_cast<int>(statement.integer(0));
      if (!existing) existing = ExistingTrigger{generation, statement.text(1)};
      existing->generation = std::max(existing->generation, generation);
    }
  };
  find(
      "SELECT generation, delivery_id FROM triggers WHERE push_key = ?1 AND webhook = ?2 AND pipeline = ?3 "
      "ORDER BY generation",
      trigger.push_key);
  if (retired_too) {
    // Earlier versions kept the key itself.
    for (const std::string& push_key : {retired_key(trigger.push_key), trigger.push_key}) {
      find(
          "SELECT generation, delivery_id FROM retired_triggers WHERE push_key = ?1 AND webhook = ?2 AND pipeline = "
          "?3",
          push_key);
    }
  }
  return existing;
}

bool has_retired_keys(Connection& connection, RecordCache& cache) {
  if (!cache.has_retired_keys) {
    cache.has_retired_keys =
        connection.query_integer(
            "SELECT EXISTS (SELECT 1 FROM retired_notifications) OR EXISTS (SELECT 1 FROM retired_triggers)") == 1;
  }
  return *cache.has_retired_keys;
}

void insert_trigger(Connection& connection, const TriggerRow& row, const NewTrigger& trigger) {
  connection
      .prepare(
          "INSERT INTO triggers (id, delivery_id, push_key, webhook, pipeline, generation, action, ref, "
          "commit_id, variables, client_request_token, state, undecided, created_at, awaits_paths, note) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'pending', ?12, ?13, ?14, ?15)")
      .run(Blob{row.id}, Blob{row.delivery_id}, trigger.push_key, trigger.webhook, trigger.pipeline, row.generation,
           trigger.action, trigger.ref, trigger.commit_id, row.variables, row.client_request_token,
           trigger.undecided ? 1 : 0, row.created_at, trigger.awaits_paths ? 1 : 0, row.note);
}

}  // namespace penstock::store
