#include "core/archive/zip_directory.h"

#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::archive {
namespace {

constexpr std::size_t kCentralBytes = 46;
constexpr std::size_t kMaxComment = 0xFFFF;

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorKind::kInvalidInput, why);
}

struct Place {
  std::uint64_t entries = 0, size = 0, offset = 0;
  std::uint64_t end = 0;  // where the records after the directory begin
};

// The end record is where its comment ends with the file.
std::size_t find_end_record(std::string_view tail) {
  for (std::size_t at = tail.size() - kEndBytes + 1; at-- > 0;) {
    if (u32_at(tail, at) == kEndSignature && at + kEndBytes + u16_at(tail, at + 20) == tail.size()) return at;
  }
  refuse("it is not a zip archive, or not whole");
}

Place find_place(const ReadAt& read, std::uint64_t file_size) {
  if (file_size < kEndBytes) refuse("it is not a zip archive");
  const auto tail_size =
      static_cast<std::size_t>(std::min<std::uint64_t>(file_size, kEndBytes + kMaxComment + kLocatorBytes));
  std::string tail(tail_size, '\0');
  read(file_size - tail_size, tail.data(), tail_size);
  const std::size_t at = find_end_record(tail);
  const std::string_view end = std::string_view(tail).substr(at, kEndBytes);
  if (u16_at(end, 4) != 0 || u16_at(end, 6) != 0 || u16_at(end, 8) != u16_at(end, 10)) {
    refuse("it is one of several parts");
  }
  Place place{.entries = u16_at(end, 10), .size = u32_at(end, 12), .offset = u32_at(end, 16)};
  place.end = file_size - tail_size + at;
  if (place.entries != kMax16 && place.size != kMax32 && place.offset != kMax32) return place;

  // Zip64, unless those happen to be the numbers.
  if (at < kLocatorBytes || u32_at(tail, at - kLocatorBytes) != kZip64LocatorSignature) {
    if (place.entries == kMax16 && place.size != kMax32 && place.offset != kMax32) return place;
    refuse("its zip64 records are missing");
  }
  const std::uint64_t record = u64_at(tail, at - kLocatorBytes + 8);
  const std::uint64_t locator = place.end - kLocatorBytes;
  if (record > locator || locator - record < kZip64EndBytes) refuse("its zip64 records are damaged");
  char bytes[kZip64EndBytes];
  read(record, bytes, sizeof bytes);
  const std::string_view zip64(bytes, sizeof bytes);
  // What follows its fixed part must reach the locator, so that there is one reading only.
  if (u32_at(zip64, 0) != kZip64EndSignature || u64_at(zip64, 4) != locator - record - 12) {
    refuse("its zip64 records are damaged");
  }
  if (u32_at(zip64, 16) != 0 || u32_at(zip64, 20) != 0 || u64_at(zip64, 24) != u64_at(zip64, 32)) {
    refuse("it is one of several parts");
  }
  return {.entries = u64_at(zip64, 32), .size = u64_at(zip64, 40), .offset = u64_at(zip64, 48), .end = record};
}

// Eight bytes for each value that its 32 bits could not say, in this order.
void read_zip64_field(std::string_view field, ForeignEntry& entry) {
  for (std::uint64_t* value : {&entry.size, &entry.compressed_size, &entry.offset}) {
    if (*value != kMax32) continue;
    if (field.size() < 8) refuse("the zip64 sizes of " + in_quotes(entry.name) + " are damaged");
    *value = u64_at(field, 0);
    field.remove_prefix(8);
  }
}

void read_extra_fields(std::string_view extra, ForeignEntry& entry) {
  bool zip64_found = false;
  while (extra.size() >= 4) {  // some makers fill up with a byte or three
    const std::uint16_t id = u16_at(extra, 0);
    const std::size_t size = u16_at(extra, 2);
    if (extra.size() - 4 < size) refuse("the extra fields of " + in_quotes(entry.name) + " are damaged");
    if (id == kZip64Field) {
      if (zip64_found) refuse(in_quotes(entry.name) + " has its zip64 sizes twice");
      read_zip64_field(extra.substr(4, size), entry);
      zip64_found = true;
    }
    extra.remove_prefix(4 + size);
  }
}

// Takes one header off the front.
ForeignEntry take_header(std::string_view& rest) {
  if (rest.size() < kCentralBytes || u32_at(rest, 0) != kCentralSignature) refuse("its directory is damaged");
  const std::size_t name_size = u16_at(rest, 28), extra_size = u16_at(rest, 30), comment_size = u16_at(rest, 32);
  const std::size_t size = kCentralBytes + name_size + extra_size + comment_size;
  if (rest.size() < size) refuse("its directory is damaged");
  ForeignEntry entry;
  entry.name = std::string(rest.substr(kCentralBytes, name_size));
  const unsigned maker = static_cast<unsigned char>(rest[5]);
  entry.made_by_unix = maker == 3 || maker == 19;  // Unix, macOS
  const std::uint32_t attributes = u32_at(rest, 38);
  entry.mode = entry.made_by_unix ? attributes >> 16 : 0;
  // Old makers on Windows separate folders as Windows does.
  if (maker == 0 && entry.name.find('/') == std::string::npos) {
    std::replace(entry.name.begin(), entry.name.end(), '\\', '/');
  }
  entry.flags = u16_at(rest, 8);
  entry.method = u16_at(rest, 10);
  entry.crc32 = u32_at(rest, 16);
  entry.compressed_size = u32_at(rest, 20);
  entry.size = u32_at(rest, 24);
  if (u16_at(rest, 34) != 0 && u16_at(rest, 34) != kMax16) refuse("it is one of several parts");
  entry.offset = u32_at(rest, 42);
  read_extra_fields(rest.substr(kCentralBytes + name_size, extra_size), entry);
  rest.remove_prefix(size);
  return entry;
}

}  // namespace

ForeignDirectory read_foreign_directory(const ReadAt& read, std::uint64_t file_size, const DirectoryBounds& bounds) {
  const Place place = find_place(read, file_size);
  if (place.offset > place.end || place.size != place.end - place.offset) {
    refuse("its directory is not where it says; there may be something before or after the archive");
  }
  if (place.entries > bounds.max_entries) {
    throw Error(ErrorKind::kExhausted, "it has " + std::to_string(place.entries) + " entries, more than the " +
                                           std::to_string(bounds.max_entries) + " that are allowed");
  }
  if (place.size > bounds.max_bytes) {
    throw Error(ErrorKind::kExhausted, "its directory has more than " + std::to_string(bounds.max_bytes) + " bytes");
  }
  std::string bytes(static_cast<std::size_t>(place.size), '\0');
  read(place.offset, bytes.data(), bytes.size());
  ForeignDirectory directory{.offset = place.offset, .entries = {}};
  directory.entries.reserve(
      static_cast<std::size_t>(std::min<std::uint64_t>(place.entries, place.size / kCentralBytes)));
  std::string_view rest = bytes;
  for (std::uint64_t i = 0; i < place.entries; ++i) directory.entries.push_back(take_header(rest));
  if (!rest.empty()) refuse("its directory has more than it says");
  return directory;
}

}  // namespace penstock::archive
