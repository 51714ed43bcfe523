#include <algorithm>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/git/mirror.h"
#include "tests/core/git/test_repository.h"

namespace penstock::git {
namespace {

class SnapshotTest : public ::testing::Test {
 protected:
  Snapshot fetch(const std::string& commit_id) {
    FetchRequest request;
    request.remote = origin_.url();
    request.commit_id = commit_id;
    return mirrors_.fetch(request);
  }
  std::string content(const Snapshot& snapshot, const std::string& id) {
    std::string text;
    snapshot.read_blob(id, [&](std::string_view piece) { text += piece; });
    return text;
  }
  // The message with which the tree is refused; empty when it is not.
  std::string refusal(const std::vector<TestRepository::Entry>& entries) {
    const std::string id = origin_.commit(origin_.tree(entries));
    origin_.set_branch("main", id);
    const Snapshot snapshot = fetch(id);
    try {
      all_files(snapshot);
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput) << error.what();
      EXPECT_EQ(error.code(), "UnsafeTreeEntry");
      return error.what();
    }
  }

  TemporaryDirectory folder_;
  TestRepository origin_;
  Mirrors mirrors_{{.directory = folder_.path() / "mirrors", .allow_file_protocol = true}};
};

TEST_F(SnapshotTest, ListsEverythingThatGitKnowsSortedByBytes) {
  const std::string blob = origin_.blob("content");
  const std::string link = origin_.blob("../elsewhere");
  const std::string inner = origin_.tree({{"100644", "z", blob}});
  const std::string root = origin_.tree({{"100644", ".gitignore", blob},
                                         {"100644", "a-x", blob},
                                         {"100644", "a.b", blob},
                                         {"40000", "a", inner},
                                         {"100755", "run me", blob},
                                         {"120000", "link", link},
                                         {"160000", "module", std::string(40, 'a')},
                                         {"100664", "old mode", blob},
                                         {"100644", "\xff\xfe", blob},
                                         {"100644", "\xc3\xa9t\xc3\xa9", blob}});
  const std::string id = origin_.commit(root);
  origin_.set_branch("main", id);
  const Snapshot snapshot = fetch(id);
  std::vector<std::pair<std::string, EntryKind>> found;
  for (const TreeEntry& entry : all_files(snapshot)) found.emplace_back(entry.path, entry.kind);
  const std::vector<std::pair<std::string, EntryKind>> expected = {
      {".gitignore", EntryKind::kFile}, {"a-x", EntryKind::kFile},          {"a.b", EntryKind::kFile},
      {"a/z", EntryKind::kFile},        {"link", EntryKind::kSymlink},      {"module", EntryKind::kSubmodule},
      {"old mode", EntryKind::kFile},   {"run me", EntryKind::kExecutable}, {"\xc3\xa9t\xc3\xa9", EntryKind::kFile},
      {"\xff\xfe", EntryKind::kFile}};
  EXPECT_EQ(found, expected);
  EXPECT_EQ(content(snapshot, link), "../elsewhere");
  EXPECT_EQ(snapshot.blob_size(blob), 7u);
}

TEST_F(SnapshotTest, FoldersThatAreAsTheyWereComeAsOneEntry) {
  const auto commit_of = [&](const std::string& a, const std::string& b_inner, const std::string& top) {
    const std::string inner = origin_.tree({{"100644", "x", origin_.blob(b_inner)}});
    const std::string b = origin_.tree({{"40000", "inner", inner}, {"100644", "inner.x", origin_.blob("same")}});
    const std::string folder = origin_.tree({{"100644", "x", origin_.blob(a)}});
    const std::string id = origin_.commit(origin_.tree({{"40000", "a", folder},
                                                        {"100644", "a-b", origin_.blob(top)},
                                                        {"40000", "b", b},
                                                        {"160000", "c", std::string(40, 'a')}}));
    origin_.set_branch("main", id);
    return id;
  };
  const auto found = [&](const Snapshot& snapshot, const std::string& since, std::string_view folder) {
    std::vector<std::pair<std::string, EntryKind>> entries;
    TreeWalk walk = snapshot.walk({.folder = std::string(folder), .since = since}).value();
    while (const auto entry = walk.next()) entries.emplace_back(entry->path, entry->kind);
    return entries;
  };
  using Entries = std::vector<std::pair<std::string, EntryKind>>;
  const std::string first = commit_of("1", "1", "1");
  fetch(first);
  const std::string second = commit_of("1", "2", "1");
  const Snapshot snapshot = fetch(second);
  EXPECT_EQ(found(snapshot, first, ""), (Entries{{"a-b", EntryKind::kFile},
                                                 {"a", EntryKind::kUnchangedFolder},
                                                 {"b/inner.x", EntryKind::kFile},
                                                 {"b/inner/x", EntryKind::kFile},
                                                 {"c", EntryKind::kSubmodule}}));
  EXPECT_EQ(found(snapshot, first, "b"), (Entries{{"inner.x", EntryKind::kFile}, {"inner/x", EntryKind::kFile}}));
  EXPECT_EQ(found(snapshot, first, "a"), (Entries{{"", EntryKind::kUnchangedFolder}}));
  EXPECT_EQ(found(snapshot, second, ""), (Entries{{"", EntryKind::kUnchangedFolder}}));
  // Compared with what is not here, is no commit, or has no such folder.
  for (const std::string& other : {std::string(40, '1'), origin_.blob("1"), std::string("main"), std::string()})
    EXPECT_EQ(found(snapshot, other, "").size(), 5u) << other;
  EXPECT_FALSE(snapshot.walk({.folder = "a-b", .since = first}));
  EXPECT_FALSE(snapshot.walk({.folder = "nowhere", .since = first}));
}

TEST_F(SnapshotTest, FindsOneEntryByItsPath) {
  const std::string blob = origin_.blob("x");
  const std::string inner = origin_.tree({{"100755", "x", blob}, {"160000", "module", std::string(40, 'b')}});
  const std::string id = origin_.commit(origin_.tree({{"40000", "a", inner}, {"120000", "link", blob}}));
  origin_.set_branch("main", id);
  const Snapshot snapshot = fetch(id);
  EXPECT_EQ(snapshot.find("a/x").value().kind, EntryKind::kExecutable);
  EXPECT_EQ(snapshot.find("a/x").value().object_id, blob);
  EXPECT_EQ(snapshot.find("a/module").value().object_id, std::string(40, 'b'));
  EXPECT_EQ(snapshot.find("link").value().kind, EntryKind::kSymlink);
  for (const char* nothing : {"a", "a/", "a/y", "link/x", "", "/"}) EXPECT_FALSE(snapshot.find(nothing)) << nothing;
}

TEST_F(SnapshotTest, TellsOfFoldersAndLeavesOutWhatIsNotWanted) {
  const std::string blob = origin_.blob("x"), attributes = origin_.blob("* text\n");
  const std::string inner = origin_.tree({{"100644", ".gitattributes", attributes}, {"100644", "x", blob}});
  const std::string id = origin_.commit(
      origin_.tree({{"40000", "a", inner}, {"40000", "b", inner}, {"120000", ".gitattributes", attributes}}));
  origin_.set_branch("main", id);
  const Snapshot snapshot = fetch(id);
  std::vector<std::string> told, found;
  TreeWalk walk = snapshot
                      .walk({.on_folder =
                                 [&](const std::string& folder, const std::string& attributes_id) {
                                   told.push_back(folder + "=" + (attributes_id.empty() ? "none" : "some"));
                                   return folder != "a/";
                                 }})
                      .value();
  while (const auto entry = walk.next()) found.push_back(entry->path);
  EXPECT_EQ(told, (std::vector<std::string>{"=none", "a/=some", "b/=some"}));
  EXPECT_EQ(found, (std::vector<std::string>{".gitattributes", "b/.gitattributes", "b/x"}));
}

TEST_F(SnapshotTest, NotesNamesThatDifferInCaseOnly) {
  const std::string blob = origin_.blob("x");
  const std::string inner =
      origin_.tree({{"100644", "README", blob}, {"100644", "ReadMe", blob}, {"100644", "a", blob}});
  const std::string id = origin_.commit(origin_.tree(
      {{"40000", "Docs", inner}, {"100644", "docs", blob}, {"100644", "docs-", blob}, {"100644", "X", blob}}));
  origin_.set_branch("main", id);
  const Snapshot snapshot = fetch(id);
  TreeWalk walk = snapshot.walk().value();
  while (walk.next()) {
  }
  EXPECT_EQ(walk.case_clashes(), (std::vector<std::string>{"docs", "Docs/ReadMe"}));
}

TEST_F(SnapshotTest, TellsWhoAndWhenAndWhat) {
  const std::string id = origin_.push("main", {{"a", "1"}}, "Summary line\n\nThe body.\n");
  const Commit commit = fetch(id).commit();
  EXPECT_EQ(commit.id, id);
  EXPECT_EQ(commit.summary, "Summary line");
  EXPECT_EQ(commit.message, "Summary line\n\nThe body.\n");
  EXPECT_EQ(commit.author_name, "Jamal Hartnett");
  EXPECT_EQ(commit.author_email, "jamal@example.com");
  EXPECT_EQ(commit.committer_name, "Build Agent");
  EXPECT_EQ(format_rfc3339(commit.author_time), "2026-01-02T03:04:05.000Z");
  EXPECT_EQ(format_rfc3339(commit.commit_time), "2026-01-02T03:04:06.000Z");
  EXPECT_EQ(commit.tree_id, origin_.git({"rev-parse", id + "^{tree}"}));
}

TEST_F(SnapshotTest, RefusesHostileTreesByName) {
  const std::string blob = origin_.blob("x");
  const std::string inner = origin_.tree({{"100644", "x", blob}});
  for (const char* name : {".git", ".GIT", "git~1", ".git ", ".g\u200cit"}) {
    EXPECT_NE(refusal({{"100644", name, blob}}).find("file system takes for"), std::string::npos) << name;
    EXPECT_NE(refusal({{"40000", name, inner}}).find("file system takes for"), std::string::npos) << name;
  }
  EXPECT_NE(refusal({{"40000", "..", inner}}).find("\"..\""), std::string::npos);
  EXPECT_NE(refusal({{"40000", ".", inner}}).find("\".\""), std::string::npos);
  EXPECT_NE(refusal({{"100644", "a/b", blob}}).find("\"a/b\""), std::string::npos);
  EXPECT_NE(refusal({{"100644", "/etc/passwd", blob}}).find("absolute"), std::string::npos);
  EXPECT_NE(refusal({{"100644", "twice", blob}, {"100755", "twice", blob}}).find("\"twice\""), std::string::npos);
  EXPECT_NE(refusal({{"120000", "a", blob}, {"100644", "a-b", blob}, {"40000", "a", inner}}).find("\"a\""),
            std::string::npos);
  const std::string nested = origin_.tree({{"40000", "..", inner}});
  EXPECT_NE(refusal({{"40000", "sub", nested}}).find("\"sub/..\""), std::string::npos);
  EXPECT_NE(refusal({{"110644", "odd", blob}}).find("\"odd\""), std::string::npos);
}

TEST_F(SnapshotTest, EmptyNamesNeverArrive) {
  const std::string blob = origin_.blob("x");
  const std::string id = origin_.commit(origin_.tree({{"100644", "", blob}}));
  origin_.set_branch("main", id);
  try {
    all_files(fetch(id));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput) << error.what();
  }
}

