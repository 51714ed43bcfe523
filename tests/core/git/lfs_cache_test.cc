#include "core/git/lfs_cache.h"

#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/files.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;

class LfsCache : public ::testing::Test {
 protected:
  static LfsPointer pointer_of(const std::string& content) {
    return {.oid = sha256_hex(content), .size = content.size()};
  }
  void put(const std::string& content) {
    LfsDraft draft(folder_, pointer_of(content));
    draft.write(content);
    ASSERT_TRUE(draft.commit());
  }
  std::string read(const LfsPointer& pointer) {
    std::string result;
    read_lfs_object(folder_, pointer, [&](std::string_view piece) {
      EXPECT_LE(piece.size(), 1u << 20);
      result += piece;
    });
    return result;
  }
  std::size_t drafts() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder_ / "tmp")) ++count;
    return count;
  }
  void overwrite(const LfsPointer& pointer, const std::string& content) {
    std::ofstream(lfs_object_path(folder_, pointer.oid), std::ios::binary) << content;
  }
  Error error_of(const LfsPointer& pointer) {
    try {
      read(pointer);
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorKind::kInternal, "no error");
  }

  const TemporaryDirectory directory_;
  const fs::path folder_ = directory_.path() / "lfs";
};

TEST_F(LfsCache, GivesOutWhatWasCommitted) {
  const std::string content = std::string(3u << 20, 'x') + "end";
  const LfsPointer pointer = pointer_of(content);
  EXPECT_FALSE(has_lfs_object(folder_, pointer));
  put(content);
  EXPECT_TRUE(has_lfs_object(folder_, pointer));
  EXPECT_TRUE(fs::exists(folder_ / pointer.oid.substr(0, 2) / pointer.oid.substr(2, 2) / pointer.oid));
  EXPECT_EQ(read(pointer), content);
  EXPECT_EQ(drafts(), 0u);
}

TEST_F(LfsCache, NeedsNoFileForTheEmptyObject) {
  EXPECT_TRUE(is_empty_object(pointer_of("")));
  EXPECT_EQ(read(pointer_of("")), "");
  EXPECT_FALSE(is_empty_object({.oid = std::string(64, 'a'), .size = 0}));
}

TEST_F(LfsCache, ShowsNothingBeforeTheCommit) {
  const LfsPointer pointer = pointer_of("content");
  {
    LfsDraft draft(folder_, pointer);
    draft.write("content");
    EXPECT_FALSE(has_lfs_object(folder_, pointer));
    EXPECT_EQ(drafts(), 1u);
  }
  EXPECT_FALSE(has_lfs_object(folder_, pointer));
  EXPECT_EQ(drafts(), 0u);
}

TEST_F(LfsCache, RefusesOtherBytesAndTakesTheRightOnesAfterwards) {
  const LfsPointer pointer = pointer_of("content");
  LfsDraft draft(folder_, pointer);
  draft.write("conten");
  EXPECT_FALSE(draft.commit()) << "too short";
  draft.write("CONTENT");
  EXPECT_FALSE(draft.commit()) << "another hash";
  EXPECT_FALSE(has_lfs_object(folder_, pointer));
  draft.write("con");
  EXPECT_EQ(draft.wanted(), 4u);
  EXPECT_THROW(draft.write("tent and more"), Error);
  draft.restart();
  draft.write("content");
  EXPECT_TRUE(draft.commit());
  EXPECT_EQ(read(pointer), "content");
}

TEST_F(LfsCache, SizesDecideBeforeUse) {
  put("content");
  LfsPointer pointer = pointer_of("content");
  ++pointer.size;
  EXPECT_FALSE(has_lfs_object(folder_, pointer));
}

TEST_F(LfsCache, NotesTheUse) {
  put("content");
  const LfsPointer pointer = pointer_of("content");
  const fs::path path = lfs_object_path(folder_, pointer.oid);
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(48);
  fs::last_write_time(path, old);
  EXPECT_TRUE(has_lfs_object(folder_, pointer));
  EXPECT_GT(fs::last_write_time(path), old + std::chrono::hours(47));
}

TEST_F(LfsCache, RemovesAnObjectWhoseBytesChanged) {
  put("content");
  const LfsPointer pointer = pointer_of("content");
  overwrite(pointer, "cOntent");
  const Error error = error_of(pointer);
  EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
  EXPECT_STREQ(error.what(), ("reading the LFS object " + pointer.oid +
                              " from the cache: its SHA-256 is another one; it will be fetched again")
                                 .c_str());
  EXPECT_FALSE(has_lfs_object(folder_, pointer));
}

TEST_F(LfsCache, RemovesAnObjectWhoseSizeChanged) {
  put("content");
  const LfsPointer pointer = pointer_of("content");
  overwrite(pointer, "cont");
  EXPECT_EQ(error_of(pointer).kind(), ErrorKind::kCorrupt);
  EXPECT_FALSE(fs::exists(lfs_object_path(folder_, pointer.oid)));
}

TEST_F(LfsCache, SaysThatAnObjectIsGone) {
  EXPECT_EQ(error_of(pointer_of("content")).kind(), ErrorKind::kCorrupt);
}

TEST_F(LfsCache, FollowsNoLinkOutOfTheFolder) {
  const LfsPointer pointer = pointer_of("content");
  write_file_atomically(directory_.path() / "elsewhere", "content");
  fs::create_directories(lfs_object_path(folder_, pointer.oid).parent_path());
  fs::create_symlink(directory_.path() / "elsewhere", lfs_object_path(folder_, pointer.oid));
  EXPECT_FALSE(has_lfs_object(folder_, pointer));
  put("content");
  EXPECT_TRUE(has_lfs_object(folder_, pointer));
}

TEST_F(LfsCache, SurvivesThatTheFolderIsEmptiedMeanwhile) {
  const LfsPointer pointer = pointer_of("content");
  LfsDraft draft(folder_, pointer);
  draft.write("content");
  fs::remove_all(folder_);
  try {
    draft.commit();
    FAIL() << "its file is gone";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  }
  draft.write("content");
  EXPECT_TRUE(draft.commit());
  EXPECT_EQ(read(pointer), "content");
}

TEST_F(LfsCache, RemovesDraftsOfKilledProcessesOnly) {
  LfsDraft alive(folder_, pointer_of("alive"));
  const pid_t child = ::fork();
  if (child == 0) {
    LfsDraft killed(folder_, pointer_of("killed"));
    killed.write("kil");
    ::_exit(0);  // no destructor, as with SIGKILL
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(drafts(), 2u);
  remove_leftover_drafts(folder_);
  EXPECT_EQ(drafts(), 1u);
  alive.write("alive");
  EXPECT_TRUE(alive.commit());
}

}  // namespace
}  // namespace penstock::git
