// The directory of a zip file that somebody else has made. Pure. Foreign bytes: whatever two readers could take for two
// different things is refused.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/archive/zip_format.h"

namespace penstock::archive {

struct ForeignEntry {
  std::string name;  // as it is in the file, but for '\\' of makers that mean '/'
  bool made_by_unix = false;
  std::uint32_t mode = 0;  // Unix st_mode, when made_by_unix
  std::uint16_t flags = 0, method = 0;
  std::uint32_t crc32 = 0;
  std::uint64_t compressed_size = 0, size = 0;
  std::uint64_t offset = 0;  // of the local header

  bool is_encrypted() const noexcept { return (flags & 0x2041u) != 0 || method == 99; }
  bool is_directory() const noexcept { return name.ends_with('/') || (made_by_unix && (mode & 0170000u) == 0040000u); }
};

struct ForeignDirectory {
  std::uint64_t offset = 0;  // where the directory begins and the entries' data ends
  std::vector<ForeignEntry> entries;
};

struct DirectoryBounds {
  std::uint64_t max_entries = 100'000;
  std::uint64_t max_bytes = 64u << 20;  // of the directory
};

// Fills the buffer from that offset of the file; may throw.
using ReadAt = std::function<void(std::uint64_t offset, char* buffer, std::size_t size)>;

// Error{kInvalidInput} for what is no archive that can be read safely, {kExhausted} above the bounds. Messages are to
// be put behind "unpacking …: ".
ForeignDirectory read_foreign_directory(const ReadAt& read, std::uint64_t file_size, const DirectoryBounds& bounds);

}  // namespace penstock::archive
