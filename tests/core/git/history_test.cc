#include "core/git/history.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "core/git/fetch.h"
#include "tests/core/git/test_repository.h"
#include "tests/support/loopback_server.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;

class HistoryTest : public ::testing::Test {
 protected:
  History history(const std::string& commit_id, const std::string& ref = "refs/heads/main", std::string url = "") {
    FetchRequest request;
    request.remote = url.empty() ? origin_.url() : url;
    request.commit_id = commit_id;
    request.ref = ref;
    Mirrors(options_).fetch(request);
    request.on_progress = [this](std::string_view line) { progress_.emplace_back(line); };
    progress_.clear();
    const Remote remote = parse_remote(request.remote);
    const Fetcher fetcher(options_, request, remote, std::chrono::steady_clock::now() + std::chrono::minutes(1));
    return fetch_history(mirror(), commit_id, fetcher);
  }
  fs::path mirror() const {
    for (const auto& entry : fs::recursive_directory_iterator(options_.directory)) {
      if (entry.path().extension() == ".git") return entry.path();
    }
    return {};
  }
  bool fetched() const {
    return std::any_of(progress_.begin(), progress_.end(),
                       [](const std::string& line) { return line.starts_with("fetching "); });
  }
  static std::vector<std::string> names(const History& history) {
    std::vector<std::string> result;
    for (const History::Tag& tag : history.tags) result.push_back(tag.name);
    return result;
  }
  void annotate(const std::string& name, const std::string& commit_id) const {
    origin_.git({"tag", "-a", "-m", "release", name, commit_id});
  }
  void TearDown() override {
    if (!path_.empty()) ::setenv("PATH", path_.c_str(), 1);
  }

  TemporaryDirectory folder_;
  TestRepository origin_;
  Mirrors::Options options_{.directory = folder_.path() / "mirrors", .allow_file_protocol = true};
  std::vector<std::string> progress_;
  std::string path_;
};

TEST_F(HistoryTest, IsTheCommitAloneWithoutTags) {
  const std::string last = origin_.push_many("main", 20).back();
  const History result = history(last);
  EXPECT_EQ(result.shallow, std::vector{last});
  EXPECT_TRUE(result.tags.empty());
  EXPECT_FALSE(fetched());
  EXPECT_EQ(read_file(mirror() / "shallow"), last + "\n");
}

TEST_F(HistoryTest, OfTheFirstCommitHasNoEnd) {
  const std::string id = origin_.push("main", {{"a", "1"}});
  EXPECT_TRUE(history(id).shallow.empty());
  annotate("v1", id);
  const History result = history(id);
  EXPECT_EQ(names(result), std::vector<std::string>{"refs/tags/v1"});
  EXPECT_FALSE(fetched()) << "the tag object alone is fetched";
}

TEST_F(HistoryTest, ReachesBackToTheTag) {
  const std::vector<std::string> commits = origin_.push_many("main", 200);
  for (const std::size_t behind : {3u, 49u, 50u, 120u}) {
    const std::string tagged = commits[199 - behind];
    annotate("v1", tagged);
    const History result = history(commits.back());
    EXPECT_EQ(result.shallow, std::vector{tagged}) << behind;
    ASSERT_EQ(result.tags.size(), 1u);
    EXPECT_EQ(result.tags[0].commit_id, tagged);
    EXPECT_EQ(result.tags[0].object_id, origin_.git({"rev-parse", "refs/tags/v1"}));
    origin_.git({"tag", "-d", "v1"});
  }
  EXPECT_TRUE(history(commits.back()).tags.empty()) << "a deleted tag counts no more";
  EXPECT_FALSE(fs::exists(mirror() / "refs" / "penstock" / "tags"));
  EXPECT_TRUE(fs::is_empty(mirror() / "refs" / "tags"));
}

