#include "core/jobs/source_tree.h"

#include <map>

#include "core/base/text.h"
#include "core/jobs/source_engine.h"
#include "tests/core/jobs/jobs_fixture.h"

namespace penstock::jobs {
namespace {

using Submodules = ArtifactOptions::Submodules;
using Contents = std::map<std::string, std::string>;  // folders end in '/'

class SourceTreeTest : public ::testing::Test {
 protected:
  GitRepository& repository(const std::string& name) {
    auto& made = repositories_[name];
    if (!made) made = std::make_unique<GitRepository>(directory_.path() / name);
    return *made;
  }
  // Adds one repository's head to another as a submodule.
  void add_submodule(GitRepository& to, const std::string& path, const std::string& url, const std::string& commit) {
    std::string gitmodules;
    const auto file = std::filesystem::path(to.url().substr(7)) / ".gitmodules";
    if (std::filesystem::exists(file)) gitmodules = read_file(file);
    gitmodules += "[submodule \"" + path + "\"]\n\tpath = " + path + "\n\turl = " + url + "\n";
    write_file_atomically(file, gitmodules);
    to.git({"add", ".gitmodules"});
    to.git({"update-index", "--add", "--cacheinfo", "160000," + commit + "," + path});
    to.git({"commit", "-q", "-m", "Add a submodule"});
  }
  std::string head(GitRepository& repository) { return repository.git({"rev-parse", "HEAD"}); }

