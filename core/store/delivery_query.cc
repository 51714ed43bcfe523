#include "core/store/delivery_query.h"

#include <chrono>
#include <functional>
#include <limits>
#include <set>
#include <utility>

#include "core/store/deliveries.h"
#include "core/store/delivery_texts.h"
#include "core/store/id_bounds.h"
#include "core/store/page_cursor.h"
#include "core/store/patience.h"
#include "core/store/terms.h"
#include "core/store/uuid_blob.h"

namespace penstock::store {
namespace {

using std::chrono::milliseconds;

std::vector<Term> terms_of(const DeliveryQuery& query) {
  std::vector<Term> terms;
  if (query.ref) terms.emplace_back(TermKind::kRef, *query.ref);
  if (query.repository) terms.push_back(repository_term(*query.repository));
  if (query.pipeline) terms.emplace_back(TermKind::kPipeline, *query.pipeline);
  if (query.outcome) terms.emplace_back(TermKind::kOutcome, to_string(*query.outcome));
  if (query.event_type) terms.emplace_back(TermKind::kEventType, *query.event_type);
  return terms;
}

bool in_range(const DeliveryQuery& query, Timestamp received_at) {
  return !(query.since && received_at < *query.since) && !(query.until && received_at >= *query.until);
}

// Ids in [lower, upper).
struct IdRange {
  std::string lower, upper;
};

// The numbers that deliveries with such ids can have. Later deliveries have later ids, but for the known disorder.
struct SeqRange {
  std::int64_t first = 1, last = 0;
};
SeqRange seqs_of(Connection& connection, const IdRange& ids, milliseconds disorder) {
  SeqRange range;
  range.last = connection.query_integer("SELECT max(seq) FROM deliveries").value_or(0);
  if (ids.upper.size() == 16) {
    Statement newer = connection.prepare("SELECT seq FROM deliveries WHERE id >= ?1 ORDER BY id LIMIT 1");
    newer.bind(Blob{smallest_uuid_blob(uuid_blob_time(ids.upper) + disorder + milliseconds(1))});
    if (newer.step()) range.last = newer.integer(0);
  }
  Statement older = connection.prepare("SELECT seq FROM deliveries WHERE id < ?1 ORDER BY id DESC LIMIT 1");
  older.bind(Blob{smallest_uuid_blob(uuid_blob_time(ids.lower) - disorder)});
  if (older.step()) range.first = older.integer(0);
  return range;
}

// The newest of what it is shown, in the order of ids.
class Newest {
 public:
  explicit Newest(int limit) : size_(static_cast<std::size_t>(limit) + 1) {}  // one more tells that there is one
  void add(std::string id) {
    ids_.insert(std::move(id));
    if (ids_.size() > size_) ids_.erase(std::prev(ids_.end()));
  }
  // Nothing of this time or before it can be among them.
  bool is_complete(Timestamp bound) const { return ids_.size() == size_ && bound < uuid_blob_time(*ids_.rbegin()); }
  void forget_below(const std::string& id) { ids_.erase(ids_.upper_bound(id), ids_.end()); }
  DeliveryPage to_page(Connection& connection, const std::string& query_fingerprint) const {
    DeliveryPage page;
    for (const std::string& id : ids_) {
      if (page.deliveries.size() + 1 == size_) {
        page.next_cursor = make_cursor(*std::prev(ids_.end(), 2), query_fingerprint);
        break;
      }
      if (auto delivery = load_delivery_row(connection, id, DeliveryParts::kSummary))
        page.deliveries.push_back(std::move(*delivery));
    }
    return page;
  }

