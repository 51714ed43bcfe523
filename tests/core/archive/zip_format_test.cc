#include "core/archive/zip_format.h"

#include <gtest/gtest.h>

#include "core/base/digest.h"

namespace penstock::archive {
namespace {

std::uint64_t number_at(const std::string& bytes, std::size_t offset, int size) {
  std::uint64_t value = 0;
  for (int i = size - 1; i >= 0; --i)
    value = value << 8 | static_cast<unsigned char>(bytes[offset + static_cast<std::size_t>(i)]);
  return value;
}

TEST(ZipTime, SaysUtc) {
  const ZipTime time(from_milliseconds(1'795'253'401'000));  // 2026-11-21T09:30:01Z
  EXPECT_EQ(time.dos_date(), (2026 - 1980) << 9 | 11 << 5 | 21);
  EXPECT_EQ(time.dos_time(), 9 << 11 | 30 << 5 | 0);
  EXPECT_EQ(to_hex(time.extra_field()), "55540500019964016b");
}

TEST(ZipTime, ClampsToWhatMsDosKnows) {
  EXPECT_EQ(ZipTime(from_milliseconds(0)).dos_date(), 1 << 5 | 1);
  const ZipTime late(from_milliseconds(9'999'999'999'000));
  EXPECT_EQ(late.dos_date(), 127 << 9 | 12 << 5 | 31);
  EXPECT_TRUE(late.extra_field().empty());
}

TEST(LocalHeader, FlagsUtf8OnlyWhenItIsNeededAndTrue) {
  const ZipTime time(from_milliseconds(0));
  EXPECT_EQ(number_at(local_header({.name = "plain"}, time), 6, 2), 0u);
  EXPECT_EQ(number_at(local_header({.name = "\xC3\xBC"}, time), 6, 2), 0x800u);
  EXPECT_EQ(number_at(local_header({.name = "\xFC"}, time), 6, 2), 0u);
}

TEST(Headers, KeepTheirLengthWhenSizesBecomeKnown) {
  const ZipTime time(from_milliseconds(0));
  ZipEntry entry{.name = "big", .zip64_sizes = true};
  const std::size_t before = local_header(entry, time).size();
  entry.size = 5'000'000'000;
  entry.compressed_size = 4'999'999'999;
  EXPECT_EQ(local_header(entry, time).size(), before);
}

TEST(CentralHeader, PutsOnlyWhatIsNeededIntoZip64) {
  const ZipTime time(from_milliseconds(9'999'999'999'000));  // without an extra field of its own
  const std::string far = central_header({.name = "n", .offset = 5'000'000'000}, time);
  EXPECT_EQ(number_at(far, 42, 4), 0xFFFFFFFFu);
  EXPECT_EQ(number_at(far, 46 + 1, 2), 1u);
  EXPECT_EQ(number_at(far, 46 + 3, 2), 8u);
  EXPECT_EQ(number_at(far, 46 + 5, 8), 5'000'000'000u);
  EXPECT_EQ(central_header({.name = "n", .offset = 5}, time).size(), 46u + 1);
}

TEST(EndOfCentralDirectory, UsesZip64FromItsLimitsOn) {
  EXPECT_EQ(end_of_central_directory(65'534, 10, 10).size(), 22u);
  EXPECT_EQ(end_of_central_directory(65'535, 10, 10).size(), 22u + 56 + 20);
  EXPECT_EQ(end_of_central_directory(1, 10, 0xFFFFFFFF).size(), 22u + 56 + 20);
}

}  // namespace
}  // namespace penstock::archive
