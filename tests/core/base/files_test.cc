#include "core/base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/base/error.h"

namespace penstock {
namespace {

TEST(Files, AtomicWriteReplacesContentAndSetsMode) {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "file";
  write_file_atomically(path, "old");
  write_file_atomically(path, "new", 0600);
  EXPECT_EQ(read_file(path), "new");
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
}

TEST(Files, AtomicWriteIntoAMissingFolderLeavesNothing) {
  const TemporaryDirectory folder;
  EXPECT_THROW(write_file_atomically(folder.path() / "no" / "file", "x"), Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Files, ReadingMoreThanAllowedIsExhausted) {
  const TemporaryDirectory folder;
  write_file_atomically(folder.path() / "file", "12345");
  try {
    read_file(folder.path() / "file", 4);
    FAIL() << "read it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kExhausted);
  }
}

TEST(Files, MissingFileIsNotFound) {
  try {
    read_file("/no/such/file");
    FAIL() << "read it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
    EXPECT_STREQ(error.what(), "reading \"/no/such/file\": No such file or directory");
  }
}

TEST(TemporaryDirectory, VanishesWithItsContent) {
  std::filesystem::path path;
  {
    const TemporaryDirectory folder;
    path = folder.path();
    write_file_atomically(path / "file", "x");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(FileLock, SecondHolderTimesOutUntilTheFirstIsGone) {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "lock";
  {
    const FileLock held = FileLock::acquire(path, std::chrono::milliseconds(100));
    EXPECT_THROW(FileLock::acquire(path, std::chrono::milliseconds(20)), Error);
  }
  EXPECT_NO_THROW(FileLock::acquire(path, std::chrono::milliseconds(20)));
}

}  // namespace
}  // namespace penstock