TEST_F(SnapshotTest, BoundsTreesThatMultiplyThemselves) {
  std::string tree = origin_.tree({{"100644", "f", origin_.blob("x")}});
  for (int level = 0; level < 8; ++level) {
    std::vector<TestRepository::Entry> entries;
    for (int i = 0; i < 10; ++i) entries.push_back({"40000", "d" + std::to_string(i), tree});
    tree = origin_.tree(entries);
  }
  const std::string id = origin_.commit(tree);
  origin_.set_branch("main", id);
  const Snapshot snapshot = fetch(id);
  try {
    all_files(snapshot);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
    EXPECT_NE(std::string(error.what()).find("more than"), std::string::npos) << error.what();
  }
}

TEST_F(SnapshotTest, WalksDeepFoldersWithoutRecursion) {
  std::string path;
  for (int level = 0; level < 1000; ++level) path += "d/";
  const auto entries = all_files(fetch(origin_.push("main", {{path + "f", "x"}})));
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].path, path + "f");
}

TEST_F(SnapshotTest, HandsLargeBlobsOutInPiecesAndStopsWithItsReader) {
  std::string large((33u << 20) + 7, '\0');
  for (std::size_t i = 0; i < large.size(); i += 4096) large[i] = static_cast<char>('a' + (i / 4096) % 26);
  const std::string middle = large.substr(0, 3u << 20);
  const std::string id = origin_.push("main", {{"large", large}, {"middle", middle}, {"empty", ""}});
  const Snapshot snapshot = fetch(id);
  for (const TreeEntry& entry : all_files(snapshot)) {
    const std::string& expected = entry.path == "large" ? large : entry.path == "middle" ? middle : "";
    std::size_t longest = 0;
    Hasher hasher(HashAlgorithm::kSha256);
    snapshot.read_blob(entry.object_id, [&](std::string_view piece) {
      longest = std::max(longest, piece.size());
      hasher.update(piece);
    });
    EXPECT_LE(longest, 1u << 20);
    EXPECT_EQ(to_hex(hasher.finish()), sha256_hex(entry.path == "empty" ? "" : expected)) << entry.path;
    if (entry.path != "empty") {
      EXPECT_THROW(snapshot.read_blob(entry.object_id, [](std::string_view) { throw std::out_of_range("enough"); }),
                   std::out_of_range);
    }
    EXPECT_EQ(snapshot.blob_size(entry.object_id), entry.path == "empty" ? 0 : expected.size());
  }
}

TEST_F(SnapshotTest, PoolServesSeveralThreads) {
  std::vector<std::pair<std::string, std::string>> files;
  for (int i = 0; i < 200; ++i) files.emplace_back("f" + std::to_string(i), "content " + std::to_string(i));
  const Snapshot snapshot = fetch(origin_.push("main", files));
  const std::vector<TreeEntry> entries = all_files(snapshot);
  const SnapshotPool pool(snapshot);
  std::vector<std::string> contents(entries.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t first = 0; first < 4; ++first) {
      threads.emplace_back([&, first] {
        for (std::size_t i = first; i < entries.size(); i += 4)
          pool.read_blob(entries[i].object_id, [&](std::string_view piece) { contents[i] += piece; });
      });
    }
  }
  for (std::size_t i = 0; i < entries.size(); ++i)
    EXPECT_EQ(contents[i], "content " + entries[i].path.substr(1)) << entries[i].path;
}

}  // namespace
}  // namespace penstock::git
