#include "core/hooks/path_filter.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::hooks {
namespace {

using Names = std::vector<std::string>;

PatternLists includes(Names patterns) {
  return {.includes = std::move(patterns)};
}
PatternLists excludes(Names patterns) {
  return {.excludes = std::move(patterns)};
}
PathRulesDefinition branches(PatternLists lists) {
  return {.triggers = {{.branches = std::move(lists)}}};
}
PathRulesDefinition tags(PatternLists lists) {
  return {.triggers = {{.tags = std::move(lists)}}};
}
PathRulesDefinition files(PatternLists lists) {
  return {.triggers = {{.file_paths = std::move(lists)}}};
}
PathRulesDefinition both(PatternLists branches, PatternLists files) {
  return {.triggers = {{.branches = std::move(branches), .file_paths = std::move(files)}}};
}
PathRulesDefinition ignoring(Names patterns) {
  return {.ignore_paths = std::move(patterns)};
}

// As the trigger stage does it.
FileVerdict judge(const PathRules& rules, const std::string& ref, const Names& changed, bool is_complete = true) {
  const auto by_ref = rules.judge_ref(ref);
  FileVerdict verdict;
  switch (by_ref.next) {
    case RefVerdict::Next::kPasses:
      verdict.passes = true;
      return verdict;
    case RefVerdict::Next::kRefused:
      verdict.reason = by_ref.reason;
      return verdict;
    case RefVerdict::Next::kNeedsFiles:
      break;
  }
  return rules.judge_files(ref, {.paths = changed, .is_complete = is_complete});
}

struct Case {
  const char* rule;  // what decides it
  PathRulesDefinition rules;
  const char* ref;
  Names changed;
  bool starts;
  const char* decided_by = "";  // the file
};

constexpr const char* kMain = "refs/heads/main";

TEST(PathRules, JudgeAsTheDocumentationOfV2Says) {
  const TriggerFilterDefinition on_main_docs{.branches = includes({"main"}), .file_paths = includes({"docs/**"})};
  const TriggerFilterDefinition on_release{.branches = includes({"release/*"})};
  const TriggerFilterDefinition on_tag{.tags = includes({"v*"})};
  const PatternLists java{.includes = {"**/*.java"}, .excludes = {"test/**"}};
  const std::vector<Case> cases = {
      {"no filter: every push starts", {}, kMain, {"a"}, true},
      {"no filter: tags as well", {}, "refs/tags/v1", {}, true},
      {"branches: only includes, only these", branches(includes({"main"})), kMain, {}, true},
      {"branches: only includes, no others", branches(includes({"main"})), "refs/heads/dev", {}, false},
      {"branches: the short name is compared", branches(includes({"heads/main"})), kMain, {}, false},
      {"branches: the name is compared as a whole", branches(includes({"main"})), "refs/heads/main2", {}, false},
      {"branches: includes are OR-ed", branches(includes({"dev", "main"})), kMain, {}, true},
      {"branches: only excludes, everything else", branches(excludes({"dev"})), kMain, {}, true},
      {"branches: only excludes, not these", branches(excludes({"main"})), kMain, {}, false},
      {"branches: excludes are OR-ed", branches(excludes({"dev", "main"})), kMain, {}, false},
      {"branches: exclude wins", branches({{"main*"}, {"main"}}), kMain, {}, false},
      {"branches: exclude wins only where it matches", branches({{"main*"}, {"main"}}), "refs/heads/main-2", {}, true},
      {"branches: case counts", branches(includes({"Main"})), kMain, {}, false},
      {"branches: a prefix with *", branches(includes({"main*"})), "refs/heads/mainline", {}, true},
      {"branches: * stops at /", branches(includes({"feature/*"})), "refs/heads/feature/a/b", {}, false},
      {"branches: ** crosses /", branches(includes({"feature/**"})), "refs/heads/feature/a/b", {}, true},
      {"branches: a folder's pattern does not match the folder",
       branches(includes({"feature/**"})),
       "refs/heads/feature",
       {},
       false},
      {"branches: ? is one character", branches(includes({"release-?"})), "refs/heads/release-12", {}, false},
      {"branches: [a-z]", branches(includes({"release-[0-9]"})), "refs/heads/release-1", {}, true},
      {"branches: [!x]", branches(includes({"release-[!0-9]"})), "refs/heads/release-1", {}, false},
      {"branches: {a,b}", branches(includes({"{main,release/*}"})), "refs/heads/release/1", {}, true},
      {"branches: a tag is no branch", branches(includes({"**"})), "refs/tags/main", {}, false},
      {"tags: included", tags(includes({"v*"})), "refs/tags/v1.0", {}, true},
      {"tags: not included", tags(includes({"v*"})), "refs/tags/x1", {}, false},
      {"tags: excluded", tags({{"v*"}, {"*-rc*"}}), "refs/tags/v1-rc2", {}, false},
      {"tags: a branch is no tag", tags(includes({"**"})), "refs/heads/v1", {}, false},
      {"tags: what a tag changes is not asked", tags(includes({"v*"})), "refs/tags/v1", {}, true},
      {"neither branch nor tag", branches(includes({"**"})), "refs/pull/1/merge", {}, false},
      {"filters are OR-ed: the first", {.triggers = {on_release, on_tag}}, "refs/heads/release/1", {}, true},
      {"filters are OR-ed: the second", {.triggers = {on_release, on_tag}}, "refs/tags/v1", {}, true},
      {"filters are OR-ed: none", {.triggers = {on_release, on_tag}}, kMain, {}, false},
      {"filters are OR-ed: one that does not look at files is enough",
       {.triggers = {on_main_docs, on_release}},
       "refs/heads/release/1",
       {"x"},
       true},
      {"filters are OR-ed: files of one, branch of the other",
       {.triggers = {on_main_docs, on_release}},
       kMain,
       {"x"},
       false},
      {"filters are OR-ed: one's exclude is not the other's",
       {.triggers = {{.file_paths = excludes({"docs/**"})}, {.file_paths = includes({"docs/api/**"})}}},
       kMain,
       {"docs/api/x"},
       true,
       "docs/api/x"},
      {"branches AND filePaths: both", both(includes({"main"}), includes({"src/**"})), kMain, {"src/a"}, true, "src/a"},
      {"branches AND filePaths: the branch only", both(includes({"main"}), includes({"src/**"})), kMain, {"a"}, false},
      {"branches AND filePaths: the file only",
       both(includes({"main"}), includes({"src/**"})),
       "refs/heads/dev",
       {"src/a"},
       false},
      {"filePaths without branches: every branch",
       files(includes({"src/**"})),
       "refs/heads/dev",
       {"src/a"},
       true,
       "src/a"},
      {"filePaths without branches: no tag", files(includes({"src/**"})), "refs/tags/v1", {"src/a"}, false},
      {"files: only includes, only these", files(includes({"src/**"})), kMain, {"docs/a"}, false},
      {"files: includes are OR-ed", files(includes({"src/**", "docs/**"})), kMain, {"docs/a"}, true, "docs/a"},
      {"files: only excludes, everything else", files(excludes({"docs/**"})), kMain, {"src/a"}, true, "src/a"},
      {"files: only excludes, not these", files(excludes({"docs/**"})), kMain, {"docs/a", "docs/b/c"}, false},
      {"files: excludes are OR-ed", files(excludes({"docs/**", "*.md"})), kMain, {"docs/a", "a.md"}, false},
      {"files: exclude wins", files(java), kMain, {"test/A.java"}, false},
      {"files: each is judged alone, an excluded one blocks nothing",
       files(java),
       kMain,
       {"test/A.java", "src/B.java"},
       true,
       "src/B.java"},
      {"files: each is judged alone, one not included blocks nothing",
       files(java),
       kMain,
       {"a.md", "src/B.java"},
       true,
       "src/B.java"},
      {"files: the first that counts decides", files(java), kMain, {"b/B.java", "a/A.java"}, true, "b/B.java"},
      {"files: excluded and not included together", files(java), kMain, {"a.md", "test/A.java"}, false},
      {"files: nothing changed, nothing matches", files(excludes({"docs/**"})), kMain, {}, false},
      {"files: the whole path is compared", files(includes({"a.md"})), kMain, {"docs/a.md"}, false},
      {"files: * stops at /", files(includes({"*.md"})), kMain, {"docs/a.md"}, false},
      {"files: * matches nothing as well", files(includes({"a*.md"})), kMain, {"a.md"}, true, "a.md"},
      {"files: ** crosses /", files(includes({"**.md"})), kMain, {"docs/a.md"}, true, "docs/a.md"},
      {"files: **/ wants a folder", files(includes({"**/*.java"})), kMain, {"A.java"}, false},
      {"files: **/ takes several folders",
       files(includes({"**/*.java"})),
       kMain,
       {"a/b/c/A.java"},
       true,
       "a/b/c/A.java"},
      {"files: ** in the middle", files(includes({"src/**/x.c"})), kMain, {"src/a/b/x.c"}, true, "src/a/b/x.c"},
      {"files: ? is no /", files(includes({"src?a"})), kMain, {"src/a"}, false},
      {"files: [abc]", files(includes({"config_[12].json"})), kMain, {"config_2.json"}, true, "config_2.json"},
      {"files: a class is no /", files(includes({"src[!x]a"})), kMain, {"src/a"}, false},
      {"files: {a,b}", files(includes({"**/*.{c,h}"})), kMain, {"src/a.h"}, true, "src/a.h"},
      {"files: {a,b} does not match the comma", files(includes({"a.{c,h}"})), kMain, {"a.c,h"}, false},
      {"files: backslash takes the next as it is",
       files(includes({"\\[id\\].tsx"})),
       kMain,
       {"[id].tsx"},
       true,
       "[id].tsx"},
      {"files: case counts", files(includes({"readme.md"})), kMain, {"README.md"}, false},
      {"files: case counts for excludes", files(excludes({"readme.md"})), kMain, {"README.md"}, true, "README.md"},
      {"files: letters beyond ASCII are characters",
       files(includes({"?.txt"})),
       kMain,
       {"\xC3\xA9.txt"},
       true,
       "\xC3\xA9.txt"},
      {"files: a name that is no UTF-8 is judged by its bytes",
       files(includes({"src/**"})),
       kMain,
       {"src/\xFF\xFE"},
       true,
       "src/\xFF\xFE"},
      {"files: names of dots are files as others",
       files(includes({"**"})),
       kMain,
       {".github/workflows/a"},
       true,
       ".github/workflows/a"},
      {"files: an odd name is reported, not refused",
       files(includes({"a/**"})),
       kMain,
       {"a/../../etc/passwd"},
       true,
       "a/../../etc/passwd"},
      {"ignorePaths: only these", ignoring({"**.md"}), kMain, {"readme.md", "docs/a.md"}, false},
      {"ignorePaths: another too", ignoring({"**.md"}), kMain, {"readme.md", "src/a.c"}, true, "src/a.c"},
      {"ignorePaths: nothing changed", ignoring({"**.md"}), kMain, {}, false},
      {"ignorePaths: tags change nothing, so they are not asked", ignoring({"**"}), "refs/tags/v1", {}, true},
      {"ignorePaths AND filePaths: ignored",
       {.triggers = {{.file_paths = java}}, .ignore_paths = {"gen/**"}},
       kMain,
       {"gen/A.java"},
       false},
      {"ignorePaths AND filePaths: neither",
       {.triggers = {{.file_paths = java}}, .ignore_paths = {"gen/**"}},
       kMain,
       {"gen/A.java", "src/A.java"},
       true,
       "src/A.java"},
      {"ignorePaths AND branches: the branch is refused",
       {.triggers = {{.branches = includes({"main"})}}, .ignore_paths = {"gen/**"}},
       "refs/heads/dev",
       {"a"},
       false},
      {"ignorePaths AND branches: all was ignored",
       {.triggers = {{.branches = includes({"main"})}}, .ignore_paths = {"gen/**"}},
       kMain,
       {"gen/a"},
       false},
  };
  EXPECT_GE(cases.size(), 60u);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.rule);
    const auto verdict = judge(PathRules(c.rules), c.ref, c.changed);
    EXPECT_EQ(verdict.passes, c.starts) << verdict.reason;
    EXPECT_EQ(verdict.decided_by ? verdict.decided_by->path : "", c.decided_by);
    EXPECT_TRUE(c.starts || !verdict.reason.empty());
  }
}

