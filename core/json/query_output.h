// What `penstock jsonpath` prints.
#pragma once

#include <string>
#include <string_view>

#include "core/json/jsonpath.h"

namespace penstock::json {

// A JSON array of {"path": normalized path, "value": …}, one object a line, in RFC 9535's order; "[]" when nothing is
// selected. Numbers appear as the document writes them: 1.0, 1e3 and integers of any length survive.
// Throws Error{kInvalidInput | kExhausted} for the document; limits are wider than for webhooks (256 MiB, depth 1000,
// 100 million visits).
std::string query_to_json(const JsonPath& query, std::string_view document_text);

}  // namespace penstock::json
