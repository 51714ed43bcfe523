#include "core/git/mirror.h"

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "tests/core/git/test_repository.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;

class MirrorTest : public ::testing::Test {
 protected:
  FetchRequest request(const std::string& commit_id, const std::string& ref = "") {
    FetchRequest result;
    result.remote = origin_.url();
    result.commit_id = commit_id;
    result.ref = ref;
    result.on_progress = [this](std::string_view line) { progress_.emplace_back(line); };
    return result;
  }
  Error failure(const FetchRequest& request) {
    try {
      mirrors_.fetch(request);
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorKind::kInternal, "it succeeded");
  }
  fs::path mirror() const {
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path() / "mirrors")) {
      if (entry.path().extension() == ".git") return entry.path();
    }
    return {};
  }
  std::vector<fs::path> packs() const {
    std::vector<fs::path> result;
    for (const auto& entry : fs::directory_iterator(mirror() / "objects" / "pack")) {
      if (entry.path().extension() == ".pack") result.push_back(entry.path());
    }
    return result;
  }
  // The same bytes each time, which nothing can compress.
  static std::string noise(std::size_t size) {
    std::mt19937 generator(7);
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(generator());
    return bytes;
  }
  static void flip_a_byte(const fs::path& path, std::streamoff at) {
    fs::permissions(path, fs::perms::owner_all);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = static_cast<char>(file.get() ^ 0x55);
    file.seekp(at);
    file.put(byte);
  }
  bool fetched() const { return !progress_.empty(); }
  std::string read(const Snapshot& snapshot, const std::string& path) {
    for (const TreeEntry& entry : all_files(snapshot)) {
      if (entry.path != path) continue;
      std::string text;
      snapshot.read_blob(entry.object_id, [&](std::string_view piece) { text += piece; });
      return text;
    }
    return "(none)";
  }
  // Servers that speak the old protocol refuse ids that are no tip of a branch.
  void use_old_protocol() {
    const fs::path bin = folder_.path() / "bin";
    fs::create_directory(bin);
    std::ofstream(bin / "git") << "#!/bin/sh\nexec " << real_git() << " -c protocol.version=0 \"$@\"\n";
    ::chmod((bin / "git").c_str(), 0755);
    path_ = std::getenv("PATH");
    ::setenv("PATH", (bin.native() + ":" + path_).c_str(), 1);
  }
  static std::string real_git() {
    for (const char* path : {"/usr/local/bin/git", "/usr/bin/git"}) {
      if (fs::exists(path)) return path;
    }
    return "git";
  }
  void TearDown() override {
    if (!path_.empty()) ::setenv("PATH", path_.c_str(), 1);
  }

  TemporaryDirectory folder_;
  TestRepository origin_;
  Mirrors mirrors_{{.directory = folder_.path() / "mirrors", .allow_file_protocol = true}};
  std::vector<std::string> progress_;
  std::string path_;
};

TEST_F(MirrorTest, FetchesTheAskedCommitThoughTheBranchMovedOn) {
  const std::string first = origin_.push("main", {{"a", "1"}});
  const std::string second = origin_.push("main", {{"a", "2"}});
  const Snapshot snapshot = mirrors_.fetch(request(first, "refs/heads/main"));
  EXPECT_EQ(snapshot.commit().id, first);
  EXPECT_EQ(read(snapshot, "a"), "1");
  EXPECT_EQ(read(mirrors_.fetch(request(second)), "a"), "2");
}

TEST_F(MirrorTest, FetchesOnlyOneCommitOfTheHistory) {
  const std::string last = origin_.push_many("main", 20).back();
  mirrors_.fetch(request(last));
  std::ifstream shallow(mirror() / "shallow");
  std::string line;
  ASSERT_TRUE(std::getline(shallow, line));
  EXPECT_EQ(line, last);
}

TEST_F(MirrorTest, DoesNotTouchTheNetworkForWhatIsHere) {
  const std::string id = origin_.push("main", {{"a", "1"}});
  mirrors_.fetch(request(id));
  progress_.clear();
  fs::remove_all(origin_.path());
  EXPECT_EQ(read(mirrors_.fetch(request(id, "refs/heads/main")), "a"), "1");
  EXPECT_FALSE(fetched());
}

TEST_F(MirrorTest, TakesWhatTheBranchPointsAtWhenNoCommitIsAsked) {
  origin_.push("main", {{"a", "1"}});
  EXPECT_EQ(read(mirrors_.fetch(request("", "refs/heads/main")), "a"), "1");
  const std::string second = origin_.push("main", {{"a", "2"}});
  const Snapshot snapshot = mirrors_.fetch(request("", "refs/heads/main"));
  EXPECT_EQ(snapshot.commit().id, second);
  EXPECT_EQ(mirrors_.fetch(request("", "HEAD")).commit().id, second);
}