TEST(PathRules, LookAtEveryFileAndNotAtTheFirstHundred) {
  Names changed;
  for (int i = 0; i < 500; ++i) changed.push_back("docs/" + std::to_string(i));
  changed.push_back("src/a");
  EXPECT_TRUE(judge(PathRules(files(includes({"src/**"}))), kMain, changed).passes);
}

TEST(PathRules, SayWhichPatternDecided) {
  const PathRules rules({.triggers = {{.branches = includes({"main"}),
                                       .file_paths = PatternLists{{"docs/**", "src/**"}, {"**/test/**", "src/gen/**"}}},
                                      {.tags = excludes({"*-rc"})}},
                         .ignore_paths = {"**.md"}});
  const auto reason = [&](const std::string& ref, const Names& changed) { return judge(rules, ref, changed).reason; };
  EXPECT_EQ(reason(kMain, {"src/a.md", "src/a.c"}),
            "\"src/a.c\" was changed, which is included by triggers[0].filePaths.includes[1] \"src/**\"");
  EXPECT_EQ(reason(kMain, {"readme.md"}),
            "of 1 changed file none counts: 1 ignored (\"readme.md\" by ignorePaths[0] \"**.md\")");
  EXPECT_EQ(reason(kMain, {"a.md", "b.md", "src/gen/a", "x"}),
            "of 4 changed files none counts: 2 ignored (such as \"a.md\" by ignorePaths[0] \"**.md\"), 1 excluded "
            "(\"src/gen/a\" by triggers[0].filePaths.excludes[1] \"src/gen/**\"), 1 not included (\"x\")");
  EXPECT_EQ(reason(kMain, {}), "no file was changed");
  EXPECT_EQ(
      reason("refs/heads/dev", {}),
      "the branch \"dev\" is not included by triggers[0].branches.includes, and is no tag, as triggers[1] wants it");
  EXPECT_EQ(reason("refs/tags/v1-rc", {}),
            "the tag \"v1-rc\" is no branch, as triggers[0] wants it, and is excluded by triggers[1].tags.excludes[0] "
            "\"*-rc\"");
  EXPECT_EQ(judge(PathRules(files(excludes({"a"}))), kMain, {"b"}).reason, "\"b\" was changed, which is not excluded");
  EXPECT_EQ(judge(PathRules(ignoring({"a"})), kMain, {"b"}).reason, "\"b\" was changed, which is not ignored");
}

