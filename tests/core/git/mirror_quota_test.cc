#include "core/git/mirror_quota.h"

#include <fstream>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "tests/core/git/test_repository.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;

class KeepQuota : public ::testing::Test {
 protected:
  // Named as a remote's folder is, with this for its beginning.
  fs::path folder(const std::string& name) const {
    return directory_.path() / (name + std::string(64 - name.size(), '0'));
  }
  // A mirror of 3,000 bytes and an artifact of 2,000, used so many minutes ago.
  void make(const std::string& name, int minutes) {
    fs::create_directories(folder(name) / "1.git" / "objects" / "pack");
    std::ofstream(folder(name) / "1.git" / "objects" / "pack" / "p.pack") << std::string(3000, 'p');
    std::ofstream(folder(name) / "artifact-1.zip") << std::string(2000, 'a');
    std::ofstream(folder(name) / "lock") << "";
    fs::last_write_time(folder(name) / "lock", fs::file_time_type::clock::now() - std::chrono::minutes(minutes));
  }
  std::set<std::string> left() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_.path()))
      if (fs::exists(entry.path() / "1.git")) names.insert(entry.path().filename().native().substr(0, 1));
    return names;
  }

  const TemporaryDirectory directory_;
};

TEST_F(KeepQuota, WhatWasUsedLeastLatelyGoesFirst) {
  make("a", 5);
  make("b", 90);
  make("c", 30);
  EXPECT_TRUE(keep_quota(directory_.path(), 15'000, {}).empty());
  EXPECT_EQ(keep_quota(directory_.path(), 14'999, {}), std::vector{folder("b")});
  EXPECT_EQ(left(), (std::set<std::string>{"a", "c"}));
  EXPECT_FALSE(fs::exists(folder("b") / "artifact-1.zip"));
  note_use(folder("c"));
  EXPECT_EQ(keep_quota(directory_.path(), 5'000, {}), std::vector{folder("a")});
  // Nobody's folder goes itself: somebody may be waiting for its lock.
  EXPECT_TRUE(fs::exists(folder("a") / "lock"));
}

TEST_F(KeepQuota, SparesWhatIsLockedOrIsToBeSpared) {
  make("a", 5);
  make("b", 90);
  make("c", 30);
  const FileLock lock = FileLock::acquire(folder("b") / "lock", std::chrono::milliseconds(0));
  EXPECT_EQ(keep_quota(directory_.path(), 0, folder("c")), std::vector{folder("a")});
  EXPECT_EQ(left(), (std::set<std::string>{"b", "c"}));
}

TEST_F(KeepQuota, TouchesNothingThatIsNoRemotesFolder) {
  make("a", 5);
  for (const std::string& name : {std::string("documents"), std::string(64, 'g'), std::string(63, '0')}) {
    fs::create_directories(directory_.path() / name);
    std::ofstream(directory_.path() / name / "precious") << std::string(9000, 'x');
    std::ofstream(directory_.path() / name / "lock") << "";
  }
  fs::create_directories(folder("b"));  // without a lock
  std::ofstream(folder("b") / "precious") << "x";
  const TemporaryDirectory elsewhere;
  std::ofstream(elsewhere.path() / "precious") << "x";
  std::ofstream(elsewhere.path() / "lock") << "";
  fs::create_directory_symlink(elsewhere.path(), folder("c"));
  EXPECT_EQ(keep_quota(directory_.path(), 0, {}), std::vector{folder("a")});
  for (const fs::path& path : {directory_.path() / "documents", directory_.path() / std::string(64, 'g'),
                               directory_.path() / std::string(63, '0'), folder("b"), elsewhere.path()})
    EXPECT_TRUE(fs::exists(path / "precious")) << path;
}

TEST_F(KeepQuota, IsKeptByMirrors) {
  TestRepository first, second;
  Mirrors mirrors({.directory = directory_.path() / "mirrors",
                   .allow_file_protocol = true,
                   .quota_bytes = 1,
                   .quota_interval = std::chrono::milliseconds(0)});
  const auto fetch = [&](TestRepository& origin) {
    FetchRequest request;
    request.remote = origin.url();
    request.ref = "refs/heads/main";
    return mirrors.fetch(request);
  };
  first.push("main", {{"a", "1"}});
  second.push("main", {{"a", "2"}});
  const Snapshot reading = fetch(first);
  EXPECT_FALSE(fs::is_empty(mirrors.folder_of(first.url())));
  fetch(second);
  // Of the first only the lock is left, and whoever reads from it is told to come again.
  EXPECT_EQ(std::distance(fs::directory_iterator(mirrors.folder_of(first.url())), fs::directory_iterator()), 1);
  try {
    reading.reopen();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnavailable) << error.what();
  }
  EXPECT_EQ(all_files(fetch(first)).size(), 1u);
}

}  // namespace
}  // namespace penstock::git
