// JSONPath, all of RFC 9535, with I-Regexp (RFC 9485) for match() and search(). Compiled once, evaluated often.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/json/document.h"

namespace penstock::json {

// Presents one array of the document as if it had a single element, without copying anything: how a filter sees a push
// of several refs ref by ref. It holds for the whole evaluation, filters with '$', length() and comparisons included;
// in the paths of the result the element is [0]. Only a selected Value that contains the array still shows all of it.
struct ArrayFocus {
  std::vector<std::string> path;  // member names from the root; where it leads to no array, nothing changes
  std::size_t index = 0;          // past the end: the array appears empty
};

struct EvaluateOptions {
  // Evaluation ends with Error{kExhausted} after this many visited nodes; a hostile body cannot make a query explode.
  // Comparisons, long strings and regular expressions pay in the same coin by the work they make: a million visits are
  // well below a second. Decremented, so that several queries can share one budget.
  std::size_t* remaining_visits = nullptr;  // null = 1,000,000 for this call
  const ArrayFocus* focus = nullptr;
};

// Immutable and thread-safe once made.
class JsonPath {
 public:
  // Throws Error{kInvalidInput} "column N: …" (columns count from 1, in characters) for anything that is not a
  // well-formed and well-typed RFC 9535 query, and for one of more than 64 KiB or more than 50 levels of nesting.
  static JsonPath compile(std::string_view query);
  JsonPath(JsonPath&&) noexcept;
  JsonPath& operator=(JsonPath&&) noexcept;
  ~JsonPath();

  struct Node {
    Value value;
    std::string path;  // normalized path (RFC 9535 section 2.7)
  };
  // Nodes in RFC order, duplicates kept.
  std::vector<Value> select(const Document& document, const EvaluateOptions& options = {}) const;
  std::vector<Node> select_with_paths(const Document& document, const EvaluateOptions& options = {}) const;

  const std::string& text() const noexcept { return text_; }

 private:
  struct Query;
  explicit JsonPath(std::string text, std::unique_ptr<const Query> query);
  std::string text_;
  std::unique_ptr<const Query> query_;
};

}  // namespace penstock::json