TEST(PathRules, StartWhenTheListOfFilesIsCutOff) {
  const PathRules rules(ignoring({"docs/**"}));
  const auto verdict = judge(rules, kMain, {"docs/a"}, false);
  EXPECT_TRUE(verdict.passes);
  EXPECT_EQ(verdict.decided_by, std::nullopt);
  EXPECT_EQ(verdict.reason,
            "more than 1 files were changed; none of these counts, but what the others are is not known");
}

TEST(PathRules, AskForFilesOnlyWhereTheyMatter) {
  using Next = RefVerdict::Next;
  const PathRules rules({.triggers = {{.branches = includes({"main"}), .file_paths = includes({"src/**"})},
                                      {.branches = includes({"release"})},
                                      {.tags = includes({"v*"})}}});
  EXPECT_TRUE(rules.looks_at_files());
  EXPECT_EQ(rules.judge_ref("refs/heads/main").next, Next::kNeedsFiles);
  EXPECT_FALSE(rules.judge_ref("refs/heads/main").wants_all_files);
  EXPECT_EQ(rules.judge_ref("refs/heads/release").next, Next::kPasses);
  EXPECT_EQ(rules.judge_ref("refs/heads/dev").next, Next::kRefused);
  EXPECT_EQ(rules.judge_ref("refs/tags/v1").next, Next::kPasses);
  EXPECT_FALSE(PathRules(branches(includes({"main"}))).looks_at_files());
  const PathRules routes({.routes = {{{"a/**"}, "a"}}});
  EXPECT_EQ(routes.judge_ref(kMain).next, Next::kNeedsFiles);
  EXPECT_TRUE(routes.judge_ref("refs/tags/v1").wants_all_files);
}