 private:
  const std::size_t size_;
  std::set<std::string, std::greater<>> ids_;
};

DeliveryPage list_all(Connection& connection, const DeliveryQuery& query, const IdRange& ids,
                      const std::string& query_fingerprint) {
  DeliveryPage page;
  Patience patience;
  std::string last;
  Statement rows =
      connection.prepare("SELECT id, received_at FROM deliveries WHERE id < ?1 AND id >= ?2 ORDER BY id DESC");
  rows.bind(Blob{ids.upper}, Blob{ids.lower});
  while (rows.step()) {
    if (!in_range(query, rows.time(1))) {
      if (!patience.is_over()) continue;
      page.next_cursor = make_cursor(rows.text(0), query_fingerprint);
      break;
    }
    if (page.deliveries.size() == static_cast<std::size_t>(query.limit)) {
      page.next_cursor = make_cursor(last, query_fingerprint);
      break;
    }
    last = rows.text(0);
    if (auto delivery = load_delivery_row(connection, last, DeliveryParts::kSummary))
      page.deliveries.push_back(std::move(*delivery));
  }
  return page;
}

}  // namespace

DeliveryPage list_deliveries(Connection& connection, const DeliveryQuery& query) {
  check_page_limit(query.limit);
  const std::string query_fingerprint = fingerprint(query);
  IdRange ids{.lower = std::string(16, '\0'),
              .upper = query.cursor.empty() ? above_all_ids() : parse_cursor(query.cursor, query_fingerprint)};
  // Ids and times of receipt agree but for the known skew; the rest is told row by row.
  const milliseconds skew = load_bound(connection, "id_skew_ms");
  if (query.since) ids.lower = smallest_uuid_blob(*query.since - skew);
  if (query.until) ids.upper = std::min(ids.upper, smallest_uuid_blob(*query.until + skew + milliseconds(1)));

  std::vector<PostingWalk::Group> groups;
  for (const Term& term : terms_of(query)) {
    std::optional<std::int64_t> number = find_term(connection, term);
    if (!number) return {};
    groups.push_back({*number});
  }
  if (query.webhook) {
    groups.push_back(find_webhook_terms(connection, *query.webhook));
    if (groups.back().empty()) return {};
  }
  if (groups.empty() && !query.words) return list_all(connection, query, ids, query_fingerprint);

  const milliseconds disorder = load_bound(connection, "id_disorder_ms");
  const SeqRange range = seqs_of(connection, ids, disorder);
  std::vector<TextWalk> texts;
  if (query.words) {
    for (std::string& words : to_text_queries(*query.words))
      texts.emplace_back(connection, std::move(words), range.first, range.last);
  }
  std::optional<PostingWalk> walk;
  if (!groups.empty()) walk.emplace(connection, std::move(groups), load_unindexed(connection), range.first, range.last);

  // All lists in turn, each asked for its newest up to where the one before has come, until they agree.
  const std::size_t lists = texts.size() + (walk ? 1 : 0);
  Newest newest(query.limit);
  Patience patience;
  Statement row = connection.prepare("SELECT id, received_at FROM deliveries WHERE seq = ?1");
  std::size_t agreeing = 0;
  for (std::int64_t at = range.last, list = 0; at >= range.first;
       list = (list + 1) % static_cast<std::int64_t>(lists)) {
    const auto number = static_cast<std::size_t>(list);
    const std::optional<std::int64_t> seq =
        walk && number == 0 ? walk->seek(at) : texts[number - (walk ? 1 : 0)].seek(at);
    if (!seq) break;
    agreeing = *seq == at ? agreeing + 1 : 1;
    at = *seq;
    const bool is_in_all = agreeing >= lists;
    const bool gives_up = patience.is_over();
    if (!is_in_all && !gives_up) continue;
    row.bind(*seq);
    if (row.step()) {
      std::string id = row.text(0);
      // What was stored before it can be newer by so much.
      const Timestamp bound = uuid_blob_time(id) + disorder;
      if (is_in_all && id < ids.upper && id >= ids.lower && in_range(query, row.time(1))) newest.add(std::move(id));
      if (is_in_all && newest.is_complete(bound)) break;
      const std::string position = smallest_uuid_blob(bound + milliseconds(1));
      // Not before there is something to go on from.
      if (gives_up && position < ids.upper) {
        newest.forget_below(position);
        DeliveryPage page = newest.to_page(connection, query_fingerprint);
        if (page.next_cursor.empty()) page.next_cursor = make_cursor(position, query_fingerprint);
        return page;
      }
    }
    row.reset();
    if (is_in_all) {
      --at;
      agreeing = 0;
    }
  }
  return newest.to_page(connection, query_fingerprint);
}

}  // namespace penstock::store
