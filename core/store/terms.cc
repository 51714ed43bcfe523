#include "core/store/terms.h"

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/store/json_columns.h"

namespace penstock::store {
namespace {

constexpr std::size_t kMaxCachedTerms = 10'000;
constexpr std::size_t kMaxCachedBytes = 256;

// Stored unless it is known.
struct NumberedTerm {
  std::int64_t number;
  bool is_new;
};
NumberedTerm number_term(Connection& connection, const Term& term, TermCache& cache) {
  if (std::optional<std::int64_t> number = cache.find(term)) return {*number, false};
  if (std::optional<std::int64_t> number = find_term(connection, term)) {
    cache.put(term, *number);
    return {*number, false};
  }
  connection.prepare("INSERT INTO terms (kind, value) VALUES (?1, ?2)").run(static_cast<int>(term.first), term.second);
  cache.put(term, connection.last_insert_rowid());
  return {connection.last_insert_rowid(), true};
}

}  // namespace

Term repository_term(std::string_view name_or_id) {
  return {TermKind::kRepository, to_lower(name_or_id)};
}

std::optional<std::int64_t> TermCache::find(const Term& term) const {
  auto found = numbers_.find(term);
  if (found == numbers_.end()) return std::nullopt;
  return found->second;
}

void TermCache::put(const Term& term, std::int64_t number) {
  if (term.second.size() > kMaxCachedBytes) return;
  if (numbers_.size() >= kMaxCachedTerms) numbers_.clear();
  numbers_.emplace(term, number);
}

std::optional<std::int64_t> find_term(Connection& connection, const Term& term) {
  Statement statement = connection.prepare("SELECT term FROM terms WHERE kind = ?1 AND value = ?2");
  statement.bind(static_cast<int>(term.first), term.second);
  if (!statement.step()) return std::nullopt;
  return statement.integer(0);
}

std::vector<std::int64_t> number_terms(Connection& connection, std::vector<Term> terms, TermCache& cache) {
  std::sort(terms.begin(), terms.end());
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  std::vector<std::int64_t> numbers;
  numbers.reserve(terms.size() + 1);
  for (const Term& term : terms)
    if (!term.second.empty()) numbers.push_back(number_term(connection, term, cache).number);
  return numbers;
}

std::int64_t number_webhook_set(Connection& connection, const WebhookSet& set, TermCache& cache) {
  const auto [number, is_new] = number_term(connection, {TermKind::kWebhookSet, set.id}, cache);
  if (is_new) {
    connection.prepare("INSERT INTO webhook_sets (term, content) VALUES (?1, ?2)").run(number, set.content);
    for (const std::string& name : set.names)
      connection.prepare("INSERT OR IGNORE INTO webhook_set_names (name, term) VALUES (?1, ?2)").run(name, number);
  }
  return number;
}

std::vector<FoundUnder> load_unindexed(Connection& connection) {
  std::vector<FoundUnder> unindexed;
  Statement rows = connection.prepare(
      "SELECT seq, terms FROM delivery_contents WHERE seq > (SELECT value FROM meta WHERE name = 'indexed_seq') "
      "ORDER BY seq");
  while (rows.step()) unindexed.push_back({rows.integer(0), decode_integers(rows.text(1))});
  return unindexed;
}

void write_index(Connection& connection, const std::vector<FoundUnder>& unindexed) {
  add_postings(connection, unindexed);
  mark_index_complete(connection);
}

void mark_index_complete(Connection& connection) {
  connection.prepare("UPDATE meta SET value = (SELECT ifnull(max(seq), 0) FROM deliveries) WHERE name = 'indexed_seq'")
      .run();
}

std::vector<std::int64_t> find_webhook_terms(Connection& connection, const std::string& name) {
  std::vector<std::int64_t> terms;
  Statement sets = connection.prepare("SELECT term FROM webhook_set_names WHERE name = ?1 ORDER BY term DESC");
  sets.bind(name);
  while (sets.step()) terms.push_back(sets.integer(0));
  return terms;
}

void unlink_terms(Connection& connection, std::int64_t seq, const std::vector<std::int64_t>& terms) {
  for (const std::int64_t term : terms) {
    remove_posting(connection, term, seq);
    if (!has_postings(connection, term)) connection.prepare("DELETE FROM terms WHERE term = ?1").run(term);
  }
}

}  // namespace penstock::store