// The two of "Customizing triggers for AWS CodePipeline with AWS Lambda and Amazon CloudWatch Events".
TEST(PathRules, KeepTheDocumentationExample) {
  const PathRules rules(ignoring({"readme.md"}));
  const auto only = judge(rules, kMain, {"readme.md"});
  EXPECT_FALSE(only.passes);
  EXPECT_EQ(only.reason, "of 1 changed file none counts: 1 ignored (\"readme.md\" by ignorePaths[0] \"readme.md\")");
  EXPECT_TRUE(judge(rules, kMain, {"readme.md", "script.py"}).passes);
  EXPECT_TRUE(judge(rules, kMain, {"docs/readme.md"}).passes) << "another file";
  EXPECT_TRUE(judge(rules, kMain, {"manual.md", "readme.md"}).passes) << "renamed: both names count";
  EXPECT_TRUE(judge(rules, kMain, {"README.md"}).passes) << "case counts";
  EXPECT_FALSE(judge(PathRules(ignoring({"[Rr][Ee][Aa][Dd][Mm][Ee].[Mm][Dd]"})), kMain, {"README.md"}).passes);
}

TEST(PathRules, KeepTheConfigurationFilesExample) {
  for (const std::vector<RouteDefinition>& routes :
       {std::vector<RouteDefinition>{{{"config_1.json"}, "sandbox-pipeline-1"},
                                     {{"config_2.json"}, "sandbox-pipeline-2"}},
        std::vector<RouteDefinition>{{{"config_{number}.json"}, "sandbox-pipeline-{number}"}}}) {
    const PathRules rules({.routes = routes});
    const auto started = [&](const Names& changed) {
      Names names;
      for (const auto& found : judge(rules, kMain, changed).pipelines) names.push_back(found.pipeline);
      return names;
    };
    EXPECT_EQ(started({"config_1.json"}), Names({"sandbox-pipeline-1"}));
    EXPECT_EQ(started({"config_2.json"}), Names({"sandbox-pipeline-2"}));
    EXPECT_EQ(started({"config_1.json", "config_2.json"}), Names({"sandbox-pipeline-1", "sandbox-pipeline-2"}));
    EXPECT_EQ(started({"config_2.json", "config_1.json", "readme.md"}),
              Names({"sandbox-pipeline-2", "sandbox-pipeline-1"}));
    EXPECT_EQ(started({"Config_1.json"}), Names()) << "case counts";
    EXPECT_EQ(started({"buildspec.yml"}), Names());
    EXPECT_EQ(judge(rules, kMain, {"buildspec.yml"}).reason,
              "of 1 changed file none counts: 1 on no route (\"buildspec.yml\")");
  }
}

