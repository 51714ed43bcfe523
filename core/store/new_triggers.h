// Making triggers, each once for its key. Within the caller's write transaction.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/store/deliveries.h"
#include "core/store/records.h"
#include "core/store/sqlite.h"

namespace penstock::store {

constexpr int kFirstGeneration = 0;

std::string make_trigger_token(const RecordOptions& options, const NewTrigger& trigger, int generation);

struct ExistingTrigger {
  int generation;           // the newest
  std::string delivery_id;  // 16 bytes, of the first generation that is still known
};
// With its push, webhook and pipeline; those of deleted deliveries too when asked for.
std::optional<ExistingTrigger> find_existing_trigger(Connection& connection, const NewTrigger& trigger,
                                                     bool retired_too);
bool has_retired_keys(Connection& connection, RecordCache& cache);

// What a trigger has besides what was asked for.
struct TriggerRow {
  std::string_view id, delivery_id;  // 16 bytes each
  int generation = kFirstGeneration;
  std::string_view variables;  // encoded
  std::string_view client_request_token;
  Timestamp created_at;
  std::string_view note;
};
void insert_trigger(Connection& connection, const TriggerRow& row, const NewTrigger& trigger);

}  // namespace penstock::store
