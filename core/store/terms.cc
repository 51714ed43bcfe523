#include "core/store/terms.h"

#include <algorithm>

#include "core/base/text.h"

namespace penstock::store {

Term repository_term(std::string_view name_or_id) {
  return {TermKind::kRepository, to_lower(name_or_id)};
}

std::optional<std::int64_t> find_term(Connection& connection, const Term& term) {
  Statement statement = connection.prepare("SELECT term FROM terms WHERE kind = ?1 AND value = ?2");
  statement.bind(static_cast<int>(term.first), term.second);
  if (!statement.step()) return std::nullopt;
  return statement.integer(0);
}

std::vector<std::int64_t> link_terms(Connection& connection, std::string_view delivery_id, std::vector<Term> terms) {
  std::sort(terms.begin(), terms.end());
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  std::vector<std::int64_t> numbers;
  for (const Term& term : terms) {
    if (term.second.empty()) continue;
    std::optional<std::int64_t> number = find_term(connection, term);
    if (!number) {
      connection.prepare("INSERT INTO terms (kind, value) VALUES (?1, ?2)")
          .run(static_cast<int>(term.first), term.second);
      number = connection.last_insert_rowid();
    }
    connection.prepare("INSERT INTO delivery_terms (term, delivery_id) VALUES (?1, ?2)")
        .run(*number, Blob{delivery_id});
    numbers.push_back(*number);
  }
  return numbers;
}

void unlink_terms(Connection& connection, std::string_view delivery_id, const std::vector<std::int64_t>& terms) {
  for (std::int64_t term : terms) {
    connection.prepare("DELETE FROM delivery_terms WHERE term = ?1 AND delivery_id = ?2").run(term, Blob{delivery_id});
    connection
        .prepare("DELETE FROM terms WHERE term = ?1 AND NOT EXISTS (SELECT 1 FROM delivery_terms WHERE term = ?1)")
        .run(term);
  }
}

TermWalk::TermWalk(Connection& connection, std::vector<std::int64_t> terms, std::string lower, std::string upper,
                   std::size_t max_seeks)
    : connection_(connection),
      terms_(std::move(terms)),
      lower_(std::move(lower)),
      upper_(std::move(upper)),
      max_seeks_(max_seeks) {}

std::optional<std::string> TermWalk::seek(std::size_t term, std::string_view at, bool inclusive) {
  ++seeks_;
  Statement statement = [&] {
    if (terms_.empty())
      return connection_.prepare("SELECT id FROM deliveries WHERE id < ?1 AND id >= ?2 ORDER BY id DESC LIMIT 1");
    if (inclusive)
      return connection_.prepare(
          "SELECT delivery_id FROM delivery_terms WHERE delivery_id <= ?1 AND delivery_id >= ?2 AND term = ?3 "
          "ORDER BY delivery_id DESC LIMIT 1");
    return connection_.prepare(
        "SELECT delivery_id FROM delivery_terms WHERE delivery_id < ?1 AND delivery_id >= ?2 AND term = ?3 "
        "ORDER BY delivery_id DESC LIMIT 1");
  }();
  if (terms_.empty())
    statement.bind(Blob{at}, Blob{lower_});
  else
    statement.bind(Blob{at}, Blob{lower_}, terms_[term]);
  if (!statement.step()) return std::nullopt;
  return statement.text(0);
}

std::optional<std::string> TermWalk::next() {
  std::optional<std::string> candidate = seek(0, upper_, false);
  // How many lists in a row have the candidate.
  std::size_t agreeing = 1;
  std::size_t term = 0;
  while (candidate && agreeing < terms_.size()) {
    if (exhausted()) return std::nullopt;
    term = (term + 1) % terms_.size();
    std::optional<std::string> found = seek(term, *candidate, true);
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
