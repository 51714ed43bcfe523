#include "core/archive/folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/base/files.h"

namespace penstock::archive {
namespace {

namespace fs = std::filesystem;

class FolderTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) {
    fs::create_directories((directory_.path() / name).parent_path());
    write_file_atomically(directory_.path() / name, content);
  }
  std::vector<std::string> paths() {
    std::vector<std::string> result;
    const Folder folder(directory_.path());
    const EntrySource next = folder.source();
    while (const auto entry = next()) result.push_back(entry->path + (entry->kind == EntryKind::kDirectory ? "/" : ""));
    return result;
  }
  std::string refusal(const FolderLimits& limits = {}) {
    try {
      Folder folder(directory_.path(), limits);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was refused";
  }
  TemporaryDirectory directory_;
};

TEST_F(FolderTest, GivesItsFilesInTheOrderOfAnArchive) {
  write("a/b", "1");
  write("a-b", "2");
  fs::create_directory(directory_.path() / "empty");
  fs::create_symlink("/somewhere/else", directory_.path() / "link");
  EXPECT_EQ(paths(), (std::vector<std::string>{"a-b", "a/b", "empty/", "link"}));
}

TEST_F(FolderTest, DoesNotFollowLinksToFolders) {
  write("real/file", "1");
  fs::create_directory_symlink("real", directory_.path() / "also");
  EXPECT_EQ(paths(), (std::vector<std::string>{"also", "real/file"}));
}

TEST_F(FolderTest, RefusesWhatCannotBePacked) {
  ASSERT_EQ(::mkfifo((directory_.path() / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(refusal(), "\"pipe\" is neither a file nor a folder nor a link");
}

TEST_F(FolderTest, HasLimits) {
  write("a", "12345");
  write("b", "12345");
  EXPECT_EQ(refusal({.max_entries = 1}).substr(4), "is one more than the 1 files that are allowed");
  EXPECT_EQ(refusal({.max_bytes = 9}).substr(0, 6), "with \"");
  fs::path deep = directory_.path();
  for (int i = 0; i < 140; ++i) deep /= "d";
  fs::create_directories(deep);
  EXPECT_NE(refusal().find("is more than 128 folders deep"), std::string::npos);
}

TEST_F(FolderTest, NoticesAFileThatBecameShorter) {
  write("a", "12345");
  const Folder folder(directory_.path());
  fs::resize_file(directory_.path() / "a", 2);
  const EntrySource next = folder.source();
  const Entry entry = *next();
  EXPECT_THROW(folder.reader().read(entry, [](std::string_view) {}), Error);
}

}  // namespace
}  // namespace penstock::archive
