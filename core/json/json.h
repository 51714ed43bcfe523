// JSON that we build, and JSON from parties that we trust (AWS, our own files). The one place that includes nlohmann;
// included by .cc files only, it is expensive to compile.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace penstock::json {

using Json = nlohmann::ordered_json;  // members stay in the order in which they were written

// Bounded by depth (64) and size; Error{kInvalidInput} "parsing WHAT: …" otherwise. Invalid UTF-8 is refused.
Json parse_json(std::string_view text, std::string_view what);

// Never throws on foreign bytes: invalid UTF-8 is replaced.
std::string dump(const Json& value);

// Members that may be absent, null or of another type: the default then.
std::string string_or(const Json& object, std::string_view member, std::string_view fallback = "");
const Json* find(const Json& object, std::string_view member) noexcept;  // null when absent, null or no object

}  // namespace penstock::json
