// Identifiers made here.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace penstock {

// A UUIDv7 (RFC 9562 section 5.7), lower case. Ids made by one process rise strictly, also within a millisecond and
// when the clock jumps back. Thread-safe.
std::string make_uuid_v7(const Clock& clock);

// When a UUIDv7 was made, by its maker's clock; nothing for what is no UUID of that version.
std::optional<Timestamp> time_of_uuid_v7(std::string_view id) noexcept;

// A random UUIDv4, lower case.
std::string make_uuid_v4();

// 8-4-4-4-12 hexadecimal digits, upper or lower case.
bool is_uuid(std::string_view text) noexcept;

// Fills the buffer from the kernel's generator; never fails.
void fill_random(std::span<std::byte> buffer);

// Uniform in [0, 1), for jitter; not for secrets.
double random_unit();

}  // namespace penstock
