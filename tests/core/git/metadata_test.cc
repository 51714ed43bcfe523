#include "core/git/metadata.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "core/git/fetch.h"
#include "tests/core/git/test_repository.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;

// An artifact unpacked, with its .git folder.
struct Unpacked {
  fs::path folder;
  // Standard output, and standard error of a failure, without the last line end.
  std::string git(std::vector<std::string> arguments) const {
    ProcessOptions options;
    options.argv = {"git"};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.environment = {{"PATH", std::getenv("PATH")},
                           {"HOME", "/nonexistent"},
                           {"GIT_CONFIG_NOSYSTEM", "1"},
                           {"GIT_CONFIG_COUNT", "1"},
                           {"GIT_CONFIG_KEY_0", "safe.directory"},
                           {"GIT_CONFIG_VALUE_0", "*"},
                           {"LC_ALL", "C"}};
    options.working_directory = folder;
    const ProcessResult result = run_process(options);
    std::string output = result.succeeded() ? result.standard_output : "failed: " + result.standard_error;
    while (output.ends_with('\n')) output.pop_back();
    return output;
  }
};

class MetadataTest : public ::testing::Test {
 protected:
  static constexpr const char* kRemote = "https://dev.azure.com/fabrikam/Shop/_git/shop";

  Snapshot fetch(const std::string& commit_id) {
    FetchRequest request;
    request.remote = origin_.url();
    request.commit_id = commit_id;
    return Mirrors(options_).fetch(request);
  }
  MetadataRequest request(const std::string& commit_id, const std::string& ref = "refs/heads/main") {
    FetchRequest fetched;
    fetched.remote = origin_.url();
    fetched.commit_id = commit_id;
    fetched.ref = ref;
    Mirrors(options_).fetch(fetched);
    const Remote remote = parse_remote(fetched.remote);
    const Fetcher fetcher(options_, fetched, remote, std::chrono::steady_clock::now() + std::chrono::minutes(1));
    MetadataRequest result;
    result.mirror = mirror();
    result.commit_id = commit_id;
    result.history = fetch_history(mirror(), commit_id, fetcher);
    result.ref = ref;
    result.remote = kRemote;
    result.folder = new_folder() / ".git";
    return result;
  }
  fs::path mirror() const {
    for (const auto& entry : fs::recursive_directory_iterator(options_.directory)) {
      if (entry.path().extension() == ".git") return entry.path();
    }
    return {};
  }
  fs::path new_folder() {
    const fs::path folder = folder_.path() / ("unpacked-" + std::to_string(++folders_));
    fs::create_directory(folder);
    return folder;
  }

  // As programs unpack that know executable bits and links, and as those do that know neither.
  enum class Unzip { kWhole, kPlain };
  Unpacked unpack(const MetadataRequest& made, Unzip unzip = Unzip::kWhole) {
    const Unpacked result{made.folder.parent_path()};
    const Snapshot snapshot = fetch(made.commit_id);
    for (const TreeEntry& entry : all_files(snapshot)) {
      const fs::path path = result.folder / entry.path;
      fs::create_directories(path.parent_path());
      if (entry.kind == EntryKind::kSubmodule) {
        fs::create_directories(path);
        continue;
      }
      std::string content;
      snapshot.read_blob(entry.object_id, [&](std::string_view piece) { content += piece; });
      if (entry.kind == EntryKind::kSymlink && unzip == Unzip::kWhole) {
        fs::create_symlink(content, path);
        continue;
      }
      std::ofstream(path, std::ios::binary) << content;
      if (entry.kind == EntryKind::kExecutable && unzip == Unzip::kWhole)
        fs::permissions(path, fs::perms::owner_exec, fs::perm_options::add);
    }
    return result;
  }
  Unpacked make(const std::string& commit_id, const std::string& ref = "refs/heads/main") {
    const MetadataRequest made = request(commit_id, ref);
    write_metadata(made);
    return unpack(made);
  }
  void annotate(const std::string& name, const std::string& commit_id) const {
    origin_.git({"tag", "-a", "-m", "release", name, commit_id});
  }

  TemporaryDirectory folder_;
  TestRepository origin_;
  Mirrors::Options options_{.directory = folder_.path() / "mirrors", .allow_file_protocol = true};
  int folders_ = 0;
};

