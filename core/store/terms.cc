#include "core/store/terms.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "core/base/text.h"
#include "core/store/json_columns.h"

namespace penstock::store {
namespace {

constexpr std::size_t kMaxCachedTerms = 10'000;
constexpr std::size_t kMaxCachedBytes = 256;

// One statement for many rows, as each run of a statement costs about what a row does.
#define LINK "(?, ?)"
#define FOUR_LINKS LINK ", " LINK ", " LINK ", " LINK
struct LinkStatement {
  std::size_t rows;
  const char* sql;
};
constexpr std::array<LinkStatement, 3> kInsertLinks = {{
    {16, "INSERT OR FAIL INTO delivery_terms (term, delivery_id) VALUES " FOUR_LINKS ", " FOUR_LINKS ", " FOUR_LINKS
         ", " FOUR_LINKS},
    {4, "INSERT OR FAIL INTO delivery_terms (term, delivery_id) VALUES " FOUR_LINKS},
    {1, "INSERT OR FAIL INTO delivery_terms (term, delivery_id) VALUES " LINK},
}};

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
      "SELECT deliveries.id, delivery_contents.terms FROM deliveries CROSS JOIN delivery_contents USING (seq) "
      "WHERE deliveries.seq > (SELECT value FROM meta WHERE name = 'indexed_seq') ORDER BY deliveries.seq");
  while (rows.step()) unindexed.push_back({rows.text(0), decode_integers(rows.text(1))});
  return unindexed;
}

void write_index(Connection& connection, const std::vector<FoundUnder>& unindexed) {
  std::vector<std::pair<std::int64_t, std::string_view>> links;
  for (const FoundUnder& delivery : unindexed)
    for (std::int64_t term : delivery.terms) links.emplace_back(term, delivery.delivery_id);
  std::sort(links.begin(), links.end());
  std::size_t written = 0;
  for (const LinkStatement& insert : kInsertLinks) {
    while (links.size() - written >= insert.rows) {
      Statement statement = connection.prepare(insert.sql);
      for (int i = 0; i < static_cast<int>(insert.rows); ++i, ++written) {
        statement.lend(2 * i + 1, links[written].first);
        statement.lend(2 * i + 2, Blob{links[written].second});
      }
      statement.step();
    }
  }
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

void unlink_terms(Connection& connection, std::string_view delivery_id, const std::vector<std::int64_t>& terms) {
  for (std::int64_t term : terms) {
    connection.prepare("DELETE FROM delivery_terms WHERE term = ?1 AND delivery_id = ?2").run(term, Blob{delivery_id});
    connection
        .prepare("DELETE FROM terms WHERE term = ?1 AND NOT EXISTS (SELECT 1 FROM delivery_terms WHERE term = ?1)")
        .run(term);
  }
}

TermWalk::TermWalk(Connection& connection, std::vector<Group> groups, const std::vector<FoundUnder>& unindexed,
                   std::string lower, std::string upper, std::size_t max_seeks)
    : connection_(connection),
      groups_(std::move(groups)),
      lower_(std::move(lower)),
      upper_(std::move(upper)),
      max_seeks_(max_seeks) {
  for (const FoundUnder& delivery : unindexed)
    for (std::int64_t term : delivery.terms) unindexed_[term].insert(delivery.delivery_id);
}

std::optional<std::string> TermWalk::seek_all(std::string_view at) {
  ++seeks_;
  Statement statement =
      connection_.prepare("SELECT id FROM deliveries WHERE id < ?1 AND id >= ?2 ORDER BY id DESC LIMIT 1");
  statement.bind(Blob{at}, Blob{lower_});
  if (!statement.step()) return std::nullopt;
  return statement.text(0);
}

std::optional<std::string> TermWalk::seek_term(std::int64_t term, std::string_view at, std::string_view lower,
                                               bool inclusive) {
  ++seeks_;
  std::string_view newest;
  if (auto found = unindexed_.find(term); found != unindexed_.end()) {
    const auto& ids = found->second;
    auto above = inclusive ? ids.upper_bound(at) : ids.lower_bound(at);
    if (above != ids.begin() && *std::prev(above) >= lower) newest = *std::prev(above);
  }
  Statement statement = connection_.prepare(
      inclusive ? "SELECT delivery_id FROM delivery_terms WHERE delivery_id <= ?1 AND delivery_id >= ?2 AND term = ?3 "
                  "ORDER BY delivery_id DESC LIMIT 1"
                : "SELECT delivery_id FROM delivery_terms WHERE delivery_id < ?1 AND delivery_id >= ?2 AND term = ?3 "
                  "ORDER BY delivery_id DESC LIMIT 1");
  // An indexed one can be newer than one that is not, after a jump of the clock.
  statement.bind(Blob{at}, Blob{newest.empty() ? lower : newest}, term);
  if (statement.step()) return statement.text(0);
  if (newest.empty()) return std::nullopt;
  return std::string(newest);
}

std::optional<std::string> TermWalk::seek(std::size_t group, std::string_view at, bool inclusive) {
  if (groups_.empty()) return seek_all(at);
  std::optional<std::string> newest;
  for (std::int64_t term : groups_[group]) {
    // What is older than the newest so far is of no interest.
    std::optional<std::string> found = seek_term(term, at, newest ? *newest : lower_, inclusive);
    if (found) newest = std::move(found);
    if (newest == at) break;
  }
  return newest;
}

std::optional<std::string> TermWalk::next() {
  std::optional<std::string> candidate = seek(0, upper_, false);
  // How many lists in a row have the candidate.
  std::size_t agreeing = 1;
  std::size_t group = 0;
  while (candidate && agreeing < groups_.size()) {
    if (exhausted()) return std::nullopt;
    group = (group + 1) % groups_.size();
    std::optional<std::string> found = seek(group, *candidate, true);
    if (found == candidate) {
      ++agreeing;
      continue;
    }
    // Nothing from the former candidate upwards is in all lists.
    upper_ = *candidate;
    candidate = std::move(found);
    agreeing = 1;
  }
  if (candidate) upper_ = *candidate;
  return candidate;
}

}  // namespace penstock::store