TEST_F(MirrorTest, PeelsAnnotatedTags) {
  const std::string id = origin_.push("main", {{"a", "1"}});
  origin_.git({"tag", "-a", "-m", "release", "v1", id});
  origin_.git({"tag", "-a", "-m", "of a tag", "v1-signed", "v1"});
  const std::string tag = origin_.git({"rev-parse", "v1-signed"});
  EXPECT_EQ(mirrors_.fetch(request("", "refs/tags/v1")).commit().id, id);
  EXPECT_EQ(mirrors_.fetch(request(tag, "refs/tags/v1-signed")).commit().id, id);
}

TEST_F(MirrorTest, DeepensUntilTheCommitComesWhenTheServerRefusesItsId) {
  use_old_protocol();
  const std::vector<std::string> ids = origin_.push_many("main", 60);
  EXPECT_EQ(read(mirrors_.fetch(request(ids.back())), "a"), "59");  // a tip is given out
  EXPECT_EQ(read(mirrors_.fetch(request(ids[55], "refs/heads/main")), "a"), "55");
  EXPECT_EQ(read(mirrors_.fetch(request(ids[0], "refs/heads/main")), "a"), "0");
  const Error error = failure(request(std::string(40, '1'), "refs/heads/main"));
  EXPECT_EQ(error.kind(), ErrorKind::kNotFound) << error.what();
  EXPECT_EQ(error.code(), "RevisionNotFound");
}

TEST_F(MirrorTest, SaysWhatIsMissing) {
  origin_.push("main", {{"a", "1"}});
  Error error = failure(request(std::string(40, '1')));
  EXPECT_EQ(error.code(), "RevisionNotFound") << error.what();
  error = failure(request(std::string(40, '1'), "refs/heads/main"));
  EXPECT_EQ(error.code(), "RevisionNotFound") << error.what();
  error = failure(request("", "refs/heads/gone"));
  EXPECT_EQ(error.code(), "RevisionNotFound") << error.what();
  EXPECT_NE(std::string(error.what()).find("refs/heads/gone"), std::string::npos) << error.what();
  FetchRequest elsewhere = request("", "refs/heads/main");
  elsewhere.remote = origin_.url() + "-gone";
  error = failure(elsewhere);
  EXPECT_EQ(error.code(), "RepositoryNotFound") << error.what();
  EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
}

