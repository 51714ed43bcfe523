// The words of deliveries: commit messages and the repository's name, in an index of SQLite's FTS5.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/store/sqlite.h"

namespace penstock::store {

void add_text(Connection& connection, std::int64_t seq, std::string_view text);
void remove_text(Connection& connection, std::int64_t seq);

// What a person types, as queries of FTS5 that must all be met: one for each word, whatever its case and accents; a
// word that ends with * stands for all that begin so; words in double quotes must follow each other. Nothing else has a
// meaning. Not one query, as FTS5 does not come back from looking for where two lists meet before it has found it.
// Error{kInvalidInput} when there is no word in it, when it is too long, or when a beginning is too short.
std::vector<std::string> to_text_queries(std::string_view typed);

// Walks the deliveries that one such query finds, from the newest to the oldest.
class TextWalk {
 public:
  // Only numbers in [first, last].
  TextWalk(Connection& connection, std::string query, std::int64_t first, std::int64_t last);
  // The highest number that is not above `at`. To be asked for descending numbers.
  std::optional<std::int64_t> seek(std::int64_t at);

 private:
  Connection& connection_;
  const std::string query_;
  const std::int64_t first_, last_;
  const int steps_of_a_query_;  // before asking anew is cheaper
  std::optional<Statement> rows_;
  std::int64_t current_ = 0;
};

// Deliveries of a history that an earlier version began have their words added bit by bit, the newest first.
using TextOfBody = std::function<std::string(std::string_view body)>;
// One step of at most `limit` deliveries. False when there was nothing to do.
bool index_older_texts(Connection& connection, const TextOfBody& text_of, int limit);
// How many deliveries it has still to look at, at most.
std::int64_t count_older_texts(Connection& connection);

// Deleted words stay in parts of the index until these are merged; this merges a bit of them. True when there is
// nothing left to merge.
bool merge_texts(Connection& connection, int pages);

}  // namespace penstock::store
