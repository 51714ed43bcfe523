// Input: a query, or a query, a zero byte and a document.
//
// A query is either compiled or refused with a column inside its text. The path of each node that it selects, taken as
// a query, selects exactly that node; both ways of selecting agree; evaluation stays within its budget.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/json/document.h"
#include "core/json/jsonpath.h"

using penstock::Error;
using penstock::ErrorKind;
using namespace penstock::json;

namespace {

constexpr std::size_t kVisits = 50'000;

std::optional<JsonPath> compile(std::string_view text) {
  try {
    JsonPath path = JsonPath::compile(text);
    if (path.text() != text) std::abort();
    return path;
  } catch (const Error& error) {
    const std::string message = error.what();
    if (error.kind() != ErrorKind::kInvalidInput || !message.starts_with("column ")) std::abort();
    const unsigned long column = std::strtoul(message.c_str() + 7, nullptr, 10);
    if (column < 1 || column > text.size() + 1) std::abort();
    return std::nullopt;
  }
}

void check(const JsonPath& path, const Document& document, const ArrayFocus* focus) {
  std::size_t visits = kVisits;
  std::vector<JsonPath::Node> nodes;
  try {
    nodes = path.select_with_paths(document, {.remaining_visits = &visits, .focus = focus});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kExhausted || visits > kVisits) std::abort();
    return;
  }
  if (nodes.size() > kVisits || visits > kVisits) std::abort();
  const std::vector<Value> values = path.select(document, {.focus = focus});
  if (values.size() != nodes.size()) std::abort();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!values[i].is_same_node(nodes[i].value)) std::abort();
    if (i >= 50) continue;
    const std::vector<JsonPath::Node> again =
        JsonPath::compile(nodes[i].path).select_with_paths(document, {.focus = focus});
    if (again.size() != 1 || !again[0].value.is_same_node(nodes[i].value) || again[0].path != nodes[i].path) {
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Document fixed =
      Document::parse(R"({"a":[1,2.5,"x",{"b":null}],"b":{"a":true,"c":"[a-z]+"},"c":"a.c","d":[[0],[1,[2]]]})");
  static const ArrayFocus focus{{"a"}, 1};
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t separator = input.find('\0');
  const std::optional<JsonPath> path = compile(input.substr(0, separator));
  if (!path) return 0;
  if (separator == std::string_view::npos) {
    check(*path, fixed, nullptr);
    return 0;
  }
  try {
    const Document document = Document::parse(input.substr(separator + 1));
    check(*path, document, nullptr);
    check(*path, document, &focus);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInvalidInput && error.kind() != ErrorKind::kExhausted) std::abort();
  }
  return 0;
}
