#include "core/jobs/work_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/handle.h"

namespace penstock::jobs {
namespace {

namespace fs = std::filesystem;

TEST(RemoveTree, RemovesWhatIsThere) {
  const TemporaryDirectory directory;
  const fs::path folder = directory.path() / "work";
  fs::create_directories(folder / "a/b/c");
  fs::create_directories(folder / "closed/inner");
  write_file_atomically(folder / "a/b/file", "x");
  write_file_atomically(folder / "closed/inner/file", "x");
  write_file_atomically(directory.path() / "kept", "x");
  fs::create_symlink(directory.path(), folder / "a/link");
  fs::create_symlink("nowhere", folder / "dangling");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  ::chmod((folder / "closed/inner").c_str(), 0);
  ::chmod((folder / "closed").c_str(), 0);
  EXPECT_TRUE(remove_tree(folder));
  EXPECT_FALSE(fs::exists(folder));
  EXPECT_TRUE(fs::exists(directory.path() / "kept"));
  EXPECT_TRUE(remove_tree(folder));  // not there any more
}

TEST(RemoveTree, RemovesWhatIsDeeperThanAPathCanSay) {
  const TemporaryDirectory directory;
  const fs::path folder = directory.path() / "work";
  fs::create_directory(folder);
  UniqueFd at(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::string name(200, 'd');
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
    at = UniqueFd(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  EXPECT_TRUE(remove_tree(folder));
  EXPECT_FALSE(fs::exists(folder));
}

TEST(WorkFolders, RemoveWhatAnEarlierProcessLeft) {
  const TemporaryDirectory directory;
  const WorkFolders folders(directory.path() / "work");
  const telemetry::Log log = telemetry::Log::silent();
  folders.prepare(log);
  fs::create_directories(folders.root() / "old/inputs");
  folders.prepare(log);
  EXPECT_FALSE(fs::exists(folders.root() / "old"));
  EXPECT_TRUE(fs::exists(folders.lock()));
}

TEST(WorkFolders, LeaveWhatARunningCommandHas) {
  const TemporaryDirectory directory;
  const WorkFolders folders(directory.path() / "work");
  const telemetry::Log log = telemetry::Log::silent();
  folders.prepare(log);
  fs::create_directory(folders.root() / "busy");
  UniqueFd guard(::open(folders.lock().c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(guard.get(), LOCK_SH), 0);
  folders.prepare(log, std::chrono::milliseconds(60));
  EXPECT_TRUE(fs::exists(folders.root() / "busy"));
  guard.reset();
  folders.prepare(log);
  EXPECT_FALSE(fs::exists(folders.root() / "busy"));
}

TEST(WorkFolder, IsPrivateEmptyAndGoesAtItsEnd) {
  const TemporaryDirectory directory;
  const WorkFolders folders(directory.path() / "work");
  folders.prepare(telemetry::Log::silent());
  fs::create_directories(folders.root() / "job/stale");
  {
    const WorkFolder folder(folders, "job");
    EXPECT_TRUE(fs::is_empty(folder.path()));
    EXPECT_EQ(fs::status(folder.path()).permissions(), fs::perms::owner_all);
    EXPECT_TRUE(fs::is_directory(folder.make("outputs/name")));
  }
  EXPECT_FALSE(fs::exists(folders.root() / "job"));
}

}  // namespace
}  // namespace penstock::jobs