std::string refusal(PathRulesDefinition definition) {
  try {
    PathRules rules(std::move(definition));
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
    return error.what();
  }
}

TEST(PathRules, RefuseWhatCanNeverBeMeant) {
  const struct {
    PathRulesDefinition rules;
    const char* message;
  } cases[] = {
      {{.triggers = {{}}}, "triggers: expected branches, tags or filePaths"},
      {{.triggers = {{.tags = includes({"v*"})}, {}}}, "triggers[1]: expected branches, tags or filePaths"},
      {{.triggers = {{.branches = includes({"a"}), .tags = includes({"v*"})}}},
       "triggers: expected tags alone; write a filter of its own for branches"},
      {{.triggers = {{.tags = includes({"v*"}), .file_paths = includes({"a"})}}},
       "triggers: expected tags alone; write a filter of its own for filePaths"},
      {branches({}), "triggers.branches: expected includes or excludes"},
      {branches(includes({"a", "b["})),
       "triggers.branches.includes[1]: column 2: the character class opened here is not closed with ']'"},
      {branches(includes({"refs/heads/main"})),
       "triggers.branches.includes[0]: expected a pattern of names without \"refs/heads/\", found \"refs/heads/main\""},
      {files(excludes({""})), "triggers.filePaths.excludes[0]: expected a pattern, found \"\""},
      {files(includes({"/src/**"})),
       "triggers.filePaths.includes[0]: expected a pattern of paths from the repository's root, which begin without "
       "\"/\" and \"./\", found \"/src/**\""},
      {ignoring({"docs/"}),
       "ignorePaths[0]: expected a pattern of files; all below a folder is \"docs/**\", found \"docs/\""},
      {{.routes = {{{"a/{b"}, "x"}}},
       "routes[0].paths[0]: column 3: the alternatives opened here are not closed with '}'"},
      {{.routes = {{{"./a"}, "x"}}},
       "routes[0].paths[0]: expected a pattern of paths from the repository's root, which begin without \"/\" and "
       "\"./\", found \"./a\""},
      {{.routes = {{{"a/{b}/**", "c/**"}, "x-{b}"}}},
       "routes[0].targetPipeline: \"{b}\" is not captured by paths[1], which is \"c/**\""},
  };
  for (const auto& c : cases) EXPECT_EQ(refusal(c.rules), c.message);
}