TEST_F(HistoryTest, FetchesNothingThatIsHere) {
  const std::vector<std::string> commits = origin_.push_many("main", 30);
  annotate("v1", commits[3]);
  history(commits.back());
  EXPECT_TRUE(fetched());
  const std::string next = origin_.push("main", {{"b", "1"}});
  EXPECT_EQ(history(next).shallow, std::vector{commits[3]});
  EXPECT_FALSE(fetched());
}

TEST_F(HistoryTest, FindsTheAnnotatedTagBehindTheOthers) {
  const std::vector<std::string> commits = origin_.push_many("main", 30);
  annotate("v1", commits[5]);
  origin_.git({"tag", "build-7", commits[20]});
  origin_.git({"tag", "build-6", commits[10]});
  origin_.git({"tag", "stable", commits[5]});
  const History result = history(commits.back());
  EXPECT_EQ(names(result), (std::vector<std::string>{"refs/tags/build-7", "refs/tags/stable", "refs/tags/v1"}));
  EXPECT_EQ(result.shallow, std::vector{commits[5]});
}

TEST_F(HistoryTest, IsTheCommitAloneWhenNoTagIsBehindIt) {
  const std::vector<std::string> commits = origin_.push_many("main", 60);
  const std::string other = origin_.push("other", {{"b", "1"}});
  annotate("v1", other);
  origin_.git({"tag", "v2", other});
  origin_.git({"tag", "a-blob", origin_.blob("x")});
  const History result = history(commits[50]);
  EXPECT_TRUE(result.tags.empty());
  EXPECT_EQ(result.shallow, std::vector{commits[50]});
  EXPECT_NE(progress_.back().find("none of the remote's tags"), std::string::npos);
}

TEST_F(HistoryTest, DoesNotDependOnWhatTheMirrorHeldBefore) {
  const std::vector<std::string> commits = origin_.push_many("main", 300);
  annotate("v1", commits[20]);
  const History expected = history(commits.back());
  fs::remove_all(options_.directory);
  for (const int earlier : {10, 290, 150, 295, 299}) {
    annotate("at-" + std::to_string(earlier), commits[static_cast<std::size_t>(earlier)]);
    history(commits[static_cast<std::size_t>(earlier)]);
    origin_.git({"tag", "-d", "at-" + std::to_string(earlier)});
  }
  const History result = history(commits.back());
  EXPECT_EQ(result.shallow, expected.shallow);
  EXPECT_EQ(names(result), names(expected));
}

// What others read from the mirror stays as it was.
TEST_F(HistoryTest, DeepeningLeavesOpenSnapshotsAlone) {
  const std::vector<std::string> commits = origin_.push_many("main", 100);
  annotate("v1", commits[20]);
  FetchRequest request;
  request.remote = origin_.url();
  request.commit_id = commits[99];
  Mirrors mirrors(options_);
  const Snapshot snapshot = mirrors.fetch(request);
  history(commits[90]);
  history(commits[99]);
  const std::vector<TreeEntry> files = all_files(snapshot.reopen());
  ASSERT_EQ(files.size(), 1u);
  std::string content;
  snapshot.read_blob(files[0].object_id, [&](std::string_view piece) { content += piece; });
  EXPECT_EQ(content, "99");
  // And each commit of the history can be made an artifact of.
  request.commit_id = commits[60];
  EXPECT_EQ(all_files(mirrors.fetch(request)).size(), 1u);
}

TEST_F(HistoryTest, GoesByTheRefWhereIdsAreRefused) {
  const fs::path bin = folder_.path() / "bin";
  fs::create_directory(bin);
  const char* real = fs::exists("/usr/local/bin/git") ? "/usr/local/bin/git" : "/usr/bin/git";
  std::ofstream(bin / "git") << "#!/bin/sh\nexec " << real << " -c protocol.version=0 \"$@\"\n";
  ::chmod((bin / "git").c_str(), 0755);
  path_ = std::getenv("PATH");
  ::setenv("PATH", (bin.native() + ":" + path_).c_str(), 1);

  const std::vector<std::string> commits = origin_.push_many("main", 120);
  annotate("v1", commits[80]);
  EXPECT_EQ(history(commits[110]).shallow, std::vector{commits[80]});
}

