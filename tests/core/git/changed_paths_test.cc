#include "core/git/changed_paths.h"

#include <fstream>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "tests/core/git/test_repository.h"

namespace penstock::git {
namespace {

using Paths = std::vector<std::string>;
using Basis = PushedPaths::Basis;
const std::string kZeros(40, '0');

class ChangedPathsTest : public ::testing::Test {
 protected:
  PushedRef push_of(const std::string& old_id, const std::string& new_id, const std::string& ref = "refs/heads/main") {
    PushedRef push;
    push.fetch.remote = origin_.url();
    push.fetch.commit_id = new_id;
    push.fetch.ref = ref;
    push.fetch.on_progress = [this](std::string_view line) { progress_.emplace_back(line); };
    push.old_commit_id = old_id;
    return push;
  }
  PushedPaths load(const PushedRef& push) { return load_changed_paths(mirrors_, push); }
  Paths changed(const std::string& old_id, const std::string& new_id) {
    const PushedPaths result = load(push_of(old_id, new_id));
    EXPECT_TRUE(result.changed.is_complete);
    EXPECT_EQ(result.basis, Basis::kOldCommit) << result.note;
    return result.changed.paths;
  }
  // Between two trees.
  Paths changed(const std::vector<TestRepository::Entry>& before, const std::vector<TestRepository::Entry>& after) {
    const std::string first = origin_.commit(origin_.tree(before));
    const std::string second = origin_.commit(origin_.tree(after), {first});
    origin_.set_branch("main", second);
    return changed(first, second);
  }
  // What git itself says.
  Paths told_by_git(const std::string& old_id, const std::string& new_id) const {
    Paths paths =
        split(origin_.git({"diff-tree", "-r", "--name-only", "--no-renames", "-z", "--end-of-options", old_id, new_id}),
              '\0');
    while (!paths.empty() && paths.back().empty()) paths.pop_back();
    std::sort(paths.begin(), paths.end());
    return paths;
  }
  std::string import(const std::string& branch, const std::string& commands, const std::string& from = "") const {
    origin_.git({"fast-import", "--quiet", "--force"},
                "commit refs/heads/" + branch +
                    "\nauthor A <a@example.com> 1767323045 +0000\ncommitter A <a@example.com> 1767323046 "
                    "+0000\ndata 1\nx\n" +
                    (from.empty() ? "" : "from " + from + "\n") + commands);
    return origin_.git({"rev-parse", "refs/heads/" + branch});
  }

