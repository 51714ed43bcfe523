#include "core/json/query_output.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "core/base/error.h"
#include "core/json/document.h"
#include "core/json/jsonpath.h"
#include "core/json/scanner.h"
#include "core/json/tape.h"
#include "core/json/writer.h"

namespace penstock::json {
namespace {

// A person's own file on the command line may be larger than a webhook.
constexpr Document::Limits kLimits{.max_bytes = 256u << 20, .max_depth = 1000};
constexpr std::size_t kVisits = 100'000'000;

}  // namespace

std::string query_to_json(const JsonPath& query, std::string_view document_text) {
  const Document document = Document::parse(document_text, kLimits);
  std::size_t visits = kVisits;
  const std::vector<JsonPath::Node> nodes = query.select_with_paths(document, {.remaining_visits = &visits});
  if (nodes.empty()) return "[]";

  // The tape has the numbers' values in the order of the text, the text has how they are written.
  const Tape& tape = ValueAccess::tape(document);
  const std::vector<Tape::Index> places = tape.numbers();
  std::vector<std::string_view> texts;
  texts.reserve(places.size());
  scan_json(skip_byte_order_mark(document_text), kLimits.max_depth,
            [&](std::string_view number) { texts.push_back(number); });
  const auto number_text = [&](Tape::Index at) {
    return texts.at(static_cast<std::size_t>(std::lower_bound(places.begin(), places.end(), at) - places.begin()));
  };

  std::string out = "[";
  for (const JsonPath::Node& node : nodes) {
    out += out.size() == 1 ? "\n  {\"path\": " : ",\n  {\"path\": ";
    write_string(out, node.path);
    out += ", \"value\": ";
    write_value(out, tape, ValueAccess::index(node.value), number_text);
    out += "}";
  }
  return out + "\n]";
}

}  // namespace penstock::json