  // What the tree of a repository's head gives out, in its order, and what its contents are.
  Contents contents(GitRepository& of, const ArtifactOptions& options, SubmoduleCredential credential = nullptr) {
    git::FetchRequest fetch;
    fetch.remote = of.url();
    fetch.ref = "refs/heads/main";
    SourceTree tree({.mirrors = mirrors_,
                     .lfs = nullptr,
                     .fetch = fetch,
                     .submodule_credential = std::move(credential),
                     .scratch = directory_.path()},
                    options, mirrors_.fetch(fetch));
    tree.start("");
    const archive::ContentReader reader = tree.contents();
    Contents found;
    std::string last;
    while (const auto entry = tree.next()) {
      const bool is_folder = entry->kind == archive::EntryKind::kDirectory;
      const std::string name = entry->path + (is_folder ? "/" : "");
      EXPECT_LT(last, name);
      last = name;
      std::string content;
      if (!is_folder) {
        reader.read(*entry, [&](std::string_view piece) { content += piece; });
        EXPECT_EQ(reader.size(*entry), content.size()) << name;
      }
      found[name] = content;
    }
    warnings_ = tree.warnings();
    return found;
  }
  std::string refusal(GitRepository& of, const ArtifactOptions& options, SubmoduleCredential credential = nullptr) {
    try {
      contents(of, options, std::move(credential));
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }

  TemporaryDirectory directory_;
  std::map<std::string, std::unique_ptr<GitRepository>> repositories_;
  git::Mirrors mirrors_{{.directory = directory_.path() / "mirrors", .allow_file_protocol = true}};
  std::vector<std::string> warnings_;
};

TEST_F(SourceTreeTest, SubmodulesStandInTheirPlaces) {
  GitRepository& deep = repository("deep");
  deep.commit("d.txt", "deep");
  GitRepository& library = repository("library");
  library.commit("include/l.h", "library");
  add_submodule(library, "third/deep", "../deep", head(deep));
  GitRepository& shop = repository("shop");
  shop.commit("lib-a.txt", "a");
  shop.commit("lib.txt", "b");
  shop.commit("lib/own.txt", "own");
  add_submodule(shop, "lib/x", "../library", head(library));
  const std::string pinned = head(library);
  library.commit("later.txt", "not part of it");
  add_submodule(shop, "empty", "../library", pinned);

  const std::string modules = contents(shop, {})[".gitmodules"];
  EXPECT_EQ(contents(shop, {}), (Contents{{".gitmodules", modules},
                                          {"empty/", ""},
                                          {"lib-a.txt", "a"},
                                          {"lib.txt", "b"},
                                          {"lib/own.txt", "own"},
                                          {"lib/x/", ""}}));
  EXPECT_EQ(warnings_.size(), 2u);
  Contents direct = contents(shop, {.submodules = Submodules::kDirect});
  const std::string inner = direct["empty/.gitmodules"];
  EXPECT_EQ(direct, (Contents{{".gitmodules", modules},
                              {"empty/.gitmodules", inner},
                              {"empty/include/l.h", "library"},
                              {"empty/third/deep/", ""},
                              {"lib-a.txt", "a"},
                              {"lib.txt", "b"},
                              {"lib/own.txt", "own"},
                              {"lib/x/.gitmodules", inner},
                              {"lib/x/include/l.h", "library"},
                              {"lib/x/third/deep/", ""}}));
  const Contents all = contents(shop, {.submodules = Submodules::kRecursive});
  EXPECT_EQ(all.at("lib/x/third/deep/d.txt"), "deep");
  EXPECT_EQ(all.at("empty/third/deep/d.txt"), "deep");
  EXPECT_TRUE(warnings_.empty());
  EXPECT_EQ(
      contents(shop, {.subdirectory = "lib", .submodules = Submodules::kRecursive}),
      (Contents{
          {"own.txt", "own"}, {"x/.gitmodules", inner}, {"x/include/l.h", "library"}, {"x/third/deep/d.txt", "deep"}}));
  EXPECT_EQ(contents(shop, {.include = {"**.h", "lib*"}, .exclude = {"empty/**"}, .submodules = Submodules::kDirect}),
            (Contents{{"lib-a.txt", "a"}, {"lib.txt", "b"}, {"lib/x/include/l.h", "library"}}));
}

TEST_F(SourceTreeTest, ASubmoduleThatIsLeftOutNeedNotBeThere) {
  GitRepository& shop = repository("shop");
  shop.commit("shop.txt", "shop");
  add_submodule(shop, "old/gone", "../gone", std::string(40, 'a'));
  for (const char* glob : {"old/gone", "old/gone/**", "old/**", "**/gone"}) {
    const Contents found = contents(shop, {.exclude = {glob}, .submodules = Submodules::kRecursive});
    EXPECT_EQ(found.size(), 2u) << glob;
    EXPECT_TRUE(found.contains("shop.txt")) << glob;
  }
  EXPECT_NE(refusal(shop, {.exclude = {"old/gone/*"}, .submodules = Submodules::kDirect}), "");
  shop.commit(".gitattributes", "/old export-ignore\n");
  EXPECT_EQ(contents(shop, {.submodules = Submodules::kDirect, .export_ignore = true}).size(), 3u);
}

TEST_F(SourceTreeTest, AnArtifactWithoutEntriesIsWarnedAbout) {
  GitRepository& shop = repository("shop");
  shop.commit("shop.txt", "shop");
  EXPECT_TRUE(contents(shop, {.include = {"shop"}}).empty());
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("nothing of the commit is selected"), std::string::npos);
  contents(shop, {});
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(SourceTreeTest, ASubmoduleThatCannotBeHadFailsWithItsPath) {
  GitRepository& shop = repository("shop");
  shop.commit("a", "a");
  add_submodule(shop, "gone", "../nowhere", std::string(40, 'a'));
  const ArtifactOptions direct{.submodules = Submodules::kDirect};
  EXPECT_NE(refusal(shop, direct).find("submodule \"gone\""), std::string::npos);
  const auto never = [](const std::string& remote, CredentialUse) -> git::Credential {
    throw Error(ErrorKind::kConfiguration, remote + " is not allowed");
  };
  EXPECT_NE(refusal(shop, direct, never).find("submodule \"gone\""), std::string::npos);
  EXPECT_NE(refusal(shop, direct, never).find("not allowed"), std::string::npos);
  EXPECT_EQ(refusal(shop, {}), "");

  GitRepository& silent = repository("silent");
  silent.commit("a", "a");
  silent.git({"update-index", "--add", "--cacheinfo", "160000," + std::string(40, 'b') + ",unlisted"});
  silent.git({"commit", "-q", "-m", "Add it without .gitmodules"});
  EXPECT_NE(refusal(silent, direct).find("\"unlisted\": .gitmodules has no path and url for it"), std::string::npos);
}

TEST_F(SourceTreeTest, GlobsSelectByThePathInTheArtifact) {
  GitRepository& shop = repository("shop");
  for (const char* name : {"a.c", "a.h", "docs/a.md", "services/cart/a.c", "services/cart/deep/a.c", "services/x.md"})
    shop.commit(name, name);
  const auto paths = [&](const ArtifactOptions& options) {
    std::vector<std::string> found;
    for (const auto& [path, content] : contents(shop, options)) found.push_back(path);
    return found;
  };
  using Paths = std::vector<std::string>;
  EXPECT_EQ(paths({.include = {"*.c"}}), (Paths{"a.c"}));
  EXPECT_EQ(paths({.include = {"**.c"}}), (Paths{"a.c", "services/cart/a.c", "services/cart/deep/a.c"}));
  EXPECT_EQ(paths({.exclude = {"**.md", "services/*/deep/**"}}), (Paths{"a.c", "a.h", "services/cart/a.c"}));
  EXPECT_EQ(paths({.include = {"services/**"}, .exclude = {"**.c"}}), (Paths{"services/x.md"}));
  EXPECT_EQ(paths({.subdirectory = "services", .include = {"*/*"}}), (Paths{"cart/a.c"}));
  EXPECT_EQ(paths({.include = {"nothing"}}), Paths());
}

TEST_F(SourceTreeTest, LeavesOutWhatAttributesSayAsGitArchiveDoes) {
  GitRepository& shop = repository("shop");
  shop.commit(".gitattributes", "docs/ export-ignore\n*.tmp export-ignore\n/lib/own export-ignore\n");
  shop.commit("docs/a", "x");
  shop.commit("sub/docs/a", "x");
  shop.commit("sub/.gitattributes", "keep.tmp -export-ignore\n.gitattributes export-ignore\n");
  shop.commit("sub/keep.tmp", "x");
  shop.commit("sub/drop.tmp", "x");
  shop.commit("lib/own", "x");
  shop.commit("lib/other", "x");
  Contents expected;
  EXPECT_EQ(contents(shop, {}).size(), 8u);
  for (const auto& [path, content] : contents(shop, {.export_ignore = true})) expected[path] = "";
  EXPECT_EQ(expected, (Contents{{".gitattributes", ""}, {"lib/other", ""}, {"sub/keep.tmp", ""}}));
  expected.clear();
  for (const auto& [path, content] : contents(shop, {.subdirectory = "sub", .export_ignore = true}))
    expected[path] = "";
  EXPECT_EQ(expected, (Contents{{"keep.tmp", ""}}));
}

TEST_F(SourceTreeTest, WarnsOfLinksThatLeadOutAndOfNamesThatClash) {
  GitRepository& shop = repository("shop");
  shop.commit("a/README", "x");
  shop.commit("a/readme", "x");
  const auto link = [&](const std::string& path, const std::string& target) {
    const auto file = std::filesystem::path(shop.url().substr(7)) / path;
    std::filesystem::create_directories(file.parent_path());
    std::filesystem::create_symlink(target, file);
  };
  link("a/b/inside", "../../a/README");
  link("a/b/up", "../../../etc");
  link("absolute", "/etc/passwd");
  link("dangling", "nowhere/at/all");
  link("a/turns", "b/../../a/./README");
  link("a/leaves and returns", "../../shop/a");
  shop.commit("z", std::string(5000, 'z'));
  shop.git({"update-index", "--add", "--cacheinfo", "120000," + shop.git({"rev-parse", "HEAD:z"}) + ",a/long"});
  shop.git({"commit", "-q", "-m", "Add a link that no system can make"});
  contents(shop, {});
  ASSERT_EQ(warnings_.size(), 5u);
  EXPECT_NE(warnings_[0].find("\"a/b/up\" points outside of the artifact, to \"../../../etc\""), std::string::npos);
  EXPECT_NE(warnings_[1].find("\"a/leaves and returns\""), std::string::npos);
  EXPECT_NE(warnings_[2].find("\"a/long\" points to a name of 5000 bytes"), std::string::npos);
  EXPECT_NE(warnings_[3].find("\"absolute\""), std::string::npos);
  EXPECT_NE(warnings_[4].find("\"a/readme\" differs from a neighbour in upper and lower case"), std::string::npos);
  EXPECT_NE(refusal(shop, {.refuse_outside_links = true}).find("`artifact.outsideLinks: refuse`"), std::string::npos);
  EXPECT_NE(refusal(shop, {.refuse_case_clashes = true}).find("`artifact.caseClashes: refuse`"), std::string::npos);
  // From a subdirectory more leads outside.
  contents(shop, {.subdirectory = "a/b"});
  EXPECT_EQ(warnings_.size(), 2u);
}

TEST_F(SourceTreeTest, GitMetadataStandsAmongTheFiles) {
  GitRepository& shop = repository("shop");
  shop.commit(".dotfile", "x");
  shop.commit(".gitattributes", "* text\n");
  shop.git({"tag", "v1"});
  const std::string commit = shop.commit("a", "x");
  const SourceEngine engine(mirrors_, nullptr);
  SourceRequest request;
  request.fetch.remote = shop.url();
  request.fetch.ref = "refs/heads/main";
  request.options.git_metadata = true;
  request.output = directory_.path() / "out.zip";
  const std::uint64_t entries = engine.make(request).archive.entries;
  EXPECT_GT(entries, 8u);
  const auto unpacked = directory_.path() / "unpacked";
  ProcessOptions unzip;
  unzip.argv = {"unzip", "-q", request.output.native(), "-d", unpacked.native()};
  unzip.environment = {{"PATH", std::getenv("PATH")}};
  ASSERT_TRUE(run_process(unzip).succeeded());
  const auto git = [&](std::vector<std::string> arguments) {
    ProcessOptions process;
    process.argv = {"git", "-C", unpacked.native()};
    process.argv.insert(process.argv.end(), arguments.begin(), arguments.end());
    process.environment = {{"PATH", std::getenv("PATH")}, {"HOME", "/nonexistent"}, {"GIT_CONFIG_NOSYSTEM", "1"}};
    const ProcessResult result = run_process(process);
    return std::string(trim(result.standard_output + result.standard_error));
  };
  EXPECT_EQ(git({"status", "--porcelain"}), "");
  EXPECT_EQ(git({"log", "-1", "--format=%H"}), commit);
  EXPECT_EQ(git({"describe", "--tags", "--abbrev=7"}), "v1-1-g" + commit.substr(0, 7));
  EXPECT_EQ(git({"rev-parse", "--abbrev-ref", "HEAD"}), "main");
  // Nothing of it is left beside the artifact, and the same comes again.
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
    EXPECT_FALSE(entry.path().filename().native().starts_with(".penstock-"));
  EXPECT_EQ(engine.make(request).archive.entries, entries);
  EXPECT_EQ(engine.make(request).archive.reused_entries, 3u);
}

}  // namespace
}  // namespace penstock::jobs
