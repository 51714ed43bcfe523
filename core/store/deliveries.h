// Recording and reading deliveries.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/store/records.h"
#include "core/store/sqlite.h"

namespace penstock::store {

using MakeRequestToken = std::function<std::string(const std::string& push_key, const std::string& webhook,
                                                   const std::string& pipeline, int generation)>;

// How long the keys of a deleted delivery are kept, counted from when it was received. Azure DevOps repeats a
// notification for at most 36 hours; a month leaves room for whatever was held back on the way.
constexpr std::chrono::hours kKeyRetention{30 * 24};

struct RecordOptions {
  const Clock* clock;
  MakeRequestToken make_request_token;
  // Rejected deliveries are what strangers can cause: only the newest so many are kept.
  int max_rejected;
};

// A delivery in the form in which it is stored: what can be made ready before the writer's turn.
struct PreparedDelivery {
  explicit PreparedDelivery(NewDelivery delivery);  // Error{kInvalidInput} when an id is no UUID
  NewDelivery delivery;
  std::string id;  // 16 bytes
  std::optional<std::string> redelivery_of;
  std::string ref_updates;
  std::vector<std::string> variables;  // of each trigger
  std::size_t bytes() const noexcept;
};

// Within the caller's write transaction.
RecordedDelivery record_delivery(Connection& connection, const PreparedDelivery& prepared,
                                 const RecordOptions& options);

// Decisions that are still to be told from what was stored; nothing when they were stored as they are.
struct StoredEvidence {
  std::string webhook_set, evidence;
};
std::optional<Delivery> load_delivery(Connection& connection, const std::string& id,
                                      std::optional<StoredEvidence>& evidence);

enum class DeliveryParts { kSummary, kWhole };
std::optional<Delivery> load_delivery_row(Connection& connection, std::string_view id_blob, DeliveryParts parts,
                                          std::optional<StoredEvidence>* evidence = nullptr);

// With triggers, contents and terms; its keys are retired when they are younger than kKeyRetention at `now`.
void delete_delivery(Connection& connection, std::string_view id_blob, Timestamp now);

}  // namespace penstock::store