TEST_F(MirrorTest, AMissingCommitDoesNotCostTheMirror) {
  const std::string id = origin_.push("main", {{"a", "1"}});
  mirrors_.fetch(request(id));
  struct stat before {
  }, after{};
  ASSERT_EQ(::stat(mirror().c_str(), &before), 0);
  failure(request(std::string(40, '1'), "refs/heads/main"));
  failure(request("", "refs/heads/gone"));
  ASSERT_EQ(::stat(mirror().c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(MirrorTest, RefusesWhatWouldLeakOrRun) {
  const std::string id(40, '1');
  const auto with = [&](const std::string& remote, Credential credential) {
    FetchRequest result = request(id);
    result.remote = remote;
    result.credential = std::move(credential);
    return failure(result);
  };
  const Credential header = HttpHeaderCredential{Secret("Basic c2VjcmV0")};
  const Credential key = SshKeyCredential{Secret("x"), "h ssh-rsa AAAA"};
  EXPECT_EQ(with("http://example.com/r", header).kind(), ErrorKind::kConfiguration);
  EXPECT_EQ(with("ssh://git@example.com/r", header).kind(), ErrorKind::kConfiguration);
  EXPECT_EQ(with("ssh://git@example.com/r", NoCredential{}).kind(), ErrorKind::kConfiguration);
  EXPECT_EQ(with("https://example.com/r", key).kind(), ErrorKind::kConfiguration);
  EXPECT_EQ(with("https://u:p@example.com/r", header).kind(), ErrorKind::kConfiguration);
  EXPECT_EQ(with("https://example.com/r", HttpHeaderCredential{Secret("a\r\nX: y")}).kind(), ErrorKind::kConfiguration);
  EXPECT_EQ(failure(request("main")).kind(), ErrorKind::kInvalidInput);
  EXPECT_EQ(failure(request("", "--upload-pack=x")).kind(), ErrorKind::kInvalidInput);
  EXPECT_EQ(failure(request(std::string(40, '0'), "refs/heads/main")).kind(), ErrorKind::kInvalidInput);
  EXPECT_EQ(failure(request("")).kind(), ErrorKind::kInvalidInput);
  Mirrors strict({.directory = folder_.path() / "strict"});
  EXPECT_THROW(strict.fetch(request(id)), Error);
}

TEST_F(MirrorTest, UsesNoConfigurationOrHooksOfTheUser) {
  const fs::path home = folder_.path() / "home";
  fs::create_directory(home);
  std::ofstream(home / ".gitconfig") << "[core]\n\thooksPath = /nowhere\n[url \"file:///elsewhere/\"]\n\tinsteadOf = \""
                                     << origin_.url() << "\"\n[nonsense\n";
  const char* before = std::getenv("HOME");
  const std::string old_home = before != nullptr ? before : "";
  ::setenv("HOME", home.c_str(), 1);
  ::setenv("GIT_DIR", "/nowhere", 1);
  const std::string id = [&] {
    ::unsetenv("GIT_DIR");
    return origin_.push("main", {{"a", "1"}});
  }();
  ::setenv("GIT_DIR", "/nowhere", 1);
  EXPECT_EQ(read(mirrors_.fetch(request(id)), "a"), "1");
  ::unsetenv("GIT_DIR");
  ::setenv("HOME", old_home.c_str(), 1);
}

TEST_F(MirrorTest, SeveralJobsShareOneFetch) {
  const std::string id = origin_.push("main", {{"a", std::string(100000, 'x')}});
  const std::string other = origin_.push("main", {{"a", "2"}});
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        Mirrors own({.directory = folder_.path() / "mirrors", .allow_file_protocol = true});
        FetchRequest mine = request(i % 2 == 0 ? id : other, "refs/heads/main");
        mine.on_progress = nullptr;
        const Snapshot snapshot = own.fetch(mine);
        if (snapshot.commit().id == mine.commit_id && all_files(snapshot).size() == 1) ++good;
      });
    }
  }
  EXPECT_EQ(good, 8);
}

TEST_F(MirrorTest, WhoFetchesBringsWhatOthersWaitFor) {
  const std::string here = origin_.push("main", {{"a", "here"}});
  mirrors_.fetch(request(here));
  // With one that does not exist, each has to fetch for itself; without, one does it for all.
  for (const bool one_is_missing : {true, false}) {
    std::vector<std::string> ids;
    for (int i = 0; i < 8; ++i)
      ids.push_back(origin_.push("main", {{"a", std::to_string(i)}, {"b", one_is_missing ? "" : "b"}}));
    if (one_is_missing) ids.push_back(std::string(40, 'e'));
    std::atomic<int> fetches{0};
    // Held until all wait for it.
    std::optional<FileLock> lock(FileLock::acquire(mirror().parent_path() / "lock", std::chrono::milliseconds(1000)));
    std::vector<std::jthread> threads;
    for (const std::string& id : ids) {
      threads.emplace_back([&, id] {
        FetchRequest mine = request(id);
        std::atomic<bool> fetched{false};
        mine.on_progress = [&](std::string_view) { fetched = true; };
        try {
          EXPECT_EQ(mirrors_.fetch(mine).commit().id, id);
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), "RevisionNotFound") << error.what();
          EXPECT_EQ(id, std::string(40, 'e'));
        }
        fetches += fetched ? 1 : 0;
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    // What is here needs no turn.
    EXPECT_EQ(mirrors_.fetch(request(here)).commit().id, here);
    lock.reset();
    threads.clear();
    if (!one_is_missing) {
      EXPECT_EQ(fetches, 1);
    }
  }
}

TEST_F(MirrorTest, AKilledFetchLeavesAUsableMirror) {
  std::vector<std::pair<std::string, std::string>> files;
  for (int i = 0; i < 300; ++i) files.emplace_back("f" + std::to_string(i), std::string(2000, static_cast<char>(i)));
  for (int round = 0; round < 3; ++round) {
    files.emplace_back("round" + std::to_string(round), "x");
    const std::string id = origin_.push("main", files);
    for (int milliseconds = 1; milliseconds < 40; milliseconds += 3) {
      FetchRequest hurried = request(id, "refs/heads/main");
      hurried.timeout = std::chrono::milliseconds(milliseconds);
      const Error error = failure(hurried);
      if (error.kind() == ErrorKind::kInternal) break;  // it got through
      EXPECT_EQ(error.kind(), ErrorKind::kTimeout) << error.what();
    }
    EXPECT_EQ(all_files(mirrors_.fetch(request(id, "refs/heads/main"))).size(), files.size());
  }
}

TEST_F(MirrorTest, RemovesWhatAKilledGitLeft) {
  mirrors_.fetch(request(origin_.push("main", {{"a", "1"}})));
  for (const char* name : {"shallow.lock", "packed-refs.lock", "config.lock", "objects/pack/tmp_pack_x"})
    std::ofstream(mirror() / name) << "x";
  const std::string id = origin_.push("main", {{"a", "2"}});
  EXPECT_EQ(read(mirrors_.fetch(request(id)), "a"), "2");
  EXPECT_FALSE(fs::exists(mirror() / "shallow.lock"));
  EXPECT_FALSE(fs::exists(mirror() / "objects/pack/tmp_pack_x"));
}

TEST_F(MirrorTest, ReportsAMissingPackAndHealsItAtTheNextFetch) {
  mirrors_.fetch(request(origin_.push("main", {{"a", "1"}, {"b", "2"}})));
  const std::vector<fs::path> first = packs();
  ASSERT_EQ(first.size(), 1u);
  const std::string id = origin_.push("main", {{"a", "3"}});
  mirrors_.fetch(request(id));
  ASSERT_EQ(packs().size(), 2u);
  ASSERT_TRUE(fs::remove(first[0]));
  try {
    read(mirrors_.fetch(request(id)), "b");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt) << error.what();
  }
  EXPECT_EQ(read(mirrors_.fetch(request(id)), "b"), "2");
}

