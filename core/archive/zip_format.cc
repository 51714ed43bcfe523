#include "core/archive/zip_format.h"

#include <algorithm>
#include <limits>

#include "core/archive/deflate.h"
#include "core/base/text.h"

namespace penstock::archive {
namespace {

constexpr std::uint16_t kVersionDeflate = 20;
constexpr std::uint16_t kVersionZip64 = 45;
constexpr std::uint16_t kMadeByUnix = 3 << 8;
constexpr std::uint16_t kFlagUtf8 = 1 << 11;
constexpr std::uint32_t kDosDirectory = 0x10;

class Bytes {
 public:
  Bytes& u8(std::uint64_t value) { return little_endian(value, 1); }
  Bytes& u16(std::uint64_t value) { return little_endian(value, 2); }
  Bytes& u32(std::uint64_t value) { return little_endian(value, 4); }
  Bytes& u64(std::uint64_t value) { return little_endian(value, 8); }
  Bytes& text(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  std::string take() { return std::move(bytes_); }

 private:
  Bytes& little_endian(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes_.push_back(static_cast<char>(value >> (8 * i)));
    return *this;
  }
  std::string bytes_;
};

// Names that are not UTF-8 are stored as they are, without a claim about their encoding.
std::uint16_t flags_of(const ZipEntry& entry) {
  const bool ascii =
      std::all_of(entry.name.begin(), entry.name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  return !ascii && is_valid_utf8(entry.name) ? kFlagUtf8 : 0;
}

std::uint16_t version_of(const ZipEntry& entry) {
  return entry.zip64_sizes || entry.offset >= kMax32 ? kVersionZip64 : kVersionDeflate;
}

std::string mark_field(const ContentMark& mark) {
  Bytes body;
  body.u8(kMarkVersion).u8(mark.level).u32(mark.seal).text(mark.content_id);
  const std::string bytes = body.take();
  return Bytes().u16(kMarkField).u16(bytes.size()).text(bytes).take();
}

std::uint64_t size32(const ZipEntry& entry, std::uint64_t size) {
  return entry.zip64_sizes ? kMax32 : size;
}

}  // namespace

ZipTime::ZipTime(Timestamp time) {
  static constexpr std::int64_t kFirst = 315532800;  // 1980-01-01T00:00:00Z
  static constexpr std::int64_t kLast = 4354819198;  // 2107-12-31T23:59:58Z
  const std::int64_t seconds = to_milliseconds(time) / 1000;
  const std::chrono::sys_seconds shown{std::chrono::seconds(std::clamp(seconds, kFirst, kLast))};
  const auto day = std::chrono::floor<std::chrono::days>(shown);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<std::chrono::seconds> clock(shown - day);
  dos_date_ = static_cast<std::uint16_t>((static_cast<int>(date.year()) - 1980) << 9 |
                                         static_cast<int>(static_cast<unsigned>(date.month())) << 5 |
                                         static_cast<int>(static_cast<unsigned>(date.day())));
  dos_time_ = static_cast<std::uint16_t>(clock.hours().count() << 11 | clock.minutes().count() << 5 |
                                         clock.seconds().count() / 2);
  if (seconds >= std::numeric_limits<std::int32_t>::min() && seconds <= std::numeric_limits<std::int32_t>::max()) {
    // Info-ZIP "UT": flags (modification time only), seconds since 1970. Readers then ignore their own time zone.
    extra_field_ = Bytes().u16(0x5455).u16(5).text("\x01").u32(static_cast<std::uint32_t>(seconds)).take();
  }
}

std::uint32_t seal_of(const ZipEntry& entry, std::uint32_t packed_crc32) {
  return update_crc32(packed_crc32, Bytes()
                                        .u16(static_cast<std::uint16_t>(entry.method))
                                        .u32(entry.crc32)
                                        .u64(entry.compressed_size)
                                        .u64(entry.size)
                                        .u8(entry.mark->level)
                                        .text(entry.mark->content_id)
                                        .take());
}

std::string local_header(const ZipEntry& entry, const ZipTime& time) {
  std::string extra = time.extra_field();
  if (entry.zip64_sizes) extra += Bytes().u16(kZip64Field).u16(16).u64(entry.size).u64(entry.compressed_size).take();
  return Bytes()
      .u32(kLocalSignature)
      .u16(entry.zip64_sizes ? kVersionZip64 : kVersionDeflate)
      .u16(flags_of(entry))
      .u16(static_cast<std::uint16_t>(entry.method))
      .u16(time.dos_time())
      .u16(time.dos_date())
      .u32(entry.crc32)
      .u32(size32(entry, entry.compressed_size))
      .u32(size32(entry, entry.size))
      .u16(entry.name.size())
      .u16(extra.size())
      .text(entry.name)
      .text(extra)
      .take();
}

std::string central_header(const ZipEntry& entry, const ZipTime& time) {
  const bool zip64_offset = entry.offset >= kMax32;
  std::string extra = time.extra_field();
  if (entry.zip64_sizes || zip64_offset) {
    Bytes fields;
    if (entry.zip64_sizes) fields.u64(entry.size).u64(entry.compressed_size);
    if (zip64_offset) fields.u64(entry.offset);
    const std::string body = fields.take();
    extra += Bytes().u16(kZip64Field).u16(body.size()).text(body).take();
  }
  if (entry.mark) extra += mark_field(*entry.mark);
  const bool is_directory = entry.name.ends_with('/');
  return Bytes()
      .u32(kCentralSignature)
      .u16(kMadeByUnix | kVersionZip64)
      .u16(version_of(entry))
      .u16(flags_of(entry))
      .u16(static_cast<std::uint16_t>(entry.method))
      .u16(time.dos_time())
      .u16(time.dos_date())
      .u32(entry.crc32)
      .u32(size32(entry, entry.compressed_size))
      .u32(size32(entry, entry.size))
      .u16(entry.name.size())
      .u16(extra.size())
      .u16(0)  // comment
      .u16(0)  // disk
      .u16(0)  // internal attributes
      .u32(entry.mode << 16 | (is_directory ? kDosDirectory : 0))
      .u32(zip64_offset ? kMax32 : entry.offset)
      .text(entry.name)
      .text(extra)
      .take();
}

std::string end_of_central_directory(std::uint64_t entries, std::uint64_t directory_size,
                                     std::uint64_t directory_offset) {
  Bytes bytes;
  if (entries >= kMax16 || directory_size >= kMax32 || directory_offset >= kMax32) {
    bytes.u32(kZip64EndSignature)
        .u64(44)  // of this record, without its first 12 bytes
        .u16(kMadeByUnix | kVersionZip64)
        .u16(kVersionZip64)
        .u32(0)
        .u32(0)
        .u64(entries)
        .u64(entries)
        .u64(directory_size)
        .u64(directory_offset);
    bytes.u32(kZip64LocatorSignature).u32(0).u64(directory_offset + directory_size).u32(1);  // locator
  }
  return bytes.u32(kEndSignature)
      .u16(0)
      .u16(0)
      .u16(std::min<std::uint64_t>(entries, kMax16))
      .u16(std::min<std::uint64_t>(entries, kMax16))
      .u32(std::min<std::uint64_t>(directory_size, kMax32))
      .u32(std::min<std::uint64_t>(directory_offset, kMax32))
      .u16(0)
      .take();
}

}  // namespace penstock::archive
