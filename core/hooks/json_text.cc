#include "core/hooks/json_text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/base/text.h"

namespace penstock::hooks {
namespace {

// Minified JSON of the value until `out` is longer than `limit`; the rest is left out, whatever its size.
void append_until(std::string& out, const json::Value& value, std::size_t limit) {
  if (out.size() > limit) return;
  bool first = true;
  const auto separate = [&] {
    if (!first) out += ',';
    first = false;
  };
  switch (value.type()) {
    case json::Type::kArray:
      out += '[';
      value.for_each_element([&](json::Value element) {
        if (out.size() > limit) return;
        separate();
        append_until(out, element, limit);
      });
      out += ']';
      return;
    case json::Type::kObject:
      out += '{';
      value.for_each_member([&](std::string_view name, json::Value member) {
        if (out.size() > limit) return;
        separate();
        append_json_string(out, name.substr(0, 4 * limit));
        out += ':';
        append_until(out, member, limit);
      });
      out += '}';
      return;
    case json::Type::kString:
      append_json_string(out, value.string()->substr(0, 4 * limit));
      return;
    case json::Type::kNull:
    case json::Type::kBoolean:
    case json::Type::kNumber:
      out += value.to_text();
      return;
  }
}

// Printable ASCII without anything to escape, as nearly all texts are. Eight characters at a time.
bool is_plain(std::string_view text) noexcept {
  constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101, kHighs = 0x8080'8080'8080'8080;
  const auto has_zero = [](std::uint64_t x) { return (x - kOnes) & ~x & kHighs; };
  std::size_t at = 0;
  std::uint64_t special = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, text.data() + at, 8);
    special |= (eight & kHighs) | ((eight - 0x20 * kOnes) & ~eight & kHighs) | has_zero(eight ^ (0x7f * kOnes)) |
               has_zero(eight ^ ('"' * kOnes)) | has_zero(eight ^ ('\\' * kOnes));
  }
  return special == 0 && std::all_of(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
         });
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  if (is_plain(text)) {
    out += '"';
    out += text;
    out += '"';
    return;
  }
  std::string repaired;
  if (!is_valid_utf8(text)) {
    repaired = truncate_utf8(text, text.size() + 1, 3 * text.size() + 3);
    text = repaired;
  }
  out += '"';
  std::size_t written = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    out.append(text, written, i - written);
    written = i + 1;
    switch (byte) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += "0123456789abcdef"[byte >> 4];
        out += "0123456789abcdef"[byte & 15];
    }
  }
  out.append(text, written);
  out += '"';
}

std::string bounded_json(const json::Value& value, std::size_t limit) {
  std::string text;
  if (const auto string = value.string()) {
    append_json_string(text, string->size() <= limit
                                 ? std::string(*string)
                                 : truncate_utf8(string->substr(0, 4 * limit + 4), limit, 4 * limit));
    return text;
  }
  append_until(text, value, 4 * limit);
  auto cut = truncate_utf8(text, limit, 4 * limit);
  if (cut == text) return text;
  std::string quoted_text;
  append_json_string(quoted_text, cut);
  return quoted_text;
}

}  // namespace penstock::hooks
