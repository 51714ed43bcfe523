#include <gtest/gtest.h>

#include "core/config/settings.h"

namespace penstock::config {
namespace {

using Lines = std::vector<std::string>;

PatternChecks checks() {
  PatternChecks checks;
  checks.ref = [](const std::string& pattern) {
    return pattern == "bad ref" ? std::optional<std::string>("a good ref") : std::nullopt;
  };
  checks.path = [](const std::string& pattern) {
    return pattern == "bad path" ? std::optional<std::string>("a good path") : std::nullopt;
  };
  checks.route = [](const std::string& pattern) {
    return pattern == "bad route" ? std::optional<std::string>("a good route") : std::nullopt;
  };
  return checks;
}

// One webhook whose own lines follow from line 6.
std::string file_of(const std::string& webhook, const std::string& target = "targetPipeline: p") {
  return "endpoints: {e: {authentication: UNAUTHENTICATED}}\n"
         "credentials:\n"
         "  pat: {type: PAT, token: {secret: \"env:PAT\"}}\n"
         "webhooks:\n"
         "  - {name: w, " +
         target + ", targetAction: a, filters: [],\n" + webhook + "}\n";
}

Lines problems(const std::string& text) {
  Lines lines;
  for (const auto& problem : parse(text, "penstock.yaml", checks()).problems)
    lines.push_back(problem.to_string("penstock.yaml"));
  return lines;
}

Webhook webhook_of(const std::string& text) {
  auto result = parse(text, "penstock.yaml", checks());
  for (const auto& problem : result.problems) ADD_FAILURE() << problem.to_string("penstock.yaml");
  return result.settings.webhooks.empty() ? Webhook() : result.settings.webhooks[0];
}

TEST(PathConditions, AreReadFromOneFilterOrSeveral) {
  const auto one = webhook_of(
      file_of("triggers: {branches: {includes: [main, 'release/*']}, filePaths: {includes: ['src/**'], excludes: "
              "['**/*.md']}},\n ignorePaths: [docs/**, x]"));
  ASSERT_EQ(one.triggers.size(), 1u);
  EXPECT_EQ(one.triggers[0].branches->includes, Lines({"main", "release/*"}));
  EXPECT_EQ(one.triggers[0].branches->excludes, Lines());
  EXPECT_EQ(one.triggers[0].file_paths->includes, Lines({"src/**"}));
  EXPECT_EQ(one.triggers[0].file_paths->excludes, Lines({"**/*.md"}));
  EXPECT_FALSE(one.triggers[0].tags);
  EXPECT_EQ(one.ignore_paths, Lines({"docs/**", "x"}));
  EXPECT_FALSE(one.source);

  const auto pull_requests = webhook_of(
      file_of("triggers: [{branches: {includes: [main]}}, {pullRequest: {events: [OPEN, CLOSED], branches: {excludes: "
              "[dev]}, filePaths: {includes: [src/**]}}}, {pullRequest: {}}]"));
  ASSERT_EQ(pull_requests.triggers.size(), 3u);
  EXPECT_FALSE(pull_requests.triggers[0].pull_request);
  ASSERT_TRUE(pull_requests.triggers[1].pull_request);
  EXPECT_EQ(pull_requests.triggers[1].pull_request->events, Lines({"OPEN", "CLOSED"}));
  EXPECT_EQ(pull_requests.triggers[1].pull_request->branches->excludes, Lines({"dev"}));
  EXPECT_EQ(pull_requests.triggers[1].pull_request->file_paths->includes, Lines({"src/**"}));
  EXPECT_FALSE(pull_requests.triggers[1].branches);
  ASSERT_TRUE(pull_requests.triggers[2].pull_request);
  EXPECT_TRUE(pull_requests.triggers[2].pull_request->events.empty());

  const auto several = webhook_of(file_of("triggers: [{tags: {excludes: [v0*]}}, {branches: {includes: [main]}}]"));
  ASSERT_EQ(several.triggers.size(), 2u);
  EXPECT_EQ(several.triggers[0].tags->excludes, Lines({"v0*"}));
  EXPECT_TRUE(several.triggers[1].branches);

  const auto none = webhook_of(file_of("ignoreDeletes: true"));
  EXPECT_TRUE(none.triggers.empty() && none.ignore_paths.empty() && none.routes.empty());
}

TEST(PathConditions, RoutesStandInPlaceOfThePipeline) {
  const auto webhook = webhook_of(
      file_of("routes: [{paths: ['services/{service}/**', '{service}.yaml'], targetPipeline: 'shop-{service}'},\n"
              "  {paths: [libs/**], targetPipeline: all}], source: {remote: 'https://h/x', credentials: pat}",
              "endpoint: e"));
  ASSERT_EQ(webhook.routes.size(), 2u);
  EXPECT_EQ(webhook.routes[0].paths, Lines({"services/{service}/**", "{service}.yaml"}));
  EXPECT_EQ(webhook.routes[0].target_pipeline, "shop-{service}");
  EXPECT_EQ(webhook.target_pipeline, "");
  EXPECT_EQ(webhook.source->remote, "https://h/x");
  EXPECT_EQ(webhook.source->credentials, Lines({"pat"}));
}

TEST(PathConditions, AreFoundOutAsChangedPathsSays) {
  const auto defaults = parse("dataDirectory: /x", "f", checks()).settings.changed_paths;
  EXPECT_EQ(defaults.timeout, std::chrono::minutes(30));
  EXPECT_EQ(defaults.when_unknown, ChangedPaths::WhenUnknown::kStart);
  EXPECT_EQ(defaults.new_branch, ChangedPaths::NewBranch::kMergeBase);
  const auto set = parse("changedPaths: {timeout: 5m, whenUnknown: fail, newBranch: allFiles}", "f", checks());
  EXPECT_TRUE(set.problems.empty());
  EXPECT_EQ(set.settings.changed_paths.timeout, std::chrono::minutes(5));
  EXPECT_EQ(set.settings.changed_paths.when_unknown, ChangedPaths::WhenUnknown::kFail);
  EXPECT_EQ(set.settings.changed_paths.new_branch, ChangedPaths::NewBranch::kAllFiles);
}

TEST(PathConditions, AreRefusedWithTheLine) {
  const std::string long_pattern(256, 'x');
  std::string nine, routes;
  for (int i = 0; i < 9; ++i) nine += (i == 0 ? "a" : ", a") + std::to_string(i);
  for (int i = 0; i < 1'001; ++i) routes += "{paths: [a], targetPipeline: p},";
  struct Case {
    std::string webhook, problem;
  };
  for (const auto& c : std::vector<Case>{
           {"triggers: main",
            "webhooks[0].triggers: expected a mapping with branches, tags, filePaths or pullRequest, or a list of "
            "such; found a "
            "text"},
           {"triggers: []", "webhooks[0].triggers: expected at least one filter, found an empty list"},
           {"triggers: {}",
            "webhooks[0].triggers: expected branches, tags, filePaths or pullRequest, found an empty mapping"},
           {"triggers: [{tags: {includes: [a]}}, {}]",
            "webhooks[0].triggers: expected branches, tags, filePaths or pullRequest, found an empty mapping"},
           {"triggers: [{tags: {includes: [a]}}, {tags: {includes: [a]}}, {tags: {includes: [a]}}, {tags: {includes: "
            "[a]}}]",
            "webhooks[0].triggers: expected at most 3 filters, found 4"},
           {"triggers: {branch: {includes: [a]}}",
            "webhooks[0].triggers.branch: unknown key; did you mean \"branches\"?"},
           {"triggers: {branches: {includes: [a]},\n tags: {includes: [a]}}",
            "webhooks[0].triggers.branches: expected tags alone, found branches beside it; write two filters"},
           {"triggers: {tags: {includes: [a]}, filePaths: {includes: [a]}}",
            "webhooks[0].triggers.filePaths: expected tags alone, found filePaths beside it; write two filters"},
           {"triggers: {pullRequest: {events: [OPEN, open]}}",
            "webhooks[0].triggers.pullRequest.events[1]: expected OPEN, UPDATED or CLOSED, found \"open\""},
           {"triggers: {pullRequest: {events: []}}",
            "webhooks[0].triggers.pullRequest.events: expected at least one of OPEN, UPDATED and CLOSED, found an "
            "empty "
            "list"},
           {"triggers: {pullRequest: {event: [OPEN]}}",
            "webhooks[0].triggers.pullRequest.event: unknown key; did you mean \"events\"?"},
           {"triggers: {pullRequest: {tags: {includes: [a]}}}",
            "webhooks[0].triggers.pullRequest.tags: unknown key; expected one of \"events\", \"branches\", "
            "\"filePaths\""},
           {"triggers: {pullRequest: {branches: {includes: [bad ref]}}}",
            "webhooks[0].triggers.pullRequest.branches.includes[0]: expected a good ref, found \"bad ref\""},
           {"triggers: {pullRequest: [OPEN]}", "webhooks[0].triggers.pullRequest: expected a mapping, found a list"},
           {"triggers: {branches: {includes: [a]}, pullRequest: {events: [OPEN]}}",
            "webhooks[0].triggers.branches: expected pullRequest alone, found branches beside it; write two filters"},
           {"triggers: [{pullRequest: {}}, {pullRequest: {}}, {pullRequest: {}}, {pullRequest: {}}]",
            "webhooks[0].triggers: expected at most 3 filters with pullRequest, found 4"},
           {"triggers: {branches: {}}", "webhooks[0].triggers.branches: expected includes or excludes, found neither"},
           {"triggers: {branches: [main]}", "webhooks[0].triggers.branches: expected a mapping, found a list"},
           {"triggers: {branches: {includes: []}}",
            "webhooks[0].triggers.branches.includes: expected at least one pattern, found an empty list"},
           {"triggers: {branches: {includes: [" + nine + "]}}",
            "webhooks[0].triggers.branches.includes: expected at most 8 patterns, found 9"},
           {"triggers: {filePaths: {excludes: ['']}}",
            "webhooks[0].triggers.filePaths.excludes[0]: expected a pattern of 1 to 255 characters, found \"\""},
           {"triggers: {filePaths: {excludes: [a, bad path]}}",
            "webhooks[0].triggers.filePaths.excludes[1]: expected a good path, found \"bad path\""},
           {"triggers: {tags: {excludes: [bad ref]}}",
            "webhooks[0].triggers.tags.excludes[0]: expected a good ref, found \"bad ref\""},
           {"ignorePaths: [bad path]", "webhooks[0].ignorePaths[0]: expected a good path, found \"bad path\""},
           {"ignorePaths: docs", "webhooks[0].ignorePaths: expected a list of texts, found a text"},
           {"routes: [{paths: [a], targetPipeline: p}]",
            "webhooks[0].targetPipeline: expected only without routes, which name the pipelines themselves"},
           {"source: {remote: 'https://h/x', credentials: pad}",
            "webhooks[0].source.credentials: expected a name under credentials, found \"pad\"; did you mean \"pat\"?"},
           {"source: {credentials: pat}", "webhooks[0].source.remote: expected a text, found nothing"},
           {"source: {remote: '/srv/x'}",
            "webhooks[0].source.remote: expected https:// or ssh://, found \"/srv/x\"; local repositories need "
            "git.allowFileProtocol: true"},
       }) {
    const Lines found = problems(file_of(c.webhook));
    ASSERT_EQ(found.size(), 1u) << c.webhook << (found.size() > 1 ? "\n" + found[0] + "\n" + found[1] : "");
    EXPECT_EQ(found[0].substr(0, 14), "penstock.yaml:") << c.webhook;
    EXPECT_EQ(found[0].substr(found[0].find(": ") + 2), c.problem);
  }
  EXPECT_EQ(problems(file_of("triggers:\n {branches:\n {includes:\n [main,\n '" + long_pattern + "']}}")),
            Lines({"penstock.yaml:10: webhooks[0].triggers.branches.includes[1]: expected a pattern of 1 to 255 "
                   "characters, found \"" +
                   long_pattern.substr(0, 199) + "\xE2\x80\xA6\""}));
  for (const auto& c : std::vector<Case>{
           {"routes: []", "webhooks[0].routes: expected at least one route, found an empty list"},
           {"routes: [" + routes + "]", "webhooks[0].routes: expected at most 1000 routes, found 1001"},
           {"routes: [{targetPipeline: p}]", "webhooks[0].routes[0].paths: expected a list of patterns, found nothing"},
           {"routes: [{paths: [a]}]", "webhooks[0].routes[0].targetPipeline: expected a text, found nothing"},
           {"routes: [{paths: [bad route], targetPipeline: p}]",
            "webhooks[0].routes[0].paths[0]: expected a good route, found \"bad route\""},
           {"routes: [{paths: [a], targetPipeline: 'my p'}]",
            "webhooks[0].routes[0].targetPipeline: expected the name of a pipeline, in which {name} may stand for what "
            "a "
            "path captures, found \"my p\""},
           {"routes: [{paths: ['{a}/**', b], targetPipeline: 'x-{a}'}]",
            "webhooks[0].routes[0].targetPipeline: expected names that each path captures, found \"{a}\", which is not "
            "in "
            "\"b\""},
       }) {
    const Lines found = problems(file_of(c.webhook, "endpoint: e"));
    ASSERT_EQ(found.size(), 1u) << c.webhook << (found.size() > 1 ? "\n" + found[0] + "\n" + found[1] : "");
    EXPECT_EQ(found[0], "penstock.yaml:6: " + c.problem);
  }
}

}  // namespace
}  // namespace penstock::config