  TemporaryDirectory folder_;
  TestRepository origin_;
  Mirrors mirrors_{{.directory = folder_.path() / "mirrors", .allow_file_protocol = true}};
  std::vector<std::string> progress_;
};

TEST_F(ChangedPathsTest, TellWhatWasAddedChangedAndDeleted) {
  const std::string first =
      import("main", "M 100644 inline a\ndata 1\n1\nM 100644 inline b/c\ndata 1\n1\nM 100644 inline b/d\ndata 1\n1\n");
  const std::string second = import(
      "main", "M 100644 inline a\ndata 1\n2\nD b/c\nM 100644 inline b/new\ndata 1\n3\nM 100644 inline z\ndata 1\n1\n",
      first);
  EXPECT_EQ(changed(first, second), Paths({"a", "b/c", "b/new", "z"}));
  EXPECT_EQ(changed(second, first), Paths({"a", "b/c", "b/new", "z"}));
  EXPECT_EQ(changed(first, first), Paths());
}

TEST_F(ChangedPathsTest, TellBothNamesOfWhatWasRenamed) {
  const std::string first = origin_.push("main", {{"docs/old.md", "text"}, {"other", "x"}});
  EXPECT_EQ(changed(first, import("main", "R docs/old.md src/New.md\n", first)), Paths({"docs/old.md", "src/New.md"}));
  EXPECT_EQ(changed(first, import("main", "R docs/old.md docs/OLD.md\n", first)), Paths({"docs/OLD.md", "docs/old.md"}))
      << "only in case";
}

TEST_F(ChangedPathsTest, TellWhatAMergeBrought) {
  const std::string base = origin_.push("main", {{"a", "1"}});
  origin_.set_branch("side", base);
  const std::string side = origin_.push("side", {{"side/x", "1"}});
  const std::string before = origin_.push("main", {{"b", "1"}});
  const std::string merge = import("main", "merge " + side + "\nM 100644 inline side/x\ndata 1\n1\n", before);
  EXPECT_EQ(changed(before, merge), Paths({"side/x"}));
  EXPECT_EQ(changed(base, merge), Paths({"b", "side/x"})) << "several commits in one push";
}

TEST_F(ChangedPathsTest, TellChangesOfKindButNotOfSpelling) {
  const std::string blob = origin_.blob("content"), other = origin_.blob("other");
  const std::string inner = origin_.tree({{"100644", "x", blob}, {"100644", "y", blob}});
  EXPECT_EQ(changed({{"100644", "a", blob}}, {{"100755", "a", blob}}), Paths({"a"})) << "executable now";
  EXPECT_EQ(changed({{"100644", "a", blob}}, {{"120000", "a", blob}}), Paths({"a"})) << "a link now";
  EXPECT_EQ(changed({{"100664", "a", blob}}, {{"100644", "a", blob}}), Paths()) << "the mode of early versions";
  EXPECT_EQ(changed({{"100644", "a", blob}}, {{"40000", "a", inner}}), Paths({"a", "a/x", "a/y"})) << "a folder now";
  EXPECT_EQ(changed({{"40000", "a", inner}}, {{"100644", "a", blob}}), Paths({"a", "a/x", "a/y"}));
  EXPECT_EQ(changed({{"160000", "a", std::string(40, '1')}}, {{"160000", "a", std::string(40, '2')}}), Paths({"a"}))
      << "a submodule";
  EXPECT_EQ(changed({{"40000", "a", inner}, {"100644", "a.b", blob}}, {{"100644", "a.b", other}}),
            Paths({"a.b", "a/x", "a/y"}))
      << "in the order of the paths, which is not that of the names";
}

TEST_F(ChangedPathsTest, TellNamesAsTheyAre) {
  const std::string blob = origin_.blob("content");
  const std::string inner = origin_.tree({{"100644", "..", blob}, {"100644", "\xff\n", blob}});
  EXPECT_EQ(changed({}, {{"100644", ".git", blob},
                         {"40000", "..", inner},
                         {"100644", "a/b", blob},
                         {"100644", "twice", blob},
                         {"100644", "twice", blob},
                         {"100644", "\xc3\xa9", blob}}),
            Paths({"../..", "../\xff\n", ".git", "a/b", "twice", "\xc3\xa9"}));
}

TEST_F(ChangedPathsTest, AgreeWithGit) {
  unsigned state = 1;
  const auto random = [&](unsigned below) { return (state = state * 1664525u + 1013904223u) / 65536u % below; };
  const std::string names[] = {"a",     "a.b", "a-b", "a/b",     "a/b.c", "b/a",
                               "b/a/c", "b-",  "b.",  "c/d/e/f", "c/d0",  "c/d/e."};
  std::string last;
  for (int round = 0; round < 8; ++round) {
    std::string commands = last.empty() ? "" : "deleteall\n";
    for (const std::string& name : names) {
      if (random(3) == 0) continue;
      commands += std::string("M ") + (random(4) == 0 ? "100755" : "100644") + " inline " + name + "\ndata 1\n" +
                  std::to_string(random(2)) + "\n";
    }
    const std::string id = import("main", commands, last);
    if (!last.empty()) {
      ASSERT_EQ(changed(last, id), told_by_git(last, id));
    }
    last = id;
  }
}

TEST_F(ChangedPathsTest, AreBounded) {
  const std::string first = origin_.push("main", {{"a", "1"}});
  const std::string second = origin_.push(
      "main", {{"b/1", "1"}, {"b/2", "1"}, {"c/1", "1"}, {"d/a-long-name-of-forty-characters-or-so", "1"}});
  const auto limited = [&](const PathLimits& limits) {
    PushedRef push = push_of(first, second);
    push.limits = limits;
    return load(push).changed;
  };
  EXPECT_EQ(limited({.max_paths = 4}).paths.size(), 4u);
  EXPECT_TRUE(limited({.max_paths = 4}).is_complete);
  EXPECT_EQ(limited({.max_paths = 2}).paths, Paths({"b/1", "b/2"}));
  EXPECT_FALSE(limited({.max_paths = 2}).is_complete);
  EXPECT_FALSE(limited({.max_bytes = 8}).is_complete);
  EXPECT_FALSE(limited({.max_folders = 2}).is_complete);
  EXPECT_EQ(limited({.max_folders = 2}).paths, Paths({"b/1", "b/2"}));
  EXPECT_FALSE(limited({.max_path_bytes = 20}).is_complete);
}

TEST_F(ChangedPathsTest, BoundTreesOfTrees) {
  std::string tree = origin_.tree({{"100644", "x", origin_.blob("x")}});
  for (int i = 0; i < 60; ++i) {
    tree = origin_.tree({{"40000", "a", tree}, {"40000", "b", tree}});
  }
  const std::string id = origin_.commit(tree);
  origin_.set_branch("main", id);
  PushedRef push = push_of(kZeros, id);
  push.limits = {.max_paths = 10'000, .max_folders = 10'000};
  EXPECT_FALSE(load(push).changed.is_complete);
}

TEST_F(ChangedPathsTest, StopWhenAsked) {
  const std::string first = origin_.push("main", {{"a", "1"}});
  const std::string second = origin_.push("main", {{"b/1", "1"}});
  const PushedPaths whole = load(push_of(first, second));
  FetchRequest request = push_of(first, second).fetch;
  const Snapshot snapshot = mirrors_.fetch(request);
  std::stop_source stop;
  stop.request_stop();
  try {
    list_changed_paths(snapshot, first, {}, stop.get_token());
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCancelled);
  }
}

TEST_F(ChangedPathsTest, AreAllFilesWhenTheOldCommitIsGone) {
  const std::string gone(40, 'a');
  const std::string id = origin_.push("main", {{"a", "1"}, {"b/c", "1"}});
  const PushedPaths result = load(push_of(gone, id));
  EXPECT_EQ(result.changed.paths, Paths({"a", "b/c"}));
  EXPECT_EQ(result.basis, Basis::kAllFiles);
  EXPECT_EQ(result.base_commit_id, "");
  EXPECT_EQ(result.note,
            "the commit before the push, " + gone + ", is not there any more (force push): all files count");
}

TEST_F(ChangedPathsTest, AreThoseOfAForcePushWhileTheOldCommitIsThere) {
  const std::string base = origin_.push("main", {{"a", "1"}});
  const std::string old_id = origin_.push("main", {{"b", "1"}});
  origin_.set_branch("main", base);
  EXPECT_EQ(changed(old_id, origin_.push("main", {{"c", "1"}})), Paths({"b", "c"}));
}

TEST_F(ChangedPathsTest, AreAllFilesWhenTheOldIdIsNoCommits) {
  const std::string id = origin_.push("main", {{"a", "1"}});
  const std::string blob = origin_.blob("1");
  EXPECT_EQ(load(push_of(blob, id)).basis, Basis::kAllFiles);
}

TEST_F(ChangedPathsTest, OfANewBranchAreThoseSinceTheMergeBase) {
  const std::string base = origin_.push_many("main", 3).back();
  origin_.git({"symbolic-ref", "HEAD", "refs/heads/main"});
  origin_.set_branch("feature", base);
  origin_.push("feature", {{"x/1", "1"}});
  const std::string head = origin_.push("feature", {{"x/2", "1"}});
  origin_.push("main", {{"later", "1"}});
  PushedRef push = push_of(kZeros, head, "refs/heads/feature");
  const PushedPaths result = load(push);
  EXPECT_EQ(result.changed.paths, Paths({"x/1", "x/2"}));
  EXPECT_EQ(result.basis, Basis::kMergeBase);
  EXPECT_EQ(result.base_commit_id, base);
  EXPECT_EQ(result.note, "");
  EXPECT_EQ(load(push_of("", head, "refs/heads/feature")).base_commit_id, base) << "no old id is told";
  EXPECT_EQ(load(push_of(kZeros, base, "refs/heads/same")).changed.paths, Paths()) << "a branch without a commit";

  push.new_ref = PushedRef::NewRef::kAllFiles;
  const PushedPaths all = load(push);
  EXPECT_EQ(all.changed.paths, Paths({"a", "x/1", "x/2"}));
  EXPECT_EQ(all.basis, Basis::kAllFiles);
  EXPECT_EQ(all.note, "\"refs/heads/feature\" is new: all its files count");
}

TEST_F(ChangedPathsTest, OfAPullRequestAreThoseSinceItLeftItsTarget) {
  const auto before = origin_.push_many("release/1", 60);
  origin_.set_branch("feature", before[2]);
  origin_.push("feature", {{"x/1", "1"}});
  const std::string source = origin_.push("feature", {{"x/2", "1"}});
  const std::string target = origin_.push("release/1", {{"later", "1"}});
  origin_.push("release/1", {{"later still", "1"}});
  PushedRef push = push_of("", source, "refs/heads/feature");
  push.target_commit_id = target;
  push.target_ref = "refs/heads/release/1";
  const PushedPaths result = load(push);
  EXPECT_EQ(result.changed.paths, Paths({"x/1", "x/2"}));
  EXPECT_EQ(result.basis, Basis::kMergeBase);
  EXPECT_EQ(result.base_commit_id, before[2]);
  EXPECT_EQ(result.note, "");

  // Merged meanwhile: what the target was is what counts.
  origin_.set_branch("release/1", source);
  EXPECT_EQ(load(push).changed.paths, Paths({"x/1", "x/2"}));
}

TEST_F(ChangedPathsTest, OfAPullRequestWhoseTargetIsUnknownAreAllFiles) {
  const std::string source = origin_.push("feature", {{"x", "1"}});
  PushedRef push = push_of("", source, "refs/heads/feature");
  push.target_commit_id = std::string(40, 'a');
  push.target_ref = "refs/heads/gone";
  const PushedPaths result = load(push);
  EXPECT_EQ(result.basis, Basis::kAllFiles);
  EXPECT_EQ(result.changed.paths, Paths({"x"}));
  EXPECT_EQ(result.note,
            "the commit that the pull request goes to, " + push.target_commit_id +
                ", is not there any more, or shares none with it as far as could be seen: all files count");
}

TEST_F(ChangedPathsTest, FindAMergeBaseFarBack) {
  origin_.git({"symbolic-ref", "HEAD", "refs/heads/main"});
  const auto main = origin_.push_many("main", 300);
  origin_.set_branch("feature", main[100]);
  const std::string head = origin_.push("feature", {{"x", "1"}});
  const PushedPaths result = load(push_of(kZeros, head, "refs/heads/feature"));
  EXPECT_EQ(result.base_commit_id, main[100]);
  EXPECT_EQ(result.changed.paths, Paths({"x"}));
  EXPECT_GE(progress_.size(), 2u);
}

TEST_F(ChangedPathsTest, OfANewBranchWithoutSharedHistoryAreAllFiles) {
  origin_.push("main", {{"a", "1"}});
  origin_.git({"symbolic-ref", "HEAD", "refs/heads/main"});
  const std::string head = origin_.push("other", {{"x", "1"}});
  const PushedPaths result = load(push_of(kZeros, head, "refs/heads/other"));
  EXPECT_EQ(result.basis, Basis::kAllFiles);
  EXPECT_EQ(result.changed.paths, Paths({"x"}));
  EXPECT_EQ(result.note,
            "\"refs/heads/other\" is new, and is the default branch or shares no commit with it as far as could be "
            "seen: all its files count");
  origin_.git({"symbolic-ref", "HEAD", "refs/heads/none"});
  EXPECT_EQ(load(push_of(kZeros, head, "refs/heads/other")).basis, Basis::kAllFiles) << "no default branch";
}

TEST_F(ChangedPathsTest, OfTheFirstPushAreAllFiles) {
  origin_.git({"symbolic-ref", "HEAD", "refs/heads/main"});
  const std::string first = origin_.push("main", {{"a", "1"}});
  origin_.push("main", {{"b", "1"}});
  EXPECT_EQ(load(push_of(kZeros, first)).changed.paths, Paths({"a"})) << "although the default branch has gone on";
}

TEST_F(ChangedPathsTest, NeedNoRemoteForWhatIsHere) {
  const std::string first = origin_.push("main", {{"a", "1"}});
  const std::string second = origin_.push("main", {{"b", "1"}});
  EXPECT_EQ(changed(first, second), Paths({"b"}));
  std::filesystem::rename(origin_.path(), origin_.path().native() + ".away");
  EXPECT_EQ(changed(first, second), Paths({"b"}));
  std::filesystem::rename(origin_.path().native() + ".away", origin_.path());
}

TEST_F(ChangedPathsTest, SurviveADamagedMirror) {
  const std::string first = origin_.push("main", {{"a/1", "1"}});
  const std::string second = origin_.push("main", {{"b/1", "1"}});
  EXPECT_EQ(changed(first, second), Paths({"b/1"}));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path() / "mirrors")) {
    if (entry.path().extension() != ".pack") continue;
    std::filesystem::permissions(entry.path(), std::filesystem::perms::owner_all);
    std::string bytes = read_file(entry.path(), 1u << 20);
    for (std::size_t i = 12; i < bytes.size(); ++i) bytes[i] = static_cast<char>(~bytes[i]);
    std::ofstream(entry.path(), std::ios::binary) << bytes;
  }
  Mirrors others({.directory = folder_.path() / "mirrors", .allow_file_protocol = true});
  EXPECT_EQ(load_changed_paths(others, push_of(first, second)).changed.paths, Paths({"b/1"}));
}

TEST_F(ChangedPathsTest, RefuseAMalformedId) {
  const std::string id = origin_.push("main", {{"a", "1"}});
  try {
    load(push_of("main", id));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "comparing with the commit \"main\": expected 40 hexadecimal digits");
  }
}

}  // namespace
}  // namespace penstock::git
