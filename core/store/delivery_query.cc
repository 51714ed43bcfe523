#include "core/store/delivery_query.h"

#include <utility>

#include "core/store/deliveries.h"
#include "core/store/page_cursor.h"
#include "core/store/terms.h"
#include "core/store/uuid_blob.h"

namespace penstock::store {
namespace {

// About a quarter of a second.
constexpr std::size_t kMaxSeeks = 100'000;

std::vector<Term> terms_of(const DeliveryQuery& query) {
  std::vector<Term> terms;
  // Those that tend to select least come first: the walk leaps along the first list.
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

}  // namespace

DeliveryPage list_deliveries(Connection& connection, const DeliveryQuery& query) {
  check_page_limit(query.limit);
  const std::string query_fingerprint = fingerprint(query);
  std::string upper = query.cursor.empty() ? above_all_ids() : parse_cursor(query.cursor, query_fingerprint);

  std::vector<TermWalk::Group> terms;
  for (const Term& term : terms_of(query)) {
    std::optional<std::int64_t> number = find_term(connection, term);
    if (!number) return {};
    terms.push_back({*number});
  }
  if (query.webhook) {
    terms.push_back(find_webhook_terms(connection, *query.webhook));
    if (terms.back().empty()) return {};
  }

  // Ids and times of receipt agree but for the known skew; the rest is told row by row.
  std::string lower(16, '\0');
  const std::chrono::milliseconds skew = load_id_skew(connection);
  if (query.since) lower = smallest_uuid_blob(*query.since - skew);
  if (query.until) upper = std::min(upper, smallest_uuid_blob(*query.until + skew + std::chrono::milliseconds(1)));

  DeliveryPage page;
  const std::vector<FoundUnder> unindexed = terms.empty() ? std::vector<FoundUnder>() : load_unindexed(connection);
  TermWalk walk(connection, std::move(terms), unindexed, lower, std::move(upper), kMaxSeeks);
  std::string last;
  while (std::optional<std::string> id = walk.next()) {
    std::optional<Delivery> delivery = load_delivery_row(connection, *id, DeliveryParts::kSummary);
    if (!delivery || !in_range(query, delivery->received_at)) {
      if (walk.exhausted()) break;
      continue;
    }
    if (page.deliveries.size() == static_cast<std::size_t>(query.limit)) {
      page.next_cursor = make_cursor(last, query_fingerprint);
      return page;
    }
    page.deliveries.push_back(std::move(*delivery));
    last = *id;
  }
  if (walk.exhausted()) page.next_cursor = make_cursor(walk.position(), query_fingerprint);
  return page;
}

}  // namespace penstock::store
