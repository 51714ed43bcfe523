// The records of a zip file as bytes. Pure. Source: PKWARE APPNOTE 6.3.10, sections 4.3 to 4.5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace penstock::archive {

inline constexpr std::uint32_t kLocalSignature = 0x04034b50;
inline constexpr std::uint32_t kCentralSignature = 0x02014b50;
inline constexpr std::uint32_t kEndSignature = 0x06054b50;
inline constexpr std::uint32_t kZip64EndSignature = 0x06064b50;
inline constexpr std::uint32_t kZip64LocatorSignature = 0x07064b50;
// Without names, comments and extra fields.
inline constexpr std::size_t kEndBytes = 22;
inline constexpr std::size_t kLocatorBytes = 20;
inline constexpr std::size_t kZip64EndBytes = 56;
// What a field says whose value is in zip64's records.
inline constexpr std::uint32_t kMax32 = 0xFFFFFFFF;
inline constexpr std::uint16_t kMax16 = 0xFFFF;
inline constexpr std::uint16_t kZip64Field = 1;  // ids of extra fields
inline constexpr std::uint16_t kMarkField = 0x5350;
inline constexpr std::uint8_t kMarkVersion = 1;  // to be raised when the same content is packed otherwise

// Little-endian numbers in records. The caller has seen that so many bytes are there.
inline std::uint64_t number_at(std::string_view bytes, std::size_t offset, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}
inline std::uint16_t u16_at(std::string_view bytes, std::size_t offset) {
  return static_cast<std::uint16_t>(number_at(bytes, offset, 2));
}
inline std::uint32_t u32_at(std::string_view bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(number_at(bytes, offset, 4));
}
inline std::uint64_t u64_at(std::string_view bytes, std::size_t offset) {
  return number_at(bytes, offset, 8);
}

enum class Method : std::uint16_t { kStored = 0, kDeflated = 8 };

// What a later archive needs to know to take over an entry's packed bytes instead of making them again. In the central
// directory only, in an extra field of our own, which other readers pass over.
struct ContentMark {
  std::string content_id;  // at most kMaxContentIdBytes
  std::uint8_t level = 0;  // of the compression that was asked for
  std::uint32_t seal = 0;  // seal_of()
  friend bool operator==(const ContentMark&, const ContentMark&) = default;
};
inline constexpr std::size_t kMaxContentIdBytes = 64;

// One entry as its headers describe it.
struct ZipEntry {
  std::string name;        // directories end in '/'
  std::uint32_t mode = 0;  // Unix st_mode
  Method method = Method::kStored;
  std::uint32_t crc32 = 0;
  std::uint64_t compressed_size = 0, size = 0;
  std::uint64_t offset = 0;  // of the local header
  // Chosen before the sizes are known and kept in both headers, so that a local header can be rewritten in place.
  bool zip64_sizes = false;
  std::optional<ContentMark> mark{};
};

// Entries from this size on get 64-bit sizes: deflate can make data a little larger.
inline constexpr std::uint64_t kZip64SizeThreshold = 0xFFF00000;
inline constexpr std::size_t kMaxNameBytes = 0xFFFF;

// MS-DOS date and time (UTC) and Info-ZIP's extended timestamp, the same for every entry of an archive.
class ZipTime {
 public:
  // Before 1980 and after 2107 the nearest time that MS-DOS can say.
  explicit ZipTime(Timestamp time);
  std::uint16_t dos_time() const noexcept { return dos_time_; }
  std::uint16_t dos_date() const noexcept { return dos_date_; }
  const std::string& extra_field() const noexcept { return extra_field_; }  // empty when it cannot say the time

 private:
  std::uint16_t dos_time_ = 0, dos_date_ = 0;
  std::string extra_field_;
};

// Tells whether the packed bytes, and what the directory says about them, are as they were written: a CRC-32 that
// begins with that of the packed bytes and goes on over the entry's other fields but its seal. Needs the entry's mark.
std::uint32_t seal_of(const ZipEntry& entry, std::uint32_t packed_crc32);

std::string local_header(const ZipEntry& entry, const ZipTime& time);
std::string central_header(const ZipEntry& entry, const ZipTime& time);
// With the zip64 records where they are needed.
std::string end_of_central_directory(std::uint64_t entries, std::uint64_t directory_size,
                                     std::uint64_t directory_offset);

}  // namespace penstock::archive
