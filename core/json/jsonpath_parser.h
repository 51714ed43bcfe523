// RFC 9535's grammar and typing rules.
#pragma once

#include <string_view>

#include "core/json/jsonpath_ast.h"

namespace penstock::json {

// Throws Error{kInvalidInput} "column N: …". Queries longer than 64 KiB, or nested (filters, parentheses, functions)
// deeper than 50, are refused, so that neither parsing nor evaluating nor destroying one can run out of stack.
PathQuery parse_jsonpath(std::string_view text);

}  // namespace penstock::json
