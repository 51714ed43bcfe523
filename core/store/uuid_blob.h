// UUIDs as the 16 bytes in which they are stored: they sort as the text does, in less than half of the space.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace penstock::store {

// Empty when the text is no UUID.
std::optional<std::string> uuid_to_blob(std::string_view uuid);
std::string blob_to_uuid(std::string_view blob);

// The UUIDv7's time; of another version's UUID, whatever its first 48 bits say.
Timestamp uuid_blob_time(std::string_view blob) noexcept;
// The smallest UUID of that time; before 1970 that of 1970.
std::string smallest_uuid_blob(Timestamp time);

}  // namespace penstock::store
