#include "core/hooks/event_fields.h"

#include <algorithm>

#include "core/base/text.h"

namespace penstock::hooks {

OptionalValue find(const OptionalValue& object, std::string_view member) {
  return object ? object->find(member) : std::nullopt;
}

std::string text_of(const OptionalValue& value, std::size_t limit) {
  const auto text = value ? value->string() : std::nullopt;
  if (!text) return {};
  return text->size() <= limit ? std::string(*text) : truncate_utf8(*text, limit, limit);
}

std::optional<std::int64_t> integer_of(const OptionalValue& value) {
  if (!value) return std::nullopt;
  if (const auto number = value->integer()) return number;
  const auto text = value->string();
  const auto parsed = text ? parse_unsigned(*text) : std::nullopt;
  if (!parsed || *parsed > INT64_MAX) return std::nullopt;
  return static_cast<std::int64_t>(*parsed);
}

bool is_absent(const OptionalValue& value) {
  return !value || value->is_null();
}

bool is_all_zeros(std::string_view text) noexcept {
  return !text.empty() && text.find_first_not_of('0') == std::string_view::npos;
}

bool is_object_id(std::string_view text) noexcept {
  return (text.size() == 40 || text.size() == 64) &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

bool is_ref_name(std::string_view name) noexcept {
  if (!name.starts_with("refs/") || name.size() > kMaxRefName || name.ends_with('.')) return false;
  if (name.find("..") != std::string_view::npos || name.find("@{") != std::string_view::npos) return false;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || std::string_view("~^:?*[\\").find(c) != std::string_view::npos) return false;
  }
  for (std::size_t begin = 0; begin <= name.size();) {
    const auto end = std::min(name.find('/', begin), name.size());
    const auto part = name.substr(begin, end - begin);
    if (part.empty() || part.starts_with('.') || part.ends_with(".lock")) return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace penstock::hooks
