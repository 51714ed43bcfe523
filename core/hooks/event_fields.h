// Reading single members of an event, none of which need be there or be what it should. Private to this module.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/json/document.h"

namespace penstock::hooks {

inline constexpr std::size_t kMaxRefName = 1'024;
inline constexpr std::size_t kMaxText = 1'024;
inline constexpr std::size_t kMaxId = 256;

using OptionalValue = std::optional<json::Value>;

OptionalValue find(const OptionalValue& object, std::string_view member);
bool is_absent(const OptionalValue& value);  // or null

// Cut to `limit` bytes; empty for what is no text.
std::string text_of(const OptionalValue& value, std::size_t limit = kMaxText);
// Numbers arrive as numbers; a sender of its own that quotes them is understood too.
std::optional<std::int64_t> integer_of(const OptionalValue& value);

bool is_all_zeros(std::string_view text) noexcept;
bool is_object_id(std::string_view text) noexcept;  // 40 or 64 hexadecimal digits
// By the rules of git check-ref-format. A name that breaks them cannot be a ref, and must not reach git's command line.
bool is_ref_name(std::string_view name) noexcept;

}  // namespace penstock::hooks
