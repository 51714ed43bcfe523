#include "core/jobs/source_engine.h"

#include "core/base/digest.h"
#include "tests/core/jobs/jobs_fixture.h"

namespace penstock::jobs {
namespace {

class SourceEngineTest : public ::testing::Test {
 protected:
  SourceEngineTest()
      : repository_(directory_.path() / "repository"), mirrors_(mirror_options()), engine_(mirrors_, nullptr) {}

  git::Mirrors::Options mirror_options() const {
    git::Mirrors::Options options;
    options.directory = directory_.path() / "mirrors";
    options.allow_file_protocol = true;
    return options;
  }
  SourceRequest request(const std::string& revision) {
    SourceRequest request;
    request.fetch.remote = repository_.url();
    set_revision(request.fetch, revision);
    request.output = directory_.path() / "out.zip";
    request.log = [this](std::string_view line) { log_ += std::string(line) + "\n"; };
    return request;
  }

  // Of the artifact that was made last.
  std::string digest(const SourceResult& result) {
    const std::string bytes = read_file(directory_.path() / "out.zip");
    EXPECT_EQ(result.archive.bytes, bytes.size());
    return sha256_hex(bytes);
  }
  // Of one that is made without mirror or former artifact.
  std::string digest_of_fresh(SourceRequest request) {
    const TemporaryDirectory elsewhere;
    git::Mirrors::Options options = mirror_options();
    options.directory = elsewhere.path();
    git::Mirrors mirrors(options);
    request.output = elsewhere.path() / "fresh.zip";
    EXPECT_EQ(SourceEngine(mirrors, nullptr).make(request).archive.reused_entries, 0u);
    return sha256_hex(read_file(request.output));
  }

  TemporaryDirectory directory_;
  GitRepository repository_;
  git::Mirrors mirrors_;
  SourceEngine engine_;
  std::string log_;
};

TEST_F(SourceEngineTest, SameCommitMakesTheSameBytesByAnyName) {
  const std::string commit = repository_.commit("dir/a.txt", "content");
  std::set<std::string> digests;
  for (const std::string& revision : {commit, std::string("main"), std::string("refs/heads/main")}) {
    const SourceResult result = engine_.make(request(revision));
    EXPECT_EQ(result.commit.id, commit);
    EXPECT_EQ(result.archive.entries, 1u);
    digests.insert(digest(result));
  }
  EXPECT_EQ(digests.size(), 1u);
}

TEST_F(SourceEngineTest, SubdirectoryIsTheWholeArtifact) {
  repository_.commit("services/shop/a.txt", "a");
  repository_.commit("services/shopping/b.txt", "b");
  const std::string commit = repository_.commit("c.txt", "c");
  for (const char* folder : {"services/shop", "services/shop/", "./services//shop"}) {
    SourceRequest wanted = request(commit);
    wanted.options.subdirectory = folder;
    EXPECT_EQ(engine_.make(wanted).archive.entries, 1u) << folder;
  }
  for (const char* folder : {"nowhere", "..", "services/../services", "c.txt"}) {
    SourceRequest wanted = request(commit);
    wanted.options.subdirectory = folder;
    try {
      engine_.make(wanted);
      FAIL() << folder;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kConfiguration) << folder;
    }
  }
}

TEST_F(SourceEngineTest, SubmoduleIsAnEmptyFolderAndSaidSo) {
  const std::string commit = repository_.commit("a.txt", "a");
  repository_.git({"update-index", "--add", "--cacheinfo", "160000," + commit + ",library"});
  repository_.git({"commit", "-q", "-m", "Add a submodule"});
  const SourceResult result = engine_.make(request("main"));
  EXPECT_EQ(result.archive.entries, 2u);
  EXPECT_NE(log_.find("submodule \"library\" is an empty folder"), std::string::npos);
}

TEST_F(SourceEngineTest, UnchangedEntriesComeFromThePreviousArtifact) {
  for (int i = 0; i < 5; ++i) repository_.commit("file-" + std::to_string(i), std::string(5000, 'a'));
  SourceRequest first = request("main");
  first.output = directory_.path() / "first.zip";
  engine_.make(first);
  repository_.commit("file-0", "changed");
  SourceRequest second = request("main");
  second.previous = first.output;
  const SourceResult reused = engine_.make(second);
  EXPECT_EQ(reused.archive.reused_entries, 4u);
  EXPECT_EQ(digest(reused), digest_of_fresh(request("main")));
}

TEST_F(SourceEngineTest, TheLastArtifactOfTheSameOptionsIsThePreviousOne) {
  for (int i = 0; i < 5; ++i) repository_.commit("files/" + std::to_string(i), std::string(5000, 'a'));
  EXPECT_EQ(engine_.make(request("main")).archive.reused_entries, 0u);
  repository_.commit("files/0", "changed");
  // The output itself may be gone by then, as that of a job is.
  std::filesystem::remove(request("main").output);
  const SourceResult next = engine_.make(request("main"));
  EXPECT_EQ(next.archive.reused_entries, 4u);
  EXPECT_EQ(digest(next), digest_of_fresh(request("main")));
  EXPECT_EQ(engine_.make(request("main")).archive.reused_entries, 5u);

  SourceRequest other = request("main");
  other.options.compression = 1;
  EXPECT_EQ(engine_.make(other).archive.reused_entries, 0u);
  other = request("main");
  other.options.subdirectory = "./files/";
  EXPECT_EQ(engine_.make(other).archive.reused_entries, 0u);
  other.options.subdirectory = "files";
  EXPECT_EQ(engine_.make(other).archive.reused_entries, 5u);
  EXPECT_EQ(digest(engine_.make(other)), digest_of_fresh(other));
}

TEST_F(SourceEngineTest, WhatIsKeptAndDamagedIsMadeAgain) {
  for (int i = 0; i < 20; ++i)
    repository_.commit("files/" + std::to_string(i), std::string(5000, static_cast<char>('a' + i)));
  engine_.make(request("main"));
  const auto folder = mirrors_.folder_of(repository_.url());
  for (int round = 0; round < 3; ++round) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".zip") continue;
      std::string bytes = read_file(entry.path());
      bytes[100 + static_cast<std::size_t>(round) * 300] ^= 1;
      write_file_atomically(entry.path(), bytes);
    }
    repository_.commit("round", std::to_string(round));
    EXPECT_EQ(digest(engine_.make(request("main"))), digest_of_fresh(request("main")));
  }
}

