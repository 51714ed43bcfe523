// Documents are accepted exactly when nlohmann's parser accepts them, but for depth, lone surrogates (it refuses them
// too), the byte order mark and numbers beyond a double (which it refuses); what is accepted means the same, and prints
// as text that means the same again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/json/document.h"
#include "core/json/json.h"
#include "core/json/scanner.h"

using penstock::Error;
using penstock::ErrorKind;
using namespace penstock::json;

namespace {

void check_same(const Value& ours, const Json& theirs) {
  switch (ours.type()) {
    case Type::kNull:
      if (!theirs.is_null()) std::abort();
      return;
    case Type::kBoolean:
      if (!theirs.is_boolean() || theirs.get<bool>() != *ours.boolean()) std::abort();
      return;
    case Type::kNumber:
      if (!theirs.is_number() || theirs.get<double>() != *ours.number()) std::abort();
      return;
    case Type::kString:
      if (!theirs.is_string() || theirs.get_ref<const std::string&>() != *ours.string()) std::abort();
      return;
    case Type::kArray: {
      if (!theirs.is_array() || theirs.size() != ours.size()) std::abort();
      std::size_t position = 0;
      ours.for_each_element([&](Value element) { check_same(element, theirs[position++]); });
      return;
    }
    case Type::kObject: {
      if (!theirs.is_object() || theirs.size() != ours.size()) std::abort();
      auto member = theirs.begin();
      ours.for_each_member([&](std::string_view name, Value value) {
        if (member.key() != name) std::abort();
        check_same(value, *member++);
      });
      return;
    }
  }
}

std::size_t count_members(const Json& value) {
  std::size_t count = value.is_object() ? value.size() : 0;
  if (value.is_structured()) {
    for (const Json& child : value) count += count_members(child);
  }
  return count;
}

void check_against_nlohmann(const Document& document, std::string_view text) {
  std::size_t names = 0;
  const auto count_names = [&](int, Json::parse_event_t event, Json&) {
    names += event == Json::parse_event_t::key;
    return true;
  };
  const Json theirs = Json::parse(text, count_names, false);
  if (theirs.is_discarded()) return;  // a number beyond a double; anything else the caller sees
  // Of repeated members nlohmann keeps the last value, we the first.
  if (names == count_members(theirs)) check_same(document.root(), theirs);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view body = skip_byte_order_mark(text);
  const ScanResult scan = scan_json(body, 64);
  bool accepted = false;
  try {
    const Document document = Document::parse(text);
    accepted = true;
    const std::string printed = document.root().to_text();
    if (Document::parse(printed).root().to_text() != printed) std::abort();
    check_against_nlohmann(document, body);
  } catch (const Error& error) {
    switch (scan.verdict) {
      case ScanResult::Verdict::kValid:
        std::abort();
      case ScanResult::Verdict::kInvalid:
        if (error.kind() != ErrorKind::kInvalidInput || scan.offset > body.size()) std::abort();
        break;
      case ScanResult::Verdict::kTooDeep:
        if (error.kind() != ErrorKind::kExhausted) std::abort();
        break;
    }
  }
  if (accepted && scan.verdict != ScanResult::Verdict::kValid) std::abort();
  // nlohmann skips a byte order mark itself, so it would take a second one, and it takes a NUL for the end of the text.
  if (scan.verdict == ScanResult::Verdict::kInvalid && !body.starts_with("\xEF\xBB\xBF") &&
      body.find('\0') == std::string_view::npos && Json::accept(body)) {
    std::abort();
  }
  return 0;
}
