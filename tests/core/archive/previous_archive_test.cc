#include "core/archive/previous_archive.h"

#include <gtest/gtest.h>

#include "core/archive/archive.h"
#include "core/base/files.h"

namespace penstock::archive {
namespace {

// "a", "folder-x", "folder/" and "z" with contents that are their names.
class PreviousArchiveTest : public ::testing::Test {
 protected:
  PreviousArchiveTest() {
    int given = 0;
    const std::vector<Entry> entries = {{"a", EntryKind::kFile, "id-a"},
                                        {"folder-x", EntryKind::kExecutable, "id-x"},
                                        {"folder", EntryKind::kDirectory, ""},
                                        {"z", EntryKind::kFile, ""}};
    write_archive(
        [&]() -> std::optional<Entry> {
          return given < 4 ? std::optional(entries[static_cast<std::size_t>(given++)]) : std::nullopt;
        },
        {.size = [](const Entry& entry) { return entry.path.size(); },
         .read = [](const Entry& entry, const auto& piece) { piece(entry.path); }},
        {.output = path_});
  }

  const TemporaryDirectory folder_;
  const std::filesystem::path path_ = folder_.path() / "archive.zip";
};

TEST_F(PreviousArchiveTest, FindsTheSameContentUnderTheSameNameInOrder) {
  const auto previous = PreviousArchive::open(path_);
  ASSERT_TRUE(previous);
  EXPECT_FALSE(previous->find("A", "id-a", 6));
  EXPECT_FALSE(previous->find("a", "id-b", 6));
  EXPECT_FALSE(previous->find("a", "id-a", 5));
  const auto found = previous->find("a", "id-a", 6);
  ASSERT_TRUE(found);
  std::string bytes;
  EXPECT_TRUE(previous->copy(*found, [&](std::string_view piece) { bytes += piece; }));
  EXPECT_EQ(bytes, "a");
  EXPECT_TRUE(previous->find("folder-x", "id-x", 6));
  EXPECT_FALSE(previous->find("folder", "", 6));
  EXPECT_FALSE(previous->find("z", "", 6));
  EXPECT_FALSE(previous->find("zz", "id-a", 6));
}

TEST_F(PreviousArchiveTest, WhatIsNoArchiveOfOursIsNotThere) {
  EXPECT_FALSE(PreviousArchive::open(folder_.path() / "none.zip"));
  EXPECT_FALSE(PreviousArchive::open(folder_.path()));
  const std::string whole = read_file(path_);
  for (const std::string& bytes : {std::string(), std::string("PK"), std::string(200, 'x'), whole + "x",
                                   whole.substr(0, whole.size() - 1), whole.substr(1)}) {
    write_file_atomically(folder_.path() / "other.zip", bytes);
    EXPECT_FALSE(PreviousArchive::open(folder_.path() / "other.zip")) << bytes.size();
  }
}

TEST_F(PreviousArchiveTest, GivesNothingOutThatIsDamaged) {
  std::string bytes = read_file(path_);
  bytes[bytes.find("folder-x", bytes.find("folder-x") + 8)] = 'F';  // the content, which is stored
  write_file_atomically(path_, bytes);
  const auto previous = PreviousArchive::open(path_);
  const auto found = previous->find("folder-x", "id-x", 6);
  ASSERT_TRUE(found);
  EXPECT_FALSE(previous->copy(*found, [](std::string_view) { FAIL(); }));
}

}  // namespace
}  // namespace penstock::archive
