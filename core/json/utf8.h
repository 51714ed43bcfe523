// Code points out of UTF-8, strictly: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::json {

struct CodePoint {
  char32_t value = 0;
  unsigned length = 0;  // bytes; 0 = no valid code point starts here
};

// `position` lies inside the text.
CodePoint decode_code_point(std::string_view text, std::size_t position) noexcept;

// A scalar value (no surrogate), at most U+10FFFF.
void append_utf8(std::string& out, char32_t code_point);

// For valid UTF-8: the number of code points.
std::size_t count_code_points(std::string_view text) noexcept;

inline bool is_high_surrogate(std::uint32_t unit) noexcept {
  return unit >= 0xD800 && unit < 0xDC00;
}
inline bool is_low_surrogate(std::uint32_t unit) noexcept {
  return unit >= 0xDC00 && unit < 0xE000;
}
inline char32_t combine_surrogates(std::uint32_t high, std::uint32_t low) noexcept {
  return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

// The value of four hexadecimal digits of either case at `position`, or -1.
int parse_hex4(std::string_view text, std::size_t position) noexcept;

// `\u00xx` and the short forms for control characters, as JSON and normalized paths share them. True when `c` is one.
bool append_control_escape(std::string& out, char c);

}  // namespace penstock::json
