// Input: a query, a zero byte, a document. Evaluation answers the same whatever budget it needs less than; a focus on
// an element of an array shows what a document shows that holds this element alone.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/json/document.h"
#include "core/json/jsonpath.h"
#include "tests/fuzz/check.h"

using namespace penstock;
using namespace penstock::json;

namespace {

constexpr std::size_t kVisits = 20'000;

// Nothing when the budget did not last.
std::optional<std::vector<std::string>> evaluate(const JsonPath& path, const Document& document,
                                                 const ArrayFocus* focus, std::size_t& visits) {
  try {
    const auto before = visits;
    std::vector<std::string> result;
    for (const auto& node : path.select_with_paths(document, {.remaining_visits = &visits, .focus = focus})) {
      result.push_back(node.path);
      // A container may hold the array that is focused on, of which a value still shows all.
      const auto type = node.value.type();
      result.push_back(type == Type::kArray || type == Type::kObject ? "container" : node.value.to_text());
    }
    check(visits <= before);
    return result;
  } catch (const Error& error) {
    check(error.kind() == ErrorKind::kExhausted);
    return std::nullopt;
  }
}

// The document with the array at $.a holding one element only; nothing when there is no such array. Names must be
// plain.
std::optional<std::string> with_one_element(const Document& document, std::size_t index) {
  if (document.root().type() != Type::kObject) return std::nullopt;
  std::string text;
  bool found = false;
  document.root().for_each_member([&](std::string_view name, Value value) {
    text += text.empty() ? "{" : ",";
    if (name == "a" && value.type() == Type::kArray) {
      found = true;
      text += "\"a\":[";
      std::size_t at = 0;
      value.for_each_element([&](Value element) {
        if (at++ == index) text += element.to_text();
      });
      text += "]";
    } else {
      text += "\"" + std::string(name) + "\":" + value.to_text();
    }
  });
  return found ? std::optional(text + "}") : std::nullopt;
}

bool has_only_plain_names(const Document& document) {
  bool plain = true;
  if (document.root().type() != Type::kObject) return false;
  document.root().for_each_member([&](std::string_view name, Value) {
    for (const char c : name) plain &= c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20;
  });
  return plain;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto separator = input.find('\0');
  if (separator == std::string_view::npos) return 0;
  try {
    const auto path = JsonPath::compile(input.substr(0, separator));
    const auto document = Document::parse(input.substr(separator + 1));
    std::size_t visits = kVisits;
    const auto whole = evaluate(path, document, nullptr, visits);
    if (whole) {
      // Exactly what was used suffices, one less does not.
      const std::size_t used = kVisits - visits;
      std::size_t exact = used;
      check(evaluate(path, document, nullptr, exact) == whole && exact == 0);
      std::size_t short_by_one = used == 0 ? 0 : used - 1;
      check(used == 0 || !evaluate(path, document, nullptr, short_by_one));
    }
    if (!has_only_plain_names(document)) return 0;
    for (const std::size_t index : {0u, 1u, 7u}) {
      const auto alone = with_one_element(document, index);
      if (!alone) break;
      const ArrayFocus focus{{"a"}, index};
      const auto reduced = Document::parse(*alone);
      std::size_t first = kVisits, second = kVisits;
      const auto focused = evaluate(path, document, &focus, first);
      const auto expected = evaluate(path, reduced, nullptr, second);
      if (focused && expected) check(focused == expected);
    }
  } catch (const Error& error) {
    check(error.kind() == ErrorKind::kInvalidInput || error.kind() == ErrorKind::kExhausted);
  }
  return 0;
}
