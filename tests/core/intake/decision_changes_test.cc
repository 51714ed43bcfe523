#include "core/intake/decision_changes.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::intake {
namespace {

std::string decision(const std::string& webhook, bool matched, const std::string& filters,
                     const std::string& more = "") {
  return R"({"webhook":")" + webhook + R"(","targetPipeline":"shop","targetAction":"Source","ref":"refs/heads/main",)" +
         R"("commitId":"1","matched":)" + (matched ? "true" : "false") + R"(,"reason":")" +
         (matched ? "all filters passed" : "filter 1 did not match") + R"(","filters":[)" + filters + "]" + more + "}";
}

std::string filter(const std::string& expected, bool matched, const std::string& path = "$.a",
                   const std::string& condition = "matchEquals") {
  return R"({"jsonPath":")" + path + R"(","condition":")" + condition + R"(","expected":")" + expected +
         R"(","selected":["x"],"selectedCount":1,"matched":)" + (matched ? "true" : "false") + "}";
}

std::vector<DecisionChange> compare(const std::string& then, const std::string& now) {
  return compare_decisions("[" + then + "]", "[" + now + "]");
}

TEST(CompareDecisions, FindsNothingInTheSame) {
  const std::string same = decision("w", true, filter("x", true) + "," + filter("y", true, "$.b"));
  EXPECT_TRUE(compare(same, same).empty());
  // The order of filters decides nothing.
  EXPECT_TRUE(compare(same, decision("w", true, filter("y", true, "$.b") + "," + filter("x", true))).empty());
  EXPECT_TRUE(compare_decisions("[]", "[]").empty());
}

TEST(CompareDecisions, TellsWebhooksThatCameAndWent) {
  const auto changes = compare(decision("gone", true, "") + "," + decision("kept", true, ""),
                               decision("kept", true, "") + "," + decision("new", false, filter("y", false)));
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].webhook, "new");
  EXPECT_EQ(changes[0].ref, "refs/heads/main");
  EXPECT_FALSE(changes[0].then);
  EXPECT_FALSE(changes[0].now->matched);
  EXPECT_TRUE(changes[0].filters.empty());
  EXPECT_EQ(changes[1].webhook, "gone");
  EXPECT_FALSE(changes[1].now);
  EXPECT_TRUE(changes[1].then->matched);
}

TEST(CompareDecisions, TellsAFilterWhoseVerdictChangedWithWhatItSaw) {
  const auto changes = compare(decision("w", false, filter("y", false)), decision("w", true, filter("x", true)));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_FALSE(changes[0].then->matched);
  EXPECT_TRUE(changes[0].now->matched);
  ASSERT_EQ(changes[0].filters.size(), 1u);
  const FilterChange& change = changes[0].filters[0];
  EXPECT_EQ(change.json_path, "$.a");
  EXPECT_EQ(change.then->expected, "y");
  EXPECT_FALSE(change.then->matched);
  EXPECT_EQ(change.now->expected, "x");
  EXPECT_TRUE(change.now->matched);
  EXPECT_EQ(change.selected, R"(["x"])");
}

TEST(CompareDecisions, PairsFiltersByWhatTheyAsk) {
  const auto changes = compare(
      decision("w", true, filter("a", true) + "," + filter("b", true) + "," + filter("old", true, "$.c")),
      decision("w", true,
               filter("b2", true, "$.a", "matchGlob") + "," + filter("a", true) + "," + filter("new", true, "$.d")));
  ASSERT_EQ(changes.size(), 1u);
  const auto& filters = changes[0].filters;
  ASSERT_EQ(filters.size(), 3u);
  EXPECT_EQ(filters[0].then->expected, "b");
  EXPECT_EQ(filters[0].now->condition, "matchGlob");
  EXPECT_EQ(filters[1].json_path, "$.d");
  EXPECT_FALSE(filters[1].then);
  EXPECT_EQ(filters[2].json_path, "$.c");
  EXPECT_FALSE(filters[2].now);
}

TEST(CompareDecisions, TellsWhatIsStartedAndWithWhichVariables) {
  const std::string then = decision("w", true, "", R"(,"variables":{"COMMIT":"1"})");
  std::string now = then;
  now.replace(now.find("\"shop\""), 6, "\"store\"");
  auto changes = compare(then, now);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].then->target_pipeline, "shop");
  EXPECT_EQ(changes[0].now->target_pipeline, "store");
  changes = compare(then, decision("w", true, ""));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].then->variables.at("COMMIT"), "1");
}

TEST(CompareDecisions, TellsAnotherReasonOfTheSameRefusal) {
  std::string deleted = decision("w", false, "");
  deleted.replace(deleted.find("filter 1 did not match"), 22, "the branch was deleted");
  EXPECT_EQ(compare(deleted, decision("w", false, "")).size(), 1u);
}

TEST(CompareDecisions, WaitingForChangedPathsThatAreKnownIsNoDifference) {
  const std::string waiting = decision("w", false, filter("x", true), R"(,"waiting":true,"waitingFor":"changedPaths")");
  for (const bool matched : {false, true}) {
    EXPECT_TRUE(
        compare(decision("w", matched, filter("x", true), R"(,"changedPaths":{"basis":"commit"})"), waiting).empty());
  }
  // Without them it is one: the paths are asked for only now.
  EXPECT_EQ(compare(decision("w", true, filter("x", true)), waiting).size(), 1u);
}

TEST(CompareDecisions, RefusesWhatIsNoArray) {
  for (const char* text : {"", "{}", "[", "null"}) EXPECT_THROW(compare_decisions(text, "[]"), Error) << text;
  // Members that are missing or of another type are no reason to fail.
  EXPECT_EQ(compare_decisions(R"([1, {"webhook": 2, "filters": {}}])", "[]").size(), 1u);
}

}  // namespace
}  // namespace penstock::intake
