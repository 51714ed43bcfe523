#include "core/hooks/json_reader.h"

namespace penstock::hooks {
namespace {

// Selected values are embedded as they are, and may be nested as deeply as a payload.
constexpr json::Document::Limits kLimits{.max_bytes = 64u << 20, .max_depth = 128};

}  // namespace

json::Document parse_own_json(std::string_view text, std::string_view what) {
  try {
    auto document = json::Document::parse(text, kLimits);
    if (document.root().type() != json::Type::kObject) JsonReader(document.root(), what).refuse("an object");
    return document;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kCorrupt) throw;
    throw Error(ErrorKind::kCorrupt, "reading " + std::string(what) + ": " + error.what());
  }
}

}  // namespace penstock::hooks
