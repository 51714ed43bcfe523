// The records of a zip file as bytes. Pure. Source: PKWARE APPNOTE 6.3.10, sections 4.3 to 4.5.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace penstock::archive {

enum class Method : std::uint16_t { kStored = 0, kDeflated = 8 };

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

std::string local_header(const ZipEntry& entry, const ZipTime& time);
std::string central_header(const ZipEntry& entry, const ZipTime& time);
// With the zip64 records where they are needed.
std::string end_of_central_directory(std::uint64_t entries, std::uint64_t directory_size,
                                     std::uint64_t directory_offset);

}  // namespace penstock::archive