TEST_F(MirrorTest, HealsDamageThatShowsOnTheWayToTheNextCommit) {
  mirrors_.fetch(request(origin_.push("main", {{"a", noise(5000)}, {"b", "2"}})));
  flip_a_byte(packs().at(0), 100);
  const std::string id = origin_.push("main", {{"a", noise(5000) + "!"}});
  const Snapshot snapshot = mirrors_.fetch(request(id));
  try {
    EXPECT_EQ(read(snapshot, "a"), noise(5000) + "!");
  } catch (const Error& error) {
    ASSERT_EQ(error.kind(), ErrorKind::kCorrupt);
    EXPECT_EQ(read(mirrors_.fetch(request(id)), "a"), noise(5000) + "!");
  }
}

TEST_F(MirrorTest, ReportsABrokenBlobAndHealsItAtTheNextFetch) {
  const std::string content = noise(100000);
  const std::string id = origin_.push("main", {{"a", content}});
  const Snapshot snapshot = mirrors_.fetch(request(id));
  flip_a_byte(packs().at(0), 50000);
  const Snapshot fresh = snapshot.reopen();
  try {
    read(fresh, "a");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt) << error.what();
  }
  EXPECT_EQ(read(mirrors_.fetch(request(id)), "a"), content);
}

TEST_F(MirrorTest, AnOldReaderDoesNotCondemnTheNewMirror) {
  const std::string content = noise(100000);
  const std::string id = origin_.push("main", {{"a", content}});
  const Snapshot snapshot = mirrors_.fetch(request(id));
  flip_a_byte(packs().at(0), 50000);
  EXPECT_THROW(read(snapshot.reopen(), "a"), Error);
  mirrors_.fetch(request(id));  // heals
  try {
    read(snapshot, "a");  // may read the new mirror, or see that its own is gone
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnavailable) << error.what();
  }
  EXPECT_TRUE(fs::exists(mirror()));
  EXPECT_FALSE(fs::exists(mirror() / "penstock-damaged"));
}

TEST_F(MirrorTest, MergesPacksUnderOpenReaders) {
  const std::vector<std::string> ids = origin_.push_many("main", 20);
  const Snapshot early = mirrors_.fetch(request(ids[0]));
  for (const std::string& id : ids) mirrors_.fetch(request(id));
  EXPECT_LT(packs().size(), 10u);
  EXPECT_EQ(read(early, "a"), "0");
  progress_.clear();
  EXPECT_EQ(read(mirrors_.fetch(request(ids[10])), "a"), "10");
  EXPECT_FALSE(fetched());
}

TEST_F(MirrorTest, HealsDamageInAPack) {
  std::vector<std::pair<std::string, std::string>> files;
  for (int i = 0; i < 200; ++i) files.emplace_back("f" + std::to_string(i), "content " + std::to_string(i * 7919));
  const std::string id = origin_.push("main", files);
  mirrors_.fetch(request(id));
  for (const auto& entry : fs::directory_iterator(mirror() / "objects" / "pack")) {
    if (entry.path().extension() != ".pack") continue;
    fs::permissions(entry.path(), fs::perms::owner_all);
    fs::resize_file(entry.path(), 200);
  }
  EXPECT_EQ(all_files(mirrors_.fetch(request(id))).size(), 200u);
  EXPECT_EQ(read(mirrors_.fetch(request(id)), "f7"), "content 55433");
}

