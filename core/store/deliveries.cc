#include "core/store/deliveries.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/store/delivery_texts.h"
#include "core/store/id_bounds.h"
#include "core/store/json_columns.h"
#include "core/store/new_triggers.h"
#include "core/store/terms.h"
#include "core/store/triggers.h"
#include "core/store/uuid_blob.h"

namespace penstock::store {
namespace {

std::string require_uuid(const std::string& id, std::string_view what) {
  std::optional<std::string> blob = uuid_to_blob(id);
  if (!blob)
    throw Error(ErrorKind::kInvalidInput,
                "recording a delivery: " + std::string(what) + " " + in_quotes(id) + " is no UUID");
  return *blob;
}

// The same call again, after one whose answer was not seen.
std::optional<RecordedDelivery> find_recorded(Connection& connection, std::string_view id_blob) {
  Statement statement = connection.prepare("SELECT outcome, reason, duplicate_of FROM deliveries WHERE id = ?1");
  statement.bind(Blob{id_blob});
  if (!statement.step()) return std::nullopt;
  RecordedDelivery recorded;
  recorded.id = blob_to_uuid(id_blob);
  recorded.outcome = parse_outcome(statement.text(0)).value_or(Outcome::kIgnored);
  recorded.reason = statement.text(1);
  if (!statement.is_null(2)) recorded.duplicate_of = blob_to_uuid(statement.text(2));
  for (const Trigger& trigger : load_triggers_of_delivery(connection, id_blob))
    recorded.trigger_ids.push_back(trigger.id);
  return recorded;
}

// The delivery (16 bytes) that had this key first, deleted ones included.
std::optional<std::string> find_same_notification(Connection& connection, const std::string& endpoint,
                                                  const std::string& duplicate_key, bool retired_too) {
  const auto find = [&](const char* sql) -> std::optional<std::string> {
    Statement statement = connection.prepare(sql);
    statement.bind(endpoint, duplicate_key);
    if (!statement.step()) return std::nullopt;
    return statement.text(0);
  };
  auto found = find("SELECT id FROM deliveries WHERE endpoint = ?1 AND duplicate_key = ?2");
  if (found || !retired_too) return found;
  return find("SELECT delivery_id FROM retired_notifications WHERE endpoint = ?1 AND duplicate_key = ?2");
}

const std::string& newest_id(Connection& connection, RecordCache& cache) {
  if (!cache.newest_id) cache.newest_id = connection.query_text("SELECT max(id) FROM deliveries").value_or("");
  return *cache.newest_id;
}

std::vector<FoundUnder>& unindexed_deliveries(Connection& connection, RecordCache& cache) {
  if (!cache.unindexed) cache.unindexed = load_unindexed(connection);
  return *cache.unindexed;
}

void note_id(Connection& connection, const PreparedDelivery& prepared, RecordCache& cache) {
  const std::int64_t time = to_milliseconds(uuid_blob_time(prepared.id));
  widen_bound(connection, "id_skew_ms", std::abs(time - to_milliseconds(prepared.delivery.received_at)),
              cache.id_skew_ms);
  const std::string& newest = newest_id(connection, cache);
  if (prepared.id > newest) {
    cache.newest_id = prepared.id;
  } else {
    widen_bound(connection, "id_disorder_ms", to_milliseconds(uuid_blob_time(newest)) - time, cache.id_disorder_ms);
  }
}

// How one delivery's triggers came out.
struct TriggerResult {
  std::vector<std::string> created;
  std::size_t existed = 0;
  std::string first_delivery;  // 16 bytes, of the first one that existed
};

TriggerResult insert_triggers(Connection& connection, const PreparedDelivery& prepared, const RecordOptions& options,
                              bool retired_too) {
  TriggerResult result;
  std::set<std::tuple<std::string_view, std::string_view, std::string_view>> seen;
  const auto& triggers = prepared.delivery.triggers;
  for (std::size_t i = 0; i < triggers.size(); ++i) {
    const NewTrigger& trigger = triggers[i];
    if (!seen.emplace(trigger.push_key, trigger.webhook, trigger.pipeline).second) continue;
    std::optional<ExistingTrigger> existing = find_existing_trigger(connection, trigger, retired_too);
    if (existing && !prepared.redelivery_of) {
      if (result.existed++ == 0) result.first_delivery = existing->delivery_id;
      continue;
    }
    int generation = existing ? existing->generation + 1 : kFirstGeneration;
    const PreparedDelivery::TriggerParts& parts = prepared.trigger_parts[i];
    const std::string token = generation == kFirstGeneration && !parts.token.empty()
                                  ? parts.token
                                  : make_trigger_token(options, trigger, generation);
    const std::string id = trigger_id_blob(prepared.id, static_cast<std::uint32_t>(result.created.size() + 1));
    insert_trigger(connection,
                   {.id = id,
                    .delivery_id = prepared.id,
                    .generation = generation,
                    .variables = parts.variables,
                    .client_request_token = token,
                    .created_at = options.clock->now(),
                    .note = ""},
                   trigger);
    result.created.push_back(blob_to_uuid(id));
  }
  return result;
}

std::vector<Term> terms_of(const NewDelivery& delivery, Outcome outcome) {
  std::vector<Term> terms;
  for (const auto& update : delivery.ref_updates) terms.emplace_back(TermKind::kRef, update.name);
  for (const auto& ref : delivery.further_refs) terms.emplace_back(TermKind::kRef, ref);
  // Also of triggers that an earlier delivery made: this delivery is part of the pipeline's story.
  for (const auto& trigger : delivery.triggers) terms.emplace_back(TermKind::kPipeline, trigger.pipeline);
  terms.push_back(repository_term(delivery.repository_name));
  terms.push_back(repository_term(delivery.repository_id));
  terms.emplace_back(TermKind::kEventType, delivery.event_type);
  terms.emplace_back(TermKind::kOutcome, to_string(outcome));
  return terms;
}

std::string load_webhook_set(Connection& connection, std::int64_t term) {
  Statement statement = connection.prepare("SELECT content FROM webhook_sets WHERE term = ?1");
  statement.bind(term);
  if (!statement.step()) throw Error(ErrorKind::kCorrupt, "reading a delivery: its set of webhooks is missing");
  return statement.text(0);
}

std::vector<std::string> load_webhook_names(Connection& connection, std::int64_t term) {
  std::vector<std::string> names;
  Statement statement = connection.prepare("SELECT name FROM webhook_set_names WHERE term = ?1 ORDER BY name");
  statement.bind(term);
  while (statement.step()) names.push_back(statement.text(0));
  return names;
}

void drop_oldest_rejected(Connection& connection, const RecordOptions& options) {
  std::optional<std::int64_t> term =
      find_term(connection, {TermKind::kOutcome, std::string(to_string(Outcome::kRejected))});
  if (!term) return;
  index_deliveries(connection, *options.cache);
  for (;;) {
    const PostingCount rejected = count_postings(connection, *term);
    if (rejected.count <= options.max_rejected || !rejected.first) return;
    std::string oldest;
    {
      Statement row = connection.prepare("SELECT id FROM deliveries WHERE seq = ?1");
      row.bind(*rejected.first);
      if (!row.step()) throw Error(ErrorKind::kCorrupt, "the search index has a delivery that does not exist");
      oldest = row.text(0);
    }
    delete_delivery(connection, oldest, options.clock->now());
    options.cache->clear();
  }
}

}  // namespace

PreparedDelivery::PreparedDelivery(NewDelivery source, const RecordOptions& options)
    : delivery(std::move(source)),
      id(require_uuid(delivery.id, "id")),
      ref_updates(encode_ref_updates(delivery.ref_updates)) {
  if (delivery.redelivery_of) redelivery_of = require_uuid(*delivery.redelivery_of, "redelivery of");
  trigger_parts.reserve(delivery.triggers.size());
  for (const auto& trigger : delivery.triggers) {
    trigger_parts.push_back(
        {.variables = encode_map(trigger.variables),
         .token = redelivery_of ? std::string() : make_trigger_token(options, trigger, kFirstGeneration)});
  }
}

std::size_t PreparedDelivery::bytes() const noexcept {
  return delivery.body.size() + delivery.evidence.size() + delivery.request_headers_json.size() +
         2 * ref_updates.size() + 512 * delivery.triggers.size() + delivery.search_text.size() + 2048;
}

RecordedDelivery record_delivery(Connection& connection, const PreparedDelivery& prepared,
                                 const RecordOptions& options) {
  const NewDelivery& delivery = prepared.delivery;
  RecordCache& cache = *options.cache;
  // One above all others is not known yet.
  if (prepared.id <= newest_id(connection, cache)) {
    if (auto recorded = find_recorded(connection, prepared.id)) return *recorded;
  }
  if (prepared.redelivery_of && !find_recorded(connection, *prepared.redelivery_of)) {
    throw Error(ErrorKind::kNotFound, "delivery " + in_quotes(*delivery.redelivery_of) + " is not in the history");
  }

  RecordedDelivery recorded{.id = blob_to_uuid(prepared.id),
                            .outcome = delivery.outcome,
                            .reason = delivery.reason,
                            .trigger_ids = {},
                            .duplicate_of = {}};
  std::optional<std::string> duplicate_of;
  const bool retired_too = has_retired_keys(connection, cache);
  // A redelivery repeats on purpose; and what could not prove who it is must not block what can.
  bool has_key = !delivery.duplicate_key.empty() && !prepared.redelivery_of && delivery.outcome != Outcome::kRejected;
  if (has_key)
    duplicate_of = find_same_notification(connection, delivery.endpoint, delivery.duplicate_key, retired_too);
  if (duplicate_of) {
    has_key = false;
    recorded.outcome = Outcome::kDuplicate;
    recorded.reason = "the same notification was received before, as delivery " + blob_to_uuid(*duplicate_of);
  } else if (!delivery.triggers.empty()) {
    TriggerResult triggers = insert_triggers(connection, prepared, options, retired_too);
    recorded.trigger_ids = std::move(triggers.created);
    if (triggers.existed > 0) {
      std::string earlier = blob_to_uuid(triggers.first_delivery);
      if (recorded.trigger_ids.empty()) {
        recorded.outcome = Outcome::kDuplicate;
        recorded.reason = "the same " + delivery.subject + " was received before, as delivery " + earlier +
                          ", and has all its triggers";
        duplicate_of = triggers.first_delivery;
      } else {
        if (!recorded.reason.empty()) recorded.reason += "; ";
        recorded.reason += std::to_string(triggers.existed) + " of " +
                           std::to_string(triggers.existed + recorded.trigger_ids.size()) +
                           " triggers exist already, from delivery " + earlier;
      }
    }
  }
  if (duplicate_of) recorded.duplicate_of = blob_to_uuid(*duplicate_of);

  std::vector<std::int64_t> terms = number_terms(connection, terms_of(delivery, recorded.outcome), cache.terms);
  std::optional<std::int64_t> webhook_set;
  if (delivery.webhook_set) {
    webhook_set = number_webhook_set(connection, *delivery.webhook_set, cache.terms);
    terms.push_back(*webhook_set);
  }
  std::vector<FoundUnder>& unindexed = unindexed_deliveries(connection, cache);
  connection
      .prepare(
          "INSERT INTO deliveries (id, received_at, endpoint, remote_address, outcome, reason, event_type, "
          "event_id, subscription_id, publisher_id, notification_id, repository_id, repository_name, project, "
          "ref_updates, body_bytes, body_sha256, duplicate_key, duplicate_of, redelivery_of, pull_request) VALUES (?1, "
          "?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)")
      .run(Blob{prepared.id}, delivery.received_at, delivery.endpoint, delivery.remote_address,
           to_string(recorded.outcome), recorded.reason, delivery.event_type, delivery.event_id,
           delivery.subscription_id, delivery.publisher_id, delivery.notification_id, delivery.repository_id,
           delivery.repository_name, delivery.project, prepared.ref_updates,
           static_cast<std::int64_t>(delivery.body_bytes), delivery.body_sha256,
           has_key ? std::optional(std::string_view(delivery.duplicate_key)) : std::nullopt,
           duplicate_of ? std::optional(Blob{*duplicate_of}) : std::nullopt,
           prepared.redelivery_of ? std::optional(Blob{*prepared.redelivery_of}) : std::nullopt,
           delivery.pull_request_json);
  const std::int64_t seq = connection.last_insert_rowid();
  connection
      .prepare(
          "INSERT INTO delivery_contents (seq, decisions, request_headers, terms, webhook_set, evidence, body) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
      .run(seq, delivery.evidence.empty() ? "[]" : "", delivery.request_headers_json, encode_integers(terms),
           webhook_set, delivery.evidence, Blob{delivery.body});
  if (!delivery.search_text.empty()) add_text(connection, seq, delivery.search_text);
  unindexed.push_back({seq, std::move(terms)});
  note_id(connection, prepared, cache);
  if (recorded.outcome == Outcome::kRejected) drop_oldest_rejected(connection, options);
  return recorded;
}

std::size_t count_unindexed(Connection& connection, RecordCache& cache) {
  return unindexed_deliveries(connection, cache).size();
}

void index_deliveries(Connection& connection, RecordCache& cache) {
  std::vector<FoundUnder>& unindexed = unindexed_deliveries(connection, cache);
  if (unindexed.empty()) return;
  write_index(connection, unindexed);
  unindexed.clear();
}

std::optional<Delivery> load_delivery_row(Connection& connection, std::string_view id_blob, DeliveryParts parts,
                                          std::optional<StoredEvidence>* evidence) {
  Delivery delivery;
  std::int64_t seq = 0;
  {
    Statement row = connection.prepare(
        "SELECT seq, received_at, endpoint, remote_address, outcome, reason, event_type, event_id, subscription_id, "
        "publisher_id, notification_id, repository_id, repository_name, project, ref_updates, body_bytes, body_sha256, "
        "duplicate_of, redelivery_of, pull_request FROM deliveries WHERE id = ?1");
    row.bind(Blob{id_blob});
    if (!row.step()) return std::nullopt;
    seq = row.integer(0);
    delivery.id = blob_to_uuid(id_blob);
    delivery.received_at = row.time(1);
    delivery.endpoint = row.text(2);
    delivery.remote_address = row.text(3);
    std::string outcome = row.text(4);
    std::optional<Outcome> parsed = parse_outcome(outcome);
    if (!parsed)
      throw Error(ErrorKind::kCorrupt, "reading delivery " + delivery.id + ": outcome " + in_quotes(outcome));
    delivery.outcome = *parsed;
    delivery.reason = row.text(5);
    delivery.event_type = row.text(6);
    delivery.event_id = row.text(7);
    delivery.subscription_id = row.text(8);
    delivery.publisher_id = row.text(9);
    if (!row.is_null(10)) delivery.notification_id = row.integer(10);
    delivery.repository_id = row.text(11);
    delivery.repository_name = row.text(12);
    delivery.project = row.text(13);
    delivery.ref_updates = decode_ref_updates(row.text(14));
    delivery.body_bytes = static_cast<std::uint64_t>(row.integer(15));
    delivery.body_sha256 = row.text(16);
    if (!row.is_null(17)) delivery.duplicate_of = blob_to_uuid(row.text(17));
    if (!row.is_null(18)) delivery.redelivery_of = blob_to_uuid(row.text(18));
    delivery.pull_request_json = row.text(19);
  }
  if (parts == DeliveryParts::kWhole) {
    Statement contents = connection.prepare(
        "SELECT decisions, request_headers, body, evidence, webhook_set FROM delivery_contents WHERE seq = ?1");
    contents.bind(seq);
    if (!contents.step())
      throw Error(ErrorKind::kCorrupt, "reading delivery " + delivery.id + ": its contents are missing");
    delivery.decisions_json = contents.text(0);
    delivery.request_headers_json = contents.text(1);
    delivery.body = contents.text(2);
    if (!contents.is_null(4)) {
      delivery.judged_webhooks = load_webhook_names(connection, contents.integer(4));
      std::string stored = contents.text(3);
      if (evidence != nullptr && !stored.empty()) {
        *evidence = StoredEvidence{load_webhook_set(connection, contents.integer(4)), std::move(stored)};
      }
    }
  }
  delivery.triggers = load_triggers_of_delivery(connection, id_blob);
  return delivery;
}

std::optional<Delivery> load_delivery(Connection& connection, const std::string& id,
                                      std::optional<StoredEvidence>& evidence) {
  std::optional<std::string> blob = uuid_to_blob(id);
  if (!blob) return std::nullopt;
  return load_delivery_row(connection, *blob, DeliveryParts::kWhole, &evidence);
}

void complete_delivery(Delivery& delivery, const std::optional<StoredEvidence>& evidence,
                       const ExpandDecisions& expand) {
  if (evidence) {
    if (!expand) throw Error(ErrorKind::kInternal, "reading a delivery: there is no expand_decisions");
    delivery.decisions_json = expand(evidence->webhook_set, evidence->evidence);
  }
  if (delivery.body_sha256.empty() && !delivery.body.empty()) delivery.body_sha256 = sha256_hex(delivery.body);
}

std::string retired_key(std::string_view key) {
  return "sha256:" + sha256_hex(key);
}

void delete_delivery(Connection& connection, std::string_view id_blob, Timestamp now, KeepKeys keep) {
  std::int64_t seq = 0;
  Timestamp keys_expire;
  {
    Statement row = connection.prepare("SELECT seq, received_at FROM deliveries WHERE id = ?1");
    row.bind(Blob{id_blob});
    if (!row.step()) return;
    seq = row.integer(0);
    keys_expire = (keep == KeepKeys::kFromNow ? std::max(now, row.time(1)) : row.time(1)) + kKeyRetention;
  }
  if (keys_expire > now) {
    connection
        .prepare(
            "INSERT OR IGNORE INTO retired_notifications (endpoint, duplicate_key, delivery_id, expires_at) "
            "SELECT endpoint, duplicate_key, id, ?2 FROM deliveries WHERE id = ?1 AND duplicate_key IS NOT NULL")
        .run(Blob{id_blob}, keys_expire);
    retire_triggers(connection, id_blob, keys_expire);
  }
  std::vector<std::int64_t> terms;
  {
    Statement contents = connection.prepare("SELECT terms FROM delivery_contents WHERE seq = ?1");
    contents.bind(seq);
    if (contents.step()) terms = decode_integers(contents.text(0));
  }
  unlink_terms(connection, seq, terms);
  remove_text(connection, seq);
  delete_triggers(connection, id_blob);
  connection.prepare("DELETE FROM delivery_contents WHERE seq = ?1").run(seq);
  connection.prepare("DELETE FROM deliveries WHERE id = ?1").run(Blob{id_blob});
  mark_index_complete(connection);
}

}  // namespace penstock::store
