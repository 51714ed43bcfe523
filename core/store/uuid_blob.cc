#include "core/store/uuid_blob.h"

#include <algorithm>

#include "core/base/digest.h"
#include "core/base/ids.h"

namespace penstock::store {

std::optional<std::string> uuid_to_blob(std::string_view uuid) {
  if (!is_uuid(uuid)) return std::nullopt;
  std::string digits(uuid);
  std::erase(digits, '-');
  return from_hex(digits);
}

std::string blob_to_uuid(std::string_view blob) {
  std::string text = to_hex(blob);
  if (text.size() != 32) return text;
  for (std::size_t position : {20u, 16u, 12u, 8u}) text.insert(position, 1, '-');
  return text;
}

Timestamp uuid_blob_time(std::string_view blob) noexcept {
  std::int64_t milliseconds = 0;
  for (char byte : blob.substr(0, 6)) milliseconds = milliseconds << 8 | static_cast<unsigned char>(byte);
  return from_milliseconds(milliseconds);
}

std::string smallest_uuid_blob(Timestamp time) {
  constexpr std::int64_t kLargest = (std::int64_t{1} << 48) - 1;
  std::int64_t milliseconds = std::clamp<std::int64_t>(to_milliseconds(time), 0, kLargest);
  std::string blob(16, '\0');
  for (std::size_t i = 6; i-- > 0; milliseconds >>= 8) blob[i] = static_cast<char>(milliseconds & 0xff);
  return blob;
}

}  // namespace penstock::store