TEST_F(MirrorTest, HealsAMirrorOfWhichOnlyRubbishIsLeft) {
  const std::string id = origin_.push("main", {{"a", "1"}});
  mirrors_.fetch(request(id));
  std::ofstream(mirror() / "config") << "[nonsense";
  EXPECT_EQ(read(mirrors_.fetch(request(id)), "a"), "1");
  fs::remove(mirror() / "HEAD");
  EXPECT_EQ(read(mirrors_.fetch(request(id)), "a"), "1");
}

TEST_F(MirrorTest, HealsWhatAPowerFailureLeaves) {
  mirrors_.fetch(request(origin_.push("main", {{"a", "0"}})));
  const auto files_of = [&] {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(mirror()))
      if (entry.is_regular_file()) files.push_back(fs::relative(entry.path(), mirror()));
    std::sort(files.begin(), files.end());
    return files;
  };
  // Each file in turn comes back empty, or full of zeros.
  constexpr std::size_t kRounds = 24;
  for (std::size_t i = 0; i < kRounds; ++i) {
    const std::vector<fs::path> files = files_of();
    const fs::path broken = mirror() / files[i / 2 % files.size()];
    SCOPED_TRACE(broken);
    const auto size = fs::file_size(broken);
    fs::permissions(broken, fs::perms::owner_all);
    fs::resize_file(broken, 0);
    if (i % 2 == 1) fs::resize_file(broken, size);
    const std::string content = std::to_string(i);
    const std::string id = origin_.push("main", {{"a", content}});
    for (int attempt = 1;; ++attempt) {
      try {
        EXPECT_EQ(read(mirrors_.fetch(request(id, "refs/heads/main")), "a"), content);
        break;
      } catch (const Error& error) {
        ASSERT_EQ(error.kind(), ErrorKind::kCorrupt) << error.what();
        ASSERT_LT(attempt, 2) << error.what();
      }
    }
  }
}

TEST_F(MirrorTest, IsRidOfWhatNobodyNeedsAnyMore) {
  Mirrors small({.directory = folder_.path() / "mirrors", .allow_file_protocol = true, .prune_bytes = 300'000});
  std::uint64_t largest = 0, last = 0;
  const Snapshot first = small.fetch(request(origin_.push("main", {{"a", noise(50'000)}})));
  for (int i = 0; i < 40; ++i) {
    const std::string content = noise(50'000) + std::to_string(i);
    const std::string id = origin_.push("main", {{"a", std::to_string(i) + content}});
    EXPECT_EQ(read(small.fetch(request(id)), "a"), std::to_string(i) + content);
    last = 0;
    for (const fs::path& pack : packs()) last += fs::file_size(pack);
    largest = std::max(largest, last);
  }
  EXPECT_LT(largest, 40 * 50'000u);
  EXPECT_GT(largest, 300'000u);
  // Whoever is still at an older commit starts anew, and the mirror stays.
  const fs::path kept = mirror();
  try {
    first.reopen();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnavailable) << error.what();
  }
  EXPECT_FALSE(fs::exists(kept / "penstock-damaged"));
  small.fetch(request(origin_.push("main", {{"a", "last"}})));
  EXPECT_EQ(mirror(), kept);
}

TEST_F(MirrorTest, GivesUpWaitingForItsTurn) {
  mirrors_.fetch(request(origin_.push("main", {{"a", "1"}})));
  const std::string id = origin_.push("main", {{"a", "2"}});
  const FileLock held = FileLock::acquire(mirror().parent_path() / "lock", std::chrono::seconds(1));
  FetchRequest hurried = request(id);
  hurried.timeout = std::chrono::milliseconds(10);
  EXPECT_EQ(failure(hurried).kind(), ErrorKind::kTimeout);
  std::stop_source stop;
  stop.request_stop();
  FetchRequest stopped = request(id);
  stopped.stop = stop.get_token();
  EXPECT_EQ(failure(stopped).kind(), ErrorKind::kCancelled);
}

TEST_F(MirrorTest, KeepsItsFoldersToItself) {
  mirrors_.fetch(request(origin_.push("main", {{"a", "1"}})));
  struct stat info {};
  ASSERT_EQ(::stat((folder_.path() / "mirrors").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

}  // namespace
}  // namespace penstock::git
