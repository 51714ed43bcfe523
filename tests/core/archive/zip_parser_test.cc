#include "core/archive/zip_parser.h"

#include <random>

#include <gtest/gtest.h>

namespace penstock::archive {
namespace {

const ZipTime kTime(from_milliseconds(1'795'253'401'000));

ZipEntry an_entry() {
  ZipEntry entry{.name = "a/b.txt", .mode = 0100755, .method = Method::kDeflated, .crc32 = 0x12345678};
  entry.compressed_size = 1000;
  entry.size = 3000;
  entry.offset = 77;
  entry.mark = ContentMark{std::string(40, 'c'), 6};
  entry.mark->seal = seal_of(entry, 0xabcdef01);
  return entry;
}

void expect_same(const ZipEntry& a, const ZipEntry& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.mode, b.mode);
  EXPECT_EQ(a.method, b.method);
  EXPECT_EQ(a.crc32, b.crc32);
  EXPECT_EQ(a.compressed_size, b.compressed_size);
  EXPECT_EQ(a.size, b.size);
  EXPECT_EQ(a.offset, b.offset);
  EXPECT_EQ(a.zip64_sizes, b.zip64_sizes);
  EXPECT_EQ(a.mark, b.mark);
}

TEST(ParseCentralHeader, ReadsWhatWasWritten) {
  ZipEntry entry = an_entry();
  expect_same(parse_central_header(central_header(entry, kTime)).value(), entry);
  entry.mark.reset();
  expect_same(parse_central_header(central_header(entry, kTime)).value(), entry);
  entry = an_entry();
  entry.offset = 5'000'000'000;
  expect_same(parse_central_header(central_header(entry, kTime)).value(), entry);
  entry.zip64_sizes = true;
  entry.size = 6'000'000'000;
  expect_same(parse_central_header(central_header(entry, kTime)).value(), entry);
  EXPECT_EQ(local_header_size(local_header(entry, kTime)), local_header(entry, kTime).size());
}

TEST(ParseCentralHeader, TakesNothingThatIsCutOffOrGoesOn) {
  const std::string header = central_header(an_entry(), kTime);
  for (std::size_t size = 0; size < header.size(); ++size)
    EXPECT_FALSE(parse_central_header(std::string_view(header).substr(0, size))) << size;
  EXPECT_FALSE(parse_central_header(header + "x"));
}

TEST(ParseCentralHeader, SurvivesAnything) {
  std::mt19937 chance(3);
  const std::string header = central_header(an_entry(), kTime);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = header;
    for (int i = 0; i < 4; ++i) bytes[chance() % bytes.size()] = static_cast<char>(chance());
    if (const auto entry = parse_central_header(bytes); entry && entry->mark) {
      EXPECT_LE(entry->mark->content_id.size(), kMaxContentIdBytes);
    }
  }
}

TEST(FindDirectory, ReadsWhatWasWritten) {
  for (const std::uint64_t entries : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{70'000}}) {
    for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{123'456}, std::uint64_t{5'000'000'000}}) {
      const std::string end = end_of_central_directory(entries, 1000, offset);
      const auto place = find_directory(end, offset + 1000 + end.size());
      ASSERT_TRUE(place) << entries << " " << offset;
      EXPECT_EQ(place->entries, entries);
      EXPECT_EQ(place->size, 1000u);
      EXPECT_EQ(place->offset, offset);
      EXPECT_FALSE(find_directory(end, offset + 1001 + end.size()));
    }
  }
}

TEST(FindDirectory, TakesNothingThatIsCutOff) {
  const std::string end = end_of_central_directory(70'000, 1000, 5'000'000'000);
  for (std::size_t left = 0; left < end.size(); ++left)
    EXPECT_FALSE(find_directory(std::string_view(end).substr(end.size() - left), 5'000'001'000 + left)) << left;
}

}  // namespace
}  // namespace penstock::archive