TEST(SetRevision, TellsIdsRefsAndBranchesApart) {
  struct Case {
    std::string text, commit, ref;
  };
  const std::string id(40, 'a');
  const std::vector<Case> cases = {
      {id, id, ""},
      {std::string(40, 'A'), id, ""},
      {"main", "", "refs/heads/main"},
      {"feature/x", "", "refs/heads/feature/x"},
      {"refs/tags/v1", "", "refs/tags/v1"},
      {std::string(39, 'a'), "", "refs/heads/" + std::string(39, 'a')},
  };
  for (const Case& c : cases) {
    git::FetchRequest request;
    set_revision(request, c.text);
    EXPECT_EQ(request.commit_id, c.commit) << c.text;
    EXPECT_EQ(request.ref, c.ref) << c.text;
  }
}

TEST(OutputVariables, AreNamedAsCodeStarNamesThemAndKeepToTheLimits) {
  git::Commit commit;
  commit.id = std::string(40, 'b');
  commit.message = std::string(500'000, 'm');
  commit.author_name = "Ada";
  commit.author_time = from_milliseconds(1'772'359'200'000);
  const auto variables =
      output_variables(commit, "refs/heads/feature/x", "https://dev.azure.com/org/My%20Shop/_git/shop");
  EXPECT_EQ(variables.at("CommitId"), commit.id);
  EXPECT_EQ(variables.at("BranchName"), "feature/x");
  EXPECT_EQ(variables.at("AuthorDate"), "2026-03-01T10:00:00.000Z");
  EXPECT_EQ(variables.at("FullRepositoryName"), "My Shop/shop");
  EXPECT_EQ(variables.at("RepositoryName"), "shop");
  EXPECT_FALSE(variables.contains("AuthorEmail"));  // empty
  std::size_t total = 0;
  for (const auto& [name, value] : variables) total += name.size() + value.size();
  EXPECT_LE(total, 122'880u);
}

}  // namespace
}  // namespace penstock::jobs