TEST(PathRules, TellWhatIsWrongWithAPattern) {
  EXPECT_EQ(find_pattern_fault("src/**", PatternOf::kPaths), std::nullopt);
  EXPECT_EQ(find_pattern_fault("main", PatternOf::kRefNames), std::nullopt);
  EXPECT_EQ(find_pattern_fault("{service}/**", PatternOf::kRoutePaths), std::nullopt);
  EXPECT_EQ(find_pattern_fault("docs/", PatternOf::kPaths), "a pattern of files; all below a folder is \"docs/**\"");
  EXPECT_EQ(find_pattern_fault("refs/tags/v1", PatternOf::kRefNames), "a pattern of names without \"refs/tags/\"");
  EXPECT_EQ(find_pattern_fault("a[", PatternOf::kPaths),
            "a pattern (column 2: the character class opened here is not closed with ']')");
  EXPECT_EQ(find_pattern_fault("{s}/{s}", PatternOf::kRoutePaths), "a pattern (column 5: {s} is there twice)");
}

TEST(PathRules, AreTold) {
  const PathRules rules(ignoring({"**.md"}));
  EXPECT_EQ(to_json(judge(rules, kMain, {"readme.md"}), {.basis = "oldCommit", .base_commit_id = "1234", .changed = 1}),
            R"~({"basis":"oldCommit","baseCommitId":"1234","changed":1,"complete":true,"lookedAt":1,"ignored":1,)~"
            R"~("excluded":0,"notIncluded":0,"notRouted":0,"decidedBy":null,)~"
            R"~("reason":"of 1 changed file none counts: 1 ignored (\"readme.md\" by ignorePaths[0] \"**.md\")"})~");
  const PathRules routes({.routes = {{{"{s}/**"}, "{s}"}}});
  const std::string match = "{\"path\":\"a/\xEF\xBF\xBD\",\"pattern\":\"{s}/**\",\"where\":\"routes[0].paths[0]\"}";
  EXPECT_EQ(
      to_json(judge(routes, kMain, {"a/\xFF", "b c/x"}),
              {.basis = "allFiles", .note = "all files count", .changed = 2}),
      R"~({"basis":"allFiles","baseCommitId":null,"changed":2,"complete":true,"note":"all files count",)~"
      R"~("lookedAt":2,"ignored":0,"excluded":0,"notIncluded":0,"notRouted":0,"decidedBy":)~" +
          match + R"~(,"pipelines":[{"pipeline":"a","captures":{"s":"a"},"decidedBy":)~" + match +
          R"~(}],"notes":["\"b c/x\" by routes[0].paths[0] \"{s}/**\" leads to \"b c\", which cannot be the name )~"
          R"~(of a pipeline"],"reason":"the changed files lead to the pipeline \"a\" (\"a/)~" +
          "\xEF\xBF\xBD" + R"~(\" by routes[0].paths[0] \"{s}/**\")"})~");
}

using Events = std::vector<PullRequestEvent>;
constexpr auto kOpen = PullRequestEvent::kOpen, kUpdated = PullRequestEvent::kUpdated,
               kClosed = PullRequestEvent::kClosed;

TriggerFilterDefinition pull_request(PullRequestFilterDefinition filter) {
  return {.pull_request = std::move(filter)};
}

struct PullRequestCase {
  const char* rule;
  std::vector<TriggerFilterDefinition> triggers;
  std::optional<PullRequestEvent> event;  // none: a push to the branch
  const char* branch;
  Names changed;
  bool starts;
  const char* reason = "";  // why not
};

