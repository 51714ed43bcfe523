// Small pure functions over text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

std::string_view trim(std::string_view text) noexcept;                       // ASCII white space
bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;  // ASCII
std::string to_lower(std::string_view text);                                 // ASCII
std::vector<std::string> split(std::string_view text, char separator);

bool is_valid_utf8(std::string_view text) noexcept;

// At most `max_characters` code points and `max_bytes` bytes, never cutting a code point; cut text ends in "…".
// Invalid UTF-8 is replaced by U+FFFD first.
std::string truncate_utf8(std::string_view text, std::size_t max_characters, std::size_t max_bytes);

// Quotes for an error message: "text" with control characters and quotes escaped as in JSON, cut after 200 characters.
std::string in_quotes(std::string_view text);

// RFC 3986: keeps A-Za-z0-9-_.~ and, when asked, '/'; everything else becomes %XX in upper case.
enum class SlashMode { kEncode, kKeep };
std::string percent_encode(std::string_view text, SlashMode slash = SlashMode::kEncode);
// Empty when a '%' is not followed by two hexadecimal digits. '+' stays '+'.
std::optional<std::string> percent_decode(std::string_view text);

// Whole-string decimal without sign; empty on anything else or overflow.
std::optional<std::uint64_t> parse_unsigned(std::string_view text) noexcept;

// "250ms", "30s", "5m", "12h", "90d", "0"; empty on anything else.
std::optional<std::int64_t> parse_duration_milliseconds(std::string_view text) noexcept;
// "4MiB", "20GiB", "512KiB", "1000", also KB/MB/GB (powers of ten); empty on anything else.
std::optional<std::uint64_t> parse_byte_size(std::string_view text) noexcept;

// The known name nearest to `name` when it is near enough to be a slip of the pen (edit distance at most a third of the
// name's length), for "did you mean".
std::optional<std::string> nearest_name(std::string_view name, const std::vector<std::string>& known);

// 0 to 15; -1 for what is no hexadecimal digit.
int hex_digit_value(char c) noexcept;

}  // namespace penstock