TEST_F(HistoryTest, SaysWhenTheServerCannotBeAsked) {
  const std::string id = origin_.push("main", {{"a", "1"}});
  history(id);
  fs::remove_all(origin_.path());
  try {
    history(id);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotFound) << error.what();
  }
}

TEST_F(HistoryTest, ManyTagsAreNoBurden) {
  const std::vector<std::string> commits = origin_.push_many("main", 300);
  std::string refs = "# pack-refs with: peeled fully-peeled sorted \n";
  std::vector<std::string> lines;
  for (int i = 0; i < 20'000; ++i)
    lines.push_back(commits[static_cast<std::size_t>(i) % 250] + " refs/tags/build-" + std::to_string(i) + "\n");
  std::sort(lines.begin(), lines.end(),
            [](const std::string& a, const std::string& b) { return a.substr(41) < b.substr(41); });
  for (const std::string& line : lines) refs += line;
  std::ofstream(origin_.path() / "packed-refs") << refs << commits.back() << " refs/zzz/last\n";
  const History result = history(commits.back());
  EXPECT_EQ(result.shallow, std::vector{commits[249]});
  EXPECT_EQ(result.tags.size(), 80u);
  EXPECT_FALSE(fs::exists(mirror() / "packed-refs"));
}

// git's own server behind a web server.
TEST_F(HistoryTest, WorksOverHttp) {
  const std::vector<std::string> commits = origin_.push_many("main", 100);
  annotate("v1", commits[30]);
  annotate("v0", commits[3]);
  const std::string backend = origin_.git({"--exec-path"}) + "/git-http-backend";
  const testing::LoopbackServer server([&](const testing::ReceivedRequest& received) {
    const auto question = received.target.find('?');
    ProcessOptions process;
    process.argv = {backend};
    process.environment = {{"PATH", std::getenv("PATH")},
                           {"GIT_PROJECT_ROOT", origin_.path().parent_path().native()},
                           {"GIT_HTTP_EXPORT_ALL", "1"},
                           {"GIT_CONFIG_NOSYSTEM", "1"},
                           {"REQUEST_METHOD", received.method},
                           {"PATH_INFO", received.target.substr(0, question)},
                           {"QUERY_STRING", question == std::string::npos ? "" : received.target.substr(question + 1)},
                           {"CONTENT_TYPE", received.header("content-type")},
                           {"HTTP_CONTENT_ENCODING", received.header("content-encoding")},
                           {"CONTENT_LENGTH", std::to_string(received.body.size())},
                           {"GIT_PROTOCOL", received.header("git-protocol")}};
    process.standard_input = received.body;
    process.max_output_bytes = 16 << 20;
    const std::string output = run_process(process).standard_output;
    const auto end = output.find("\r\n\r\n");
    testing::ScriptedReply reply;
    if (end == std::string::npos) return testing::ScriptedReply{.status = 500};
    for (const std::string& line : split(output.substr(0, end), '\n')) {
      const auto colon = line.find(':');
      const std::string name = line.substr(0, colon), value(trim(std::string_view(line).substr(colon + 1)));
      if (name == "Status") {
        reply.status = std::atoi(value.c_str());
      } else {
        reply.headers.emplace_back(name, value);
      }
    }
    reply.body = output.substr(end + 4);
    return reply;
  });
  const History result = history(commits.back(), "refs/heads/main", server.url() + "/origin.git");
  EXPECT_EQ(result.shallow, std::vector{commits[30]});
  EXPECT_EQ(names(result), std::vector<std::string>{"refs/tags/v1"});
}

}  // namespace
}  // namespace penstock::git