TEST(PathRules, JudgePullRequestsAsTheDocumentationOfV2Says) {
  const auto on_main = includes({"main", "release/*"});
  const PatternLists docs{.includes = {"docs/**"}, .excludes = {"docs/old/**"}};
  const TriggerFilterDefinition push_to_main{.branches = includes({"main"})};
  const std::vector<PullRequestCase> cases = {
      {"no condition: every event", {pull_request({})}, kOpen, "main", {}, true},
      {"no condition: CLOSED as well", {pull_request({})}, kClosed, "main", {}, true},
      {"no condition: pushes never",
       {pull_request({})},
       {},
       "main",
       {},
       false,
       "the branch \"main\" was pushed, and triggers.pullRequest is for pull requests"},
      {"events: one of them", {pull_request({.events = {kOpen, kUpdated}})}, kUpdated, "main", {}, true},
      {"events: no other",
       {pull_request({.events = {kOpen, kUpdated}})},
       kClosed,
       "main",
       {},
       false,
       "the pull request is CLOSED, which triggers.pullRequest.events do not name"},
      {"branches: the target's short name", {pull_request({.branches = on_main})}, kOpen, "release/2", {}, true},
      {"branches: others not",
       {pull_request({.branches = on_main})},
       kOpen,
       "dev",
       {},
       false,
       "the pull request goes to \"dev\", which is not included by triggers.pullRequest.branches.includes"},
      {"branches: exclude wins",
       {pull_request({.branches = PatternLists{{"**"}, {"dev*"}}})},
       kOpen,
       "dev2",
       {},
       false,
       "the pull request goes to \"dev2\", which is excluded by triggers.pullRequest.branches.excludes[0] \"dev*\""},
      {"events and branches are AND-ed",
       {pull_request({.events = {kOpen}, .branches = on_main})},
       kClosed,
       "main",
       {},
       false,
       "the pull request is CLOSED, which triggers.pullRequest.events do not name"},
      {"filePaths: one file is enough", {pull_request({.file_paths = docs})}, kOpen, "main", {"a", "docs/b"}, true},
      {"filePaths: each judged alone, exclude wins",
       {pull_request({.file_paths = docs})},
       kOpen,
       "main",
       {"a", "docs/old/b"},
       false,
       "of 2 changed files none counts: 1 excluded (\"docs/old/b\" by triggers.pullRequest.filePaths.excludes[0] "
       "\"docs/old/**\"), 1 not included (\"a\")"},
      {"several filters are OR-ed",
       {pull_request({.events = {kOpen}}), pull_request({.events = {kClosed}, .branches = on_main})},
       kClosed,
       "main",
       {},
       true},
      {"several filters: all reasons",
       {pull_request({.events = {kOpen}}), pull_request({.events = {kClosed}, .branches = on_main})},
       kClosed,
       "dev",
       {},
       false,
       "the pull request is CLOSED, which triggers[0].pullRequest.events do not name, and goes to \"dev\", which is "
       "not "
       "included by triggers[1].pullRequest.branches.includes"},
      {"push and pullRequest are OR-ed: a push",
       {push_to_main, pull_request({.events = {kOpen}})},
       {},
       "main",
       {},
       true},
      {"push and pullRequest are OR-ed: a pull request",
       {push_to_main, pull_request({.events = {kOpen}})},
       kOpen,
       "dev",
       {},
       true},
      {"a push filter is about pushes alone",
       {push_to_main, pull_request({.events = {kOpen}})},
       kClosed,
       "main",
       {},
       false,
       "the pull request is CLOSED, which triggers[1].pullRequest.events do not name"},
      {"push filters alone: no pull request",
       {push_to_main},
       kOpen,
       "main",
       {},
       false,
       "the event is about a pull request, and triggers have no pullRequest"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.rule);
    const PathRules rules({.triggers = c.triggers});
    const std::string ref = std::string("refs/heads/") + c.branch;
    const auto by_ref = rules.judge_ref(ref, c.event);
    if (by_ref.next != RefVerdict::Next::kNeedsFiles) {
      EXPECT_EQ(by_ref.next == RefVerdict::Next::kPasses, c.starts);
      EXPECT_EQ(by_ref.reason, c.reason);
      continue;
    }
    EXPECT_FALSE(by_ref.wants_all_files);
    const auto verdict = rules.judge_files(ref, {.paths = c.changed}, c.event);
    EXPECT_EQ(verdict.passes, c.starts);
    if (!c.starts) {
      EXPECT_EQ(verdict.reason, c.reason);
    }
  }
}

TEST(PathRules, RefusePullRequestFiltersBesideOthers) {
  const auto refusal = [](TriggerFilterDefinition filter) -> std::string {
    try {
      PathRules({.triggers = {std::move(filter)}});
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refusal({.branches = includes({"main"}), .pull_request = PullRequestFilterDefinition{}}),
            "triggers.pullRequest: expected it alone; write a filter of its own for what is pushed");
  EXPECT_EQ(refusal(pull_request({.branches = PatternLists{}})),
            "triggers.pullRequest.branches: expected includes or excludes");
  EXPECT_EQ(refusal(pull_request({.branches = includes({"refs/heads/main"})})),
            "triggers.pullRequest.branches.includes[0]: expected a pattern of names without \"refs/heads/\", found "
            "\"refs/heads/main\"");
  EXPECT_TRUE(PathRules({.triggers = {pull_request({})}}).looks_at_pull_requests());
  EXPECT_FALSE(PathRules({.triggers = {{.branches = includes({"main"})}}}).looks_at_pull_requests());
}

}  // namespace
}  // namespace penstock::hooks