TEST_F(MetadataTest, LogDescribeAndStatusWork) {
  const std::vector<std::string> commits = origin_.push_many("main", 20);
  annotate("v1.2", commits[12]);
  const Unpacked work = make(commits.back());
  EXPECT_EQ(work.git({"log", "-1"}), origin_.git({"log", "-1", "--no-decorate", "main"}));
  EXPECT_EQ(work.git({"describe", "--abbrev=40"}), "v1.2-7-g" + commits.back());
  EXPECT_EQ(work.git({"describe", "--tags", "--abbrev=40", "--dirty"}), "v1.2-7-g" + commits.back());
  EXPECT_EQ(work.git({"status", "--porcelain"}), "");
  EXPECT_EQ(work.git({"log", "--format=%H"}), origin_.git({"rev-list", commits.back(), "^" + commits[11]}));
  EXPECT_EQ(work.git({"rev-parse", "--is-shallow-repository"}), "true");
  EXPECT_EQ(work.git({"fsck", "--full", "--strict"}).find("rror"), std::string::npos);
  EXPECT_EQ(work.git({"diff", "--stat", "HEAD~3", "HEAD"}).find("failed"), std::string::npos);
}

TEST_F(MetadataTest, StatusIsCleanHoweverTheFilesWereUnpacked) {
  const std::string blob = origin_.blob("content\n"), crlf = origin_.blob("a\r\nb\r\n"), link = origin_.blob("a/b");
  const std::string attributes =
      origin_.blob("*.txt text eol=crlf\n*.rc working-tree-encoding=UTF-16\n*.id ident\n*.bin filter=lfs -text\n");
  const std::string inner = origin_.tree({{"100644", "b", blob}});
  const std::string id = origin_.commit(origin_.tree({{"100644", ".gitattributes", attributes},
                                                      {"40000", "a", inner},
                                                      {"100644", "back\\slash", blob},
                                                      {"100644", "crlf.txt", crlf},
                                                      {"100644", "empty", origin_.blob("")},
                                                      {"100644", "lf.txt", blob},
                                                      {"120000", "link", link},
                                                      {"100644", "new\nline", blob},
                                                      {"100644", "pointer.bin", blob},
                                                      {"100755", "run me", blob},
                                                      {"100644", "utf.rc", blob},
                                                      {"100644", "x.id", origin_.blob("$Id: 123 $\n")},
                                                      {"100644", "\xc3\xa4\xff", blob}}));
  origin_.set_branch("main", id);
  for (const Unzip unzip : {Unzip::kWhole, Unzip::kPlain}) {
    const MetadataRequest made = request(id);
    write_metadata(made);
    const Unpacked work = unpack(made, unzip);
    EXPECT_EQ(work.git({"status", "--porcelain"}), "");
    EXPECT_EQ(work.git({"describe", "--always", "--dirty", "--abbrev=40"}), id);
    // It is no blindness.
    std::ofstream(work.folder / "lf.txt") << "Content\n";
    std::ofstream(work.folder / "new") << "";
    fs::remove(work.folder / "empty");
    EXPECT_EQ(work.git({"status", "--porcelain"}), " D empty\n M lf.txt\n?? new");
  }
}

TEST_F(MetadataTest, StatusIsCleanWithSubmodules) {
  const std::string blob = origin_.blob("content\n"), module = std::string(40, 'a');
  const std::string modules = origin_.blob("[submodule \"lib\"]\n\tpath = lib\n\turl = ../lib\n");
  const std::string id = origin_.commit(origin_.tree({{"100644", ".gitmodules", modules},
                                                      {"100644", "a", blob},
                                                      {"160000", "lib", module},
                                                      {"160000", "other", module}}));
  origin_.set_branch("main", id);
  const Unpacked work = make(id);
  fs::create_directories(work.folder / "lib" / "src");
  std::ofstream(work.folder / "lib" / "src" / "x.c") << "int x;\n";
  EXPECT_EQ(work.git({"status", "--porcelain"}), "");
  EXPECT_EQ(work.git({"ls-files", "--stage", "lib"}), "160000 " + module + " 0\tlib");
}

