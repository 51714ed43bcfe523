// JSON text of a value on the tape.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/json/tape.h"

namespace penstock::json {

// Minified. `number_text`, when given, says how the number at a place is to be written. No recursion.
void write_value(std::string& out, const Tape& tape, Tape::Index value,
                 const std::function<std::string_view(Tape::Index)>& number_text = nullptr);

// In double quotes, escaping only what RFC 8259 wants escaped.
void write_string(std::string& out, std::string_view text);

}  // namespace penstock::json
