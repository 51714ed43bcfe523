// The records of a zip file read back, as far as archives of ours need it. Pure. Foreign bytes: whatever does not look
// as zip_format.h would have written it gives nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/archive/zip_format.h"

namespace penstock::archive {

struct DirectoryPlace {
  std::uint64_t entries = 0, size = 0, offset = 0;
};

// How many bytes at the end of a file find_directory() needs, at most.
inline constexpr std::size_t kTailBytes = kEndBytes + kLocatorBytes + kZip64EndBytes;
// Where the central directory is, from the last bytes of a file of that size.
std::optional<DirectoryPlace> find_directory(std::string_view tail, std::uint64_t file_size);

// A header begins with so many bytes that tell how long it is.
inline constexpr std::size_t kLocalFixedBytes = 30;
inline constexpr std::size_t kCentralFixedBytes = 46;
std::optional<std::size_t> local_header_size(std::string_view fixed);
std::optional<std::size_t> central_header_size(std::string_view fixed);
// Of a whole header.
std::optional<ZipEntry> parse_central_header(std::string_view header);

}  // namespace penstock::archive