TEST_F(MetadataTest, ABranchIsCheckedOutUnderItsName) {
  const std::string id = origin_.push("main", {{"a", "1"}});
  const Unpacked work = make(id, "refs/heads/main");
  EXPECT_EQ(work.git({"rev-parse", "--abbrev-ref", "HEAD"}), "main");
  EXPECT_EQ(work.git({"status", "-sb"}), "## main...origin/main");
  EXPECT_EQ(work.git({"remote", "get-url", "origin"}), kRemote);
  EXPECT_EQ(work.git({"for-each-ref", "--format=%(refname) %(objectname)"}),
            "refs/heads/main " + id + "\nrefs/remotes/origin/main " + id);
  const Unpacked odd = make(id, "refs/heads/feature/\"quoted\"/" + std::string(210, 'x'));
  EXPECT_EQ(odd.git({"status", "-sb"}),
            "## feature/\"quoted\"/" + std::string(210, 'x') + "...origin/feature/\"quoted\"/" + std::string(210, 'x'));
}

TEST_F(MetadataTest, AnythingElseIsADetachedHead) {
  const std::string id = origin_.push("main", {{"a", "1"}});
  annotate("v1", id);
  const Unpacked tag = make(id, "refs/tags/v1");
  EXPECT_EQ(tag.git({"rev-parse", "--abbrev-ref", "HEAD"}), "HEAD");
  EXPECT_EQ(tag.git({"describe", "--exact-match"}), "v1");
  const Unpacked request_of_merge = make(id, "refs/pull/7/merge");
  EXPECT_EQ(request_of_merge.git({"rev-parse", "--abbrev-ref", "HEAD"}), "HEAD");
  EXPECT_EQ(request_of_merge.git({"rev-parse", "refs/remotes/pull/7/merge"}), id);
  const Unpacked nothing = make(id, "");
  EXPECT_EQ(nothing.git({"rev-parse", "HEAD"}), id);
}

TEST_F(MetadataTest, FoldersThatGitNeedsAreListed) {
  const std::string id = origin_.push("main", {{"a", "1"}});
  const auto paths = [&](const std::string& ref) {
    std::vector<std::string> result;
    for (const MetadataEntry& entry : write_metadata(request(id, ref))) {
      std::string path = entry.path + (entry.kind == MetadataEntry::Kind::kFolder ? "/" : "");
      if (path.starts_with("objects/pack/")) path = "objects/pack/*" + fs::path(path).extension().native();
      result.push_back(path);
    }
    return result;
  };
  EXPECT_EQ(paths("refs/heads/main"),
            (std::vector<std::string>{"HEAD", "config", "index", "info/attributes", "objects/pack/*.idx",
                                      "objects/pack/*.pack", "packed-refs", "refs/heads/main"}));
  EXPECT_EQ(paths(""), (std::vector<std::string>{"HEAD", "config", "index", "info/attributes", "objects/pack/*.idx",
                                                 "objects/pack/*.pack", "refs/"}));
}

TEST_F(MetadataTest, NamesNoSecretAndNoPathOfThisMachine) {
  const std::vector<std::string> commits = origin_.push_many("main", 5);
  annotate("v1", commits[2]);
  for (const std::string& remote :
       {std::string("https://someone@example.com/a/b"), origin_.url(), std::string("git@ssh.dev.azure.com:v3/a/b/c")}) {
    MetadataRequest made = request(commits.back());
    made.remote = remote;
    for (const MetadataEntry& entry : write_metadata(made)) {
      if (entry.kind == MetadataEntry::Kind::kFolder) continue;
      const std::string content = read_file(made.folder / entry.path);
      for (const std::string& hidden : {folder_.path().native(), origin_.path().native(), std::string("someone")})
        EXPECT_EQ(content.find(hidden), std::string::npos) << entry.path;
    }
    EXPECT_EQ(unpack(made).git({"status", "--porcelain"}), "");
  }
}

TEST_F(MetadataTest, TheSameCommitMakesTheSameBytes) {
  std::vector<std::string> commits = origin_.push_many("main", 60);
  for (int i = 0; i < 30; ++i) {
    commits.push_back(origin_.push("main", {{"file-" + std::to_string(i % 7),
                                             std::string(2000, static_cast<char>('a' + i % 3)) + std::to_string(i)}}));
  }
  annotate("v1", commits[40]);
  origin_.git({"tag", "nightly", commits[70]});
  const auto bytes = [&](const MetadataRequest& made) {
    std::map<std::string, std::string> result;
    for (const MetadataEntry& entry : write_metadata(made)) {
      result[entry.path] = entry.kind == MetadataEntry::Kind::kFolder ? "" : read_file(made.folder / entry.path);
    }
    return result;
  };
  const auto expected = bytes(request(commits.back()));
  EXPECT_EQ(bytes(request(commits.back())), expected);
  // Another mirror, in which the objects came in other packs, and one job changes it while the other one reads.
  origin_.git({"repack", "-a", "-d", "-f", "--depth=3", "--window=30"});
  options_.directory = folder_.path() / "other" / "mirrors";
  for (const std::size_t earlier : {10u, 50u, 85u}) request(commits[earlier]);
  const MetadataRequest made = request(commits.back());
  commits.push_back(origin_.push("main", {{"later", "1"}}));
  request(commits.back());
  fetch(commits[88]);
  EXPECT_EQ(bytes(made), expected);
}

