#include "core/json/json.h"

#include "core/base/error.h"
#include "core/json/scanner.h"

namespace penstock::json {
namespace {

constexpr std::size_t kMaxBytes = 64u << 20;
constexpr std::size_t kMaxDepth = 64;

}  // namespace

Json parse_json(std::string_view text, std::string_view what) {
  const std::string doing = "parsing " + std::string(what) + ": ";
  if (text.size() > kMaxBytes) {
    throw Error(ErrorKind::kInvalidInput, doing + std::to_string(text.size()) + " bytes are too many");
  }
  const std::string_view body = skip_byte_order_mark(text);
  // Scanned first: the reasons are better, and the depth is known before anything that recurses is built.
  const ScanResult scan = scan_json(body, kMaxDepth);
  if (scan.verdict != ScanResult::Verdict::kValid) {
    throw Error(ErrorKind::kInvalidInput,
                doing + "byte " + std::to_string(text.size() - body.size() + scan.offset) + ": " + scan.reason);
  }
  try {
    return Json::parse(body);
  } catch (const Json::exception&) {
    // What is left is a number beyond a double.
    throw Error(ErrorKind::kInvalidInput, doing + "a number is out of range");
  }
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string string_or(const Json& object, std::string_view member, std::string_view fallback) {
  const Json* const found = find(object, member);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string(fallback);
}

const Json* find(const Json& object, std::string_view member) noexcept {
  if (!object.is_object()) return nullptr;
  for (const auto& [name, value] : object.get_ref<const Json::object_t&>()) {
    if (name == member) return value.is_null() ? nullptr : &value;
  }
  return nullptr;
}

}  // namespace penstock::json
