#include "core/authz/strict_json.h"

#include <string>

namespace penstock::authz {
json::Document parse_strict_object(std::string_view text, std::string_view what, ErrorKind kind,
                                   const json::Document::Limits& limits) {
  const auto refuse = [&](std::string_view cause) -> Error {
    return Error(kind, "reading " + std::string(what) + ": " + std::string(cause));
  };
  if (text.starts_with("\xEF\xBB\xBF")) throw refuse("a byte order mark in front");
  try {
    json::Document document = json::Document::parse(text, limits);
    if (document.root().type() != json::Type::kObject) throw refuse("no JSON object");
    if (document.has_repeated_names()) throw refuse("an object has two members of the same name");
    return document;
  } catch (const Error& error) {
    if (error.kind() == kind) throw;
    throw refuse(error.kind() == ErrorKind::kExhausted ? "too large or too deep" : "no valid JSON");
  }
}

}  // namespace penstock::authz
