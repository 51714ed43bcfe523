#include "core/hooks/route.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/hooks/path_filter.h"

namespace penstock::hooks {
namespace {

using Names = std::vector<std::string>;

std::string refusal(RouteDefinition definition) {
  try {
    const Route route(std::move(definition));
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
    return error.what();
  }
}

TEST(Route, CapturesPartsOfPaths) {
  const struct {
    const char* pattern;
    const char* path;
    const char* captured;  // "-" = no match
  } cases[] = {
      {"services/{s}/**", "services/cart/src/a.c", "s=cart"},
      {"services/{s}/**", "services/cart", "-"},
      {"services/{s}/**", "services//a", "-"},
      {"services/{s}/**", "services/Cart/a", "s=Cart"},
      {"config_{n}.json", "config_12.json", "n=12"},
      {"config_{n}.json", "config_.json", "-"},
      {"config_{n}.json", "config_1/2.json", "-"},
      {"{a}/{b}/**", "x/y/z", "a=x b=y"},
      {"{a}-{b}", "x-y-z", "a=x b=y-z"},
      {"**/{module}/src/**", "a/b/src/c/src/d", "module=b"},
      {"{a,b}/{s}.txt", "b/x.txt", "s=x"},
      {"{a,ab}{s}.txt", "abc.txt", "s=bc"},
      {"[ab]?/{s}", "bz/x", "s=x"},
      {"*.{ext}", "a.b.c", "ext=b.c"},
      {"{s}**", "a/b", "s=a"},
      {"{s}*/x", "abc/x", "s=a"},
      {"{s}", "\xC3\xA9\xFF", "s=\xC3\xA9\xFF"},
      {"\\{s\\}/{s}", "{s}/x", "s=x"},
      {"plain", "plain", ""},
      {"{my-service_2}", "x", "my-service_2=x"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.pattern) + " on " + c.path);
    const Glob glob = Glob::compile_with_captures(c.pattern);
    const auto values = glob.capture(c.path);
    EXPECT_EQ(values.has_value(), glob.matches(c.path));
    std::string text = values ? "" : "-";
    for (std::size_t i = 0; values && i < values->size(); ++i) {
      text += (i == 0 ? "" : " ") + glob.capture_names()[i] + "=" + std::string((*values)[i]);
    }
    EXPECT_EQ(text, c.captured);
  }
}

// What is captured, put in the place of the names, is a pattern that the path still matches.
TEST(Route, CapturesWhatMatches) {
  std::mt19937 random(11);
  const std::vector<std::string> parts = {"a", "b", "/", "*", "**", "?", "[ab]", "{a,b/}", "{,a*}", "{x}", "{y}"};
  const std::vector<std::string> letters = {"a", "b", "/", "\xC3\xA9", "\xFF"};
  std::size_t captured = 0;
  for (int round = 0; round < 4'000; ++round) {
    std::vector<std::string> chosen;
    for (std::size_t left = 1 + random() % 5; left > 0; --left) {
      const std::string& part = parts[random() % parts.size()];
      const bool is_name = part == "{x}" || part == "{y}";
      if (!is_name || std::find(chosen.begin(), chosen.end(), part) == chosen.end()) chosen.push_back(part);
    }
    std::string pattern, text;
    for (const auto& part : chosen) pattern += part;
    for (std::size_t left = random() % 8; left > 0; --left) text += letters[random() % letters.size()];
    const Glob glob = Glob::compile_with_captures(pattern);
    const auto values = glob.capture(text);
    ASSERT_EQ(values.has_value(), glob.matches(text)) << pattern << " on " << text;
    if (!values || values->empty()) continue;
    ++captured;
    std::string filled;
    for (const auto& part : chosen) {
      const auto names = glob.capture_names();
      const auto name = std::find(names.begin(), names.end(), part.substr(1, part.size() - 2));
      const bool is_name = part.starts_with('{') && name != names.end();
      filled += is_name ? escape_glob((*values)[static_cast<std::size_t>(name - names.begin())]) : part;
    }
    for (const auto& value : *values) EXPECT_EQ(value.find('/'), std::string_view::npos);
    EXPECT_TRUE(Glob::compile(filled, SlashMeaning::kSeparator).matches(text)) << pattern << " on " << text;
  }
  EXPECT_GT(captured, 100u);
}

TEST(Route, CapturesInBoundedTime) {
  std::string pattern;
  for (int i = 0; i < 40; ++i) pattern += "*{a,aa}{c" + std::to_string(i) + "}";
  const Glob glob = Glob::compile_with_captures(pattern + "b");
  EXPECT_FALSE(glob.capture(std::string(2'000, 'a')));
  EXPECT_TRUE(glob.capture(std::string(2'000, 'a') + "b"));
}

TEST(Route, RefusesWhatNamesNoPipeline) {
  const struct {
    RouteDefinition route;
    const char* message;
  } cases[] = {
      {{{}, "x"}, "paths: expected at least one pattern"},
      {{{"a"}, ""}, "targetPipeline: expected the name of a pipeline, found nothing"},
      {{{"a"}, "my pipeline"},
       "targetPipeline: expected letters, digits, \".\", \"@\", \"-\", \"_\" and {name}, found \"my pipeline\""},
      {{{"a"}, "x/{s}"},
       "targetPipeline: expected letters, digits, \".\", \"@\", \"-\", \"_\" and {name}, found \"x/{s}\""},
      {{{"{s}"}, "{t}"}, "targetPipeline: \"{t}\" is not captured by paths[0], which is \"{s}\""},
      {{{"{s}"}, "x-{s"}, "targetPipeline: the name opened by '{' is not closed with '}'"},
      {{{"{s}"}, std::string(100, 'x') + "{s}"}, "targetPipeline: expected at most 100 characters"},
      {{{"{s}/{s}"}, "{s}"}, "paths[0]: column 5: {s} is there twice"},
      {{{"{}"}, "x"},
       "paths[0]: column 1: expected a name of letters, digits, \"_\" and \"-\" in the braces, or alternatives with "
       "commas"},
      {{{"a", "{a b}"}, "x"},
       "paths[1]: column 1: expected a name of letters, digits, \"_\" and \"-\" in the braces, or alternatives with "
       "commas"},
  };
  for (const auto& c : cases) EXPECT_EQ(refusal(c.route), c.message);
}

class RoutesTest : public ::testing::Test {
 protected:
  static FileVerdict judge(const PathRulesDefinition& rules, const Names& changed, bool is_complete = true) {
    return PathRules(rules).judge_files("refs/heads/main", {.paths = changed, .is_complete = is_complete});
  }
  static std::string started(const FileVerdict& verdict) {
    std::string text;
    for (const auto& [pipeline, captures, match] : verdict.pipelines) text += pipeline + "<" + match.path + " ";
    return text;
  }
};

TEST_F(RoutesTest, StartEachPipelineOnceWithItsFirstFile) {
  const auto verdict = judge({.routes = {{{"services/{service}/**"}, "{service}"}, {{"libs/**"}, "shop"}}},
                             {"libs/a", "services/cart/a", "services/cart/b", "services/shop/x", "z"});
  EXPECT_TRUE(verdict.passes);
  EXPECT_EQ(started(verdict), "shop<libs/a cart<services/cart/a ");
  EXPECT_EQ(verdict.pipelines[1].captures, Route::Captures({{"service", "cart"}}));
  EXPECT_EQ(verdict.pipelines[1].decided_by.where, "routes[0].paths[0]");
  EXPECT_EQ(verdict.reason,
            "the changed files lead to 2 pipelines: \"shop\" (\"libs/a\" by routes[1].paths[0] \"libs/**\"), \"cart\" "
            "(\"services/cart/a\" by routes[0].paths[0] \"services/{service}/**\")");
  EXPECT_EQ(verdict.not_routed, 1u);
}

TEST_F(RoutesTest, LeadOneFileToSeveralPipelines) {
  EXPECT_EQ(started(judge({.routes = {{{"**"}, "all"}, {{"a/**"}, "a"}, {{"a/**", "b/**"}, "ab"}}}, {"a/x"})),
            "all<a/x a<a/x ab<a/x ");
}

TEST_F(RoutesTest, TakeOnlyFilesThatCount) {
  EXPECT_EQ(started(judge({.triggers = {{.file_paths = PatternLists{.excludes = {"**/test/**"}}}},
                           .ignore_paths = {"**.md"},
                           .routes = {{{"{s}/**"}, "{s}"}}},
                          {"a/readme.md", "b/test/x", "c/x"})),
            "c<c/x ");
}

TEST_F(RoutesTest, SayWhatCanNameNoPipeline) {
  const auto verdict = judge({.routes = {{{"{s}/**"}, "shop-{s}"}}}, {"my cart/a", "my cart/b", "x/y"});
  EXPECT_EQ(started(verdict), "shop-x<x/y ");
  EXPECT_EQ(verdict.notes, Names({"\"my cart/a\" by routes[0].paths[0] \"{s}/**\" leads to \"shop-my cart\", which "
                                  "cannot be the name of a pipeline"}));
  EXPECT_FALSE(judge({.routes = {{{"{s}/**"}, "shop-{s}"}}}, {"my cart/a"}).passes);
  EXPECT_FALSE(judge({.routes = {{{"{s}/**"}, "{s}"}}}, {std::string(101, 'x') + "/a"}).passes);
}

TEST_F(RoutesTest, AreBounded) {
  Names changed;
  for (int i = 0; i < 2'000; ++i) changed.push_back("s" + std::to_string(i) + "/a");
  for (int i = 0; i < 50; ++i) changed.push_back("s " + std::to_string(i) + "/a");
  const auto verdict = judge({.routes = {{{"{s}/**"}, "{s}"}}}, changed);
  EXPECT_EQ(verdict.pipelines.size(), PathRules::kMaxPipelines);
  ASSERT_EQ(verdict.notes.size(), 22u);
  EXPECT_EQ(verdict.notes[20], "30 other names cannot be those of pipelines either");
  EXPECT_EQ(verdict.notes[21], "1000 other pipelines are left out: one push starts at most 1000");
}

TEST_F(RoutesTest, StartKnownPipelinesWhenTheListOfFilesIsCutOff) {
  const auto verdict = judge({.routes = {{{"a/**"}, "a"}, {{"{s}/**"}, "{s}"}, {{"c/**"}, "c"}}}, {"b/x"}, false);
  EXPECT_EQ(started(verdict), "b<b/x a< c< ");
  EXPECT_EQ(verdict.notes,
            Names({"\"a\" is started although none of the listed files leads there: more than 1 files were changed",
                   "routes[1] may lead to other pipelines as well: more than 1 files were changed",
                   "\"c\" is started although none of the listed files leads there: more than 1 files were changed"}));
}

}  // namespace
}  // namespace penstock::hooks