TEST_F(MetadataTest, DescribesAsAWholeCloneDoes) {
  std::mt19937 random(3);  // NOLINT(cert-msc51-cpp): the same each time
  std::string stream;
  std::vector<int> heads = {1};
  const int count = 260;
  for (int mark = 1; mark <= count; ++mark) {
    const std::string time = std::to_string(1767323045 + 60 * mark) + " +0000\n";
    stream += "commit refs/heads/all\nmark :" + std::to_string(mark) + "\nauthor A <a@b> " + time +
              "committer A <a@b> " + time + "data 1\nx\n";
    if (mark > 1) {
      // Mostly on the last commit, now and then on an older one, which makes a branch; merges of anything.
      const int back = random() % 5 == 0 ? 1 + static_cast<int>(random() % 30) : 1;
      const int parent = std::max(1, mark - back), other = std::max(1, mark - 1 - static_cast<int>(random() % 90));
      stream += "from :" + std::to_string(parent) + "\n";
      if (random() % 3 == 0 && other != parent) stream += "merge :" + std::to_string(other) + "\n";
    }
    stream += "M 100644 inline f" + std::to_string(random() % 9) + "\ndata " +
              std::to_string(std::to_string(mark).size()) + "\n" + std::to_string(mark) + "\n";
    if (random() % 40 == 0)
      stream += "reset refs/tags/light-" + std::to_string(mark) + "\nfrom :" + std::to_string(mark) + "\n\n";
    if (random() % 60 == 0)
      stream += "tag v" + std::to_string(mark) + "\nfrom :" + std::to_string(mark) + "\ntagger A <a@b> " + time +
                "data 1\nx\n";
    stream += "reset refs/heads/c" + std::to_string(mark) + "\nfrom :" + std::to_string(mark) + "\n\n";
  }
  origin_.git({"fast-import", "--quiet"}, stream);
  int described = 0;
  for (int mark = count; mark > 0; mark -= 37) {
    const std::string branch = "refs/heads/c" + std::to_string(mark), id = origin_.git({"rev-parse", branch});
    const Unpacked work = make(id, branch);
    for (const std::vector<std::string>& options :
         {std::vector<std::string>{"--abbrev=40"}, {"--abbrev=40", "--tags"}}) {
      std::vector<std::string> command = {"describe"};
      command.insert(command.end(), options.begin(), options.end());
      std::vector<std::string> by_origin = command;
      by_origin.push_back(id);
      std::string expected;
      try {
        expected = origin_.git(by_origin);
      } catch (const std::runtime_error&) {
        continue;  // no tag behind it
      }
      EXPECT_EQ(work.git(command), expected);
      ++described;
    }
    EXPECT_EQ(work.git({"status", "--porcelain"}), "");
    EXPECT_EQ(work.git({"fsck", "--full"}).find("rror"), std::string::npos);
  }
  EXPECT_GE(described, 10);
}

TEST_F(MetadataTest, DamageIsReportedAndTheMirrorMarked) {
  const std::string id = origin_.push("main", {{"a", "1"}});
  const MetadataRequest made = request(id);
  for (const auto& entry : fs::directory_iterator(mirror() / "objects" / "pack")) fs::remove(entry.path());
  try {
    write_metadata(made);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt) << error.what();
  }
  EXPECT_TRUE(fs::exists(mirror() / "penstock-damaged"));
  fs::remove_all(options_.directory);
  MetadataRequest again = made;
  again.folder = new_folder() / ".git";
  try {
    write_metadata(again);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnavailable) << error.what();
  }
}

TEST_F(MetadataTest, StopsWhenAskedTo) {
  MetadataRequest made = request(origin_.push("main", {{"a", "1"}}));
  std::stop_source stop;
  stop.request_stop();
  made.stop = stop.get_token();
  try {
    write_metadata(made);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCancelled) << error.what();
  }
}

}  // namespace
}  // namespace penstock::git
