// A strict reader of RFC 8259 text that keeps nothing. It says where and why a text is no JSON (simdjson only says that
// it is none) and finds the numbers in it (simdjson keeps their values only). Pure; linear time, no recursion.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace penstock::json {

struct ScanResult {
  enum class Verdict { kValid, kInvalid, kTooDeep };
  Verdict verdict = Verdict::kValid;
  std::size_t offset = 0;  // bytes, of the fault
  std::string reason;
};

// Calls `on_number` with each number in the order of the text; what it is given lies in `text`. Depth counts
// containers.
ScanResult scan_json(std::string_view text, std::size_t max_depth,
                     const std::function<void(std::string_view)>& on_number = nullptr);

// The text without its leading byte order mark.
std::string_view skip_byte_order_mark(std::string_view text) noexcept;

}  // namespace penstock::json
