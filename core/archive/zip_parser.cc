#include "core/archive/zip_parser.h"

namespace penstock::archive {
namespace {

// Takes eight bytes for each value that its 32 bits could not say, in this order.
bool read_zip64(std::string_view field, ZipEntry& entry) {
  const auto take = [&](std::uint64_t& value) {
    if (value != kMax32) return true;
    if (field.size() < 8) return false;
    value = u64_at(field, 0);
    field.remove_prefix(8);
    return true;
  };
  entry.zip64_sizes = entry.size == kMax32;
  return take(entry.size) && take(entry.compressed_size) && take(entry.offset);
}

bool read_mark(std::string_view field, ZipEntry& entry) {
  if (field.size() < 6 || field.size() > 6 + kMaxContentIdBytes) return false;
  if (static_cast<std::uint8_t>(field[0]) != kMarkVersion) return true;  // of another version: no mark
  entry.mark = ContentMark{.content_id = std::string(field.substr(6)),
                           .level = static_cast<std::uint8_t>(field[1]),
                           .seal = u32_at(field, 2)};
  return true;
}

bool read_extra_fields(std::string_view extra, ZipEntry& entry) {
  bool zip64_found = false;
  while (!extra.empty()) {
    if (extra.size() < 4) return false;
    const std::uint16_t id = u16_at(extra, 0);
    const std::size_t size = u16_at(extra, 2);
    if (extra.size() - 4 < size) return false;
    const std::string_view field = extra.substr(4, size);
    if (id == kZip64Field) {
      if (zip64_found || !read_zip64(field, entry)) return false;
      zip64_found = true;
    } else if (id == kMarkField) {
      if (entry.mark || !read_mark(field, entry)) return false;
    }
    extra.remove_prefix(4 + size);
  }
  return true;
}

}  // namespace

std::optional<DirectoryPlace> find_directory(std::string_view tail, std::uint64_t file_size) {
  if (tail.size() < kEndBytes || file_size < tail.size()) return std::nullopt;
  const std::string_view end = tail.substr(tail.size() - kEndBytes);
  if (u32_at(end, 0) != kEndSignature || u32_at(end, 4) != 0 || u16_at(end, 20) != 0) return std::nullopt;
  DirectoryPlace place{.entries = u16_at(end, 10), .size = u32_at(end, 12), .offset = u32_at(end, 16)};
  std::uint64_t directory_end = file_size - kEndBytes;
  if (place.entries == kMax16 || place.size == kMax32 || place.offset == kMax32) {
    if (tail.size() < kEndBytes + kLocatorBytes + kZip64EndBytes) return std::nullopt;
    const std::string_view locator = tail.substr(tail.size() - kEndBytes - kLocatorBytes, kLocatorBytes);
    const std::string_view zip64 =
        tail.substr(tail.size() - kEndBytes - kLocatorBytes - kZip64EndBytes, kZip64EndBytes);
    directory_end = file_size - kEndBytes - kLocatorBytes - kZip64EndBytes;
    if (u32_at(locator, 0) != kZip64LocatorSignature || u64_at(locator, 8) != directory_end ||
        u32_at(zip64, 0) != kZip64EndSignature) {
      return std::nullopt;
    }
    place = {.entries = u64_at(zip64, 32), .size = u64_at(zip64, 40), .offset = u64_at(zip64, 48)};
  }
  if (place.offset > directory_end || place.size != directory_end - place.offset) return std::nullopt;
  return place;
}

std::optional<std::size_t> local_header_size(std::string_view fixed) {
  if (fixed.size() < kLocalFixedBytes || u32_at(fixed, 0) != kLocalSignature) return std::nullopt;
  return kLocalFixedBytes + u16_at(fixed, 26) + u16_at(fixed, 28);
}

std::optional<std::size_t> central_header_size(std::string_view fixed) {
  if (fixed.size() < kCentralFixedBytes || u32_at(fixed, 0) != kCentralSignature) return std::nullopt;
  return kCentralFixedBytes + u16_at(fixed, 28) + u16_at(fixed, 30) + u16_at(fixed, 32);
}

std::optional<ZipEntry> parse_central_header(std::string_view header) {
  if (central_header_size(header) != header.size()) return std::nullopt;
  const std::size_t name_bytes = u16_at(header, 28);
  ZipEntry entry;
  entry.name = std::string(header.substr(kCentralFixedBytes, name_bytes));
  entry.mode = u32_at(header, 38) >> 16;
  const std::uint16_t method = u16_at(header, 10);
  if (method != static_cast<std::uint16_t>(Method::kStored) && method != static_cast<std::uint16_t>(Method::kDeflated))
    return std::nullopt;
  entry.method = static_cast<Method>(method);
  entry.crc32 = u32_at(header, 16);
  entry.compressed_size = u32_at(header, 20);
  entry.size = u32_at(header, 24);
  entry.offset = u32_at(header, 42);
  const std::string_view extra = header.substr(kCentralFixedBytes + name_bytes, u16_at(header, 30));
  if (!read_extra_fields(extra, entry)) return std::nullopt;
  return entry;
}

}  // namespace penstock::archive
