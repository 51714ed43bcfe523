// JSON written by hand where decisions are made: hundreds of small texts per push, for which building a tree costs more
// than deciding.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/json/document.h"

namespace penstock::hooks {

// Appends the text as a JSON string. Invalid UTF-8 is replaced, so that the result is always valid JSON.
void append_json_string(std::string& out, std::string_view text);

// The value as valid JSON of about `limit` characters at most: a string that is longer is cut and ends in "…"; an array
// or object that is longer becomes a JSON string of its beginning.
std::string bounded_json(const json::Value& value, std::size_t limit);

}  // namespace penstock::hooks
