#include "core/archive/zip_directory.h"

#include <cstring>
#include <optional>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/core/archive/zip_maker.h"

namespace penstock::archive {
namespace {

ForeignDirectory read(const std::string& zip) {
  return read_foreign_directory(
      [&](std::uint64_t offset, char* buffer, std::size_t size) {
        ASSERT_LE(offset + size, zip.size());
        std::memcpy(buffer, zip.data() + offset, size);
      },
      zip.size(), {});
}

TEST(ReadForeignDirectory, ReadsNamesModesAndPlaces) {
  const auto directory = read(ZipMaker().file("a", "1", 0100600).folder("d/").make("comment"));
  ASSERT_EQ(directory.entries.size(), 2u);
  EXPECT_EQ(directory.entries[0].name, "a");
  EXPECT_EQ(directory.entries[0].mode, 0100600u);
  EXPECT_TRUE(directory.entries[1].is_directory());
}

TEST(ReadForeignDirectory, ReadsZip64Records) {
  const std::string zip = ZipMaker().file("a", "1").make();
  const std::size_t end = zip.size() - 22;
  const std::uint64_t size = ZipMaker::number(0, 0).size() + static_cast<unsigned char>(zip[end + 12]);
  const std::uint64_t offset = end - size;
  std::string records = zip.substr(0, end);
  records += ZipMaker::number(kZip64EndSignature, 4) + ZipMaker::number(44, 8) + ZipMaker::number(0x2d002d, 4) +
             ZipMaker::number(0, 8) + ZipMaker::number(1, 8) + ZipMaker::number(1, 8) + ZipMaker::number(size, 8) +
             ZipMaker::number(offset, 8);
  records += ZipMaker::number(kZip64LocatorSignature, 4) + ZipMaker::number(0, 4) + ZipMaker::number(end, 8) +
             ZipMaker::number(1, 4);
  records += ZipMaker::number(kEndSignature, 4) + ZipMaker::number(0, 4) + ZipMaker::number(kMax16, 2) +
             ZipMaker::number(kMax16, 2) + ZipMaker::number(kMax32, 4) + ZipMaker::number(kMax32, 4) +
             ZipMaker::number(0, 2);
  EXPECT_EQ(read(records).entries.at(0).name, "a");
}

TEST(ReadForeignDirectory, RefusesPartsOfSeveralDisks) {
  std::string zip = ZipMaker().file("a", "1").make();
  zip[zip.size() - 18] = 1;
  EXPECT_THROW(read(zip), Error);
}

}  // namespace
}  // namespace penstock::archive
