// Recording and reading deliveries.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/store/records.h"
#include "core/store/sqlite.h"
#include "core/store/terms.h"

namespace penstock::store {

using MakeRequestToken = std::function<std::string(const std::string& push_key, const std::string& webhook,
                                                   const std::string& pipeline, int generation)>;

// How long the keys of a deleted delivery are kept, counted from when it was received. Azure DevOps repeats a
// notification for at most 36 hours; a month leaves room for whatever was held back on the way.
constexpr std::chrono::hours kKeyRetention{30 * 24};

// What the only writer need not read again and again. To be cleared whenever a write was undone or deliveries were
// deleted.
struct RecordCache {
  TermCache terms;
  std::optional<std::vector<FoundUnder>> unindexed;
  std::optional<std::int64_t> id_skew_ms, id_disorder_ms, job_skew_ms;
  std::optional<std::string> newest_id;  // 16 bytes; empty = there is no delivery
  std::optional<bool> has_retired_keys;
  void clear() noexcept { *this = {}; }
};

struct RecordOptions {
  const Clock* clock;
  MakeRequestToken make_request_token;
  // Rejected deliveries are what strangers can cause: only the newest so many are kept.
  int max_rejected;
  RecordCache* cache;
};

// A delivery in the form in which it is stored: what can be made ready before the writer's turn.
struct PreparedDelivery {
  // Error{kInvalidInput} when an id is no UUID.
  PreparedDelivery(NewDelivery delivery, const RecordOptions& options);
  NewDelivery delivery;
  std::string id;  // 16 bytes
  std::optional<std::string> redelivery_of;
  std::string ref_updates;
  struct TriggerParts {
    std::string variables;  // encoded
    std::string token;      // of the first generation; empty for a redelivery
  };
  std::vector<TriggerParts> trigger_parts;  // of each trigger
  std::size_t bytes() const noexcept;
};

// Within the caller's write transaction. The delivery is found by its id at once, and by filters in any case; still,
// index_deliveries() must follow now and then, or filters become slow.
RecordedDelivery record_delivery(Connection& connection, const PreparedDelivery& prepared,
                                 const RecordOptions& options);

// How many deliveries the index does not have.
std::size_t count_unindexed(Connection& connection, RecordCache& cache);
void index_deliveries(Connection& connection, RecordCache& cache);

// Decisions that are still to be told from what was stored; nothing when they were stored as they are.
struct StoredEvidence {
  std::string webhook_set, evidence;
};
std::optional<Delivery> load_delivery(Connection& connection, const std::string& id,
                                      std::optional<StoredEvidence>& evidence);

using ExpandDecisions = std::function<std::string(std::string_view webhook_set_content, std::string_view evidence)>;
// Fills in what takes longer than a transaction should last.
void complete_delivery(Delivery& delivery, const std::optional<StoredEvidence>& evidence,
                       const ExpandDecisions& expand);

enum class DeliveryParts { kSummary, kWhole };
std::optional<Delivery> load_delivery_row(Connection& connection, std::string_view id_blob, DeliveryParts parts,
                                          std::optional<StoredEvidence>* evidence = nullptr);

// With triggers, contents, terms and words. All deliveries must be indexed, and the cache be cleared afterwards. Its
// keys are retired, as hashes, when they are younger than kKeyRetention at `now`; with kFromNow in any case, and as
// long from now on.
enum class KeepKeys { kFromReceipt, kFromNow };
void delete_delivery(Connection& connection, std::string_view id_blob, Timestamp now,
                     KeepKeys keep = KeepKeys::kFromReceipt);
// The form in which a retired key is kept: a push's has the name of its ref in it, which people make.
std::string retired_key(std::string_view key);

}  // namespace penstock::store
