// The inverted index behind the filters of the history: every value that a delivery can be found by is a term.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/store/postings.h"
#include "core/store/records.h"
#include "core/store/sqlite.h"

namespace penstock::store {

enum class TermKind {
  kRef = 1,
  kPipeline = 2,
  kRepository = 3,
  kEventType = 4,
  kOutcome = 5,
  kWebhookSet = 6,
};
using Term = std::pair<TermKind, std::string>;

// Repositories are found by name or id without regard to case (ASCII).
Term repository_term(std::string_view name_or_id);

// The numbers of terms that were needed lately, for whoever is the only one to write. To be cleared whenever a write
// was undone or terms were unlinked.
class TermCache {
 public:
  std::optional<std::int64_t> find(const Term& term) const;
  void put(const Term& term, std::int64_t number);
  void clear() noexcept { numbers_.clear(); }

 private:
  struct Hash {
    std::size_t operator()(const Term& term) const noexcept {
      return std::hash<std::string>()(term.second) ^ static_cast<std::size_t>(term.first);
    }
  };
  std::unordered_map<Term, std::int64_t, Hash> numbers_;
};

// Numbers of the delivery's terms; new ones are stored. Empty values and repetitions are left out.
std::vector<std::int64_t> number_terms(Connection& connection, std::vector<Term> terms, TermCache& cache);
// The same for the set of webhooks that judged the delivery; stores the set unless it is known.
std::int64_t number_webhook_set(Connection& connection, const WebhookSet& set, TermCache& cache);

// The deliveries that the index does not have yet, oldest first. A delivery can be stored long before it is indexed: in
// an index that changes in many places at once, adding many deliveries costs few pages more than adding one.
std::vector<FoundUnder> load_unindexed(Connection& connection);
// Adds all of them to the index.
void write_index(Connection& connection, const std::vector<FoundUnder>& unindexed);
// That it has all there are; also to be said after deliveries were deleted, as the next one may take a number again.
void mark_index_complete(Connection& connection);

// Takes the delivery out of the index, which must have it. A term that nothing is found under any more is forgotten,
// with the set that it stands for.
void unlink_terms(Connection& connection, std::int64_t seq, const std::vector<std::int64_t>& terms);

std::optional<std::int64_t> find_term(Connection& connection, const Term& term);
// The terms of which each delivery that this webhook judged has one.
std::vector<std::int64_t> find_webhook_terms(Connection& connection, const std::string& name);

}  // namespace penstock::store
