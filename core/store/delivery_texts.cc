#include "core/store/delivery_texts.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::store {
namespace {

constexpr std::size_t kMaxTypedBytes = 400;
constexpr std::size_t kMaxWords = 20;
constexpr std::size_t kShortestPrefix = 2;
constexpr std::size_t kStepBodyBytes = 4u << 20;
// A new query costs about as much as this many steps of the current one.
constexpr int kStepsOfAQuery = 64;
// The list of a beginning that is longer than those the index has is put together for each query anew.
constexpr std::size_t kLongestIndexedPrefix = 3;
constexpr int kStepsOfALongPrefix = 20'000;

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Bytes of letters and digits, as the index sees them; beyond ASCII it decides by itself.
std::size_t count_word_bytes(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           static_cast<unsigned char>(c) >= 0x80;
  }));
}

// Of a query for a beginning, without what belongs to the query.
std::size_t count_characters(std::string_view query) {
  return static_cast<std::size_t>(std::count_if(query.begin(), query.end(), [](char c) {
    return c != '"' && c != '*' && c != ' ' && (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

void append_phrase(std::vector<std::string>& queries, std::string_view text, bool is_prefix) {
  if (count_word_bytes(text) == 0) return;
  if (is_prefix && count_word_bytes(text) < kShortestPrefix) {
    throw Error(ErrorKind::kInvalidInput, "query parameter \"q\": expected at least " +
                                              std::to_string(kShortestPrefix) + " letters before *, found " +
                                              in_quotes(std::string(text) + "*"));
  }
  // Within quotes nothing has a meaning but the quote itself, and it does not get this far.
  std::string query = '"' + std::string(text) + (is_prefix ? "\" *" : "\"");
  if (std::find(queries.begin(), queries.end(), query) == queries.end()) queries.push_back(std::move(query));
}

}  // namespace

void add_text(Connection& connection, std::int64_t seq, std::string_view text) {
  connection.prepare("INSERT INTO delivery_texts (rowid, text) VALUES (?1, ?2)").run(seq, text);
}

void remove_text(Connection& connection, std::int64_t seq) {
  connection.prepare("DELETE FROM delivery_texts WHERE rowid = ?1").run(seq);
}

std::vector<std::string> to_text_queries(std::string_view typed) {
  const auto refuse = [](const std::string& why) {
    throw Error(ErrorKind::kInvalidInput, "query parameter \"q\": expected " + why);
  };
  if (typed.size() > kMaxTypedBytes) refuse("at most " + std::to_string(kMaxTypedBytes) + " bytes");
  if (typed.find('\0') != std::string_view::npos) refuse("words, found a zero byte");
  std::vector<std::string> queries;
  std::size_t words = 0;
  while (!typed.empty()) {
    if (is_space(typed.front())) {
      typed.remove_prefix(1);
      continue;
    }
    const bool is_quoted = typed.front() == '"';
    if (is_quoted) typed.remove_prefix(1);
    const auto end =
        std::find_if(typed.begin(), typed.end(), [&](char c) { return c == '"' || (!is_quoted && is_space(c)); });
    std::string_view word = typed.substr(0, static_cast<std::size_t>(end - typed.begin()));
    typed.remove_prefix(word.size());
    if (is_quoted && !typed.empty()) typed.remove_prefix(1);
    const bool is_prefix = !is_quoted && word.ends_with('*');
    while (is_prefix && word.ends_with('*')) word.remove_suffix(1);
    append_phrase(queries, word, is_prefix);
    if (++words > kMaxWords) refuse("at most " + std::to_string(kMaxWords) + " words");
  }
  if (queries.empty()) refuse("a word to search for");
  return queries;
}

TextWalk::TextWalk(Connection& connection, std::string query, std::int64_t first, std::int64_t last)
    : connection_(connection),
      query_(std::move(query)),
      first_(first),
      last_(last),
      steps_of_a_query_(query_.ends_with('*') && count_characters(query_) > kLongestIndexedPrefix ? kStepsOfALongPrefix
                                                                                                  : kStepsOfAQuery) {}

std::optional<std::int64_t> TextWalk::seek(std::int64_t at) {
  at = std::min(at, last_);
  if (at < first_) return std::nullopt;
  if (rows_) {
    for (int steps = 0; current_ > at && steps < steps_of_a_query_; ++steps) {
      if (!rows_->step()) return std::nullopt;
      current_ = rows_->integer(0);
    }
    if (current_ <= at) return current_;
    rows_.reset();
  }
  rows_.emplace(
      connection_.prepare("SELECT rowid FROM delivery_texts WHERE delivery_texts MATCH ?1 AND rowid BETWEEN ?2 AND ?3 "
                          "ORDER BY rowid DESC"));
  rows_->bind(query_, first_, at);
  if (!rows_->step()) return std::nullopt;
  current_ = rows_->integer(0);
  return current_;
}

bool index_older_texts(Connection& connection, const TextOfBody& text_of, int limit) {
  const std::int64_t before = count_older_texts(connection);
  if (before == 0) return false;
  struct Text {
    std::int64_t seq;
    std::string text;
  };
  std::vector<Text> texts;
  std::int64_t next = 1;
  {
    Statement rows = connection.prepare(
        "SELECT seq, outcome, body FROM deliveries JOIN delivery_contents USING (seq) WHERE seq < ?1 "
        "ORDER BY seq DESC LIMIT ?2");
    rows.bind(before, limit);
    std::size_t bytes = 0;
    int seen = 0;
    while (bytes < kStepBodyBytes && rows.step()) {
      ++seen;
      next = rows.integer(0);
      bytes += rows.view(2).size();
      if (rows.view(1) == "rejected") continue;
      if (std::string text = text_of(rows.view(2)); !text.empty()) texts.push_back({next, std::move(text)});
    }
    if (seen < limit && bytes < kStepBodyBytes) next = 1;
  }
  // The index likes rising numbers.
  for (auto text = texts.rbegin(); text != texts.rend(); ++text) add_text(connection, text->seq, text->text);
  connection.prepare("UPDATE meta SET value = ?1 WHERE name = 'texts_from_seq'").run(next);
  return true;
}

std::int64_t count_older_texts(Connection& connection) {
  const std::int64_t from =
      connection.query_integer("SELECT value FROM meta WHERE name = 'texts_from_seq'").value_or(1);
  return from <= 1 ? 0 : from;
}

bool merge_texts(Connection& connection, int pages) {
  const std::int64_t before = connection.total_changes();
  connection.prepare("INSERT INTO delivery_texts (delivery_texts, rank) VALUES ('merge', ?1)").run(-pages);
  // As FTS5 documents it: less than two changes mean that there was nothing to do.
  return connection.total_changes() - before < 2;
}

}  // namespace penstock::store
