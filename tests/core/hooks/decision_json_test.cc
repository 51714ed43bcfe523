#include <gtest/gtest.h>

#include "core/hooks/decision.h"
#include "core/json/document.h"

namespace penstock::hooks {
namespace {

TEST(DecisionsToJson, HasTheMembersOfTheHistoryApi) {
  Decision decision;
  decision.webhook = "shop-main";
  decision.target_pipeline = "shop";
  decision.target_action = "Source";
  decision.ref = "refs/heads/main";
  decision.commit_id = "abc";
  decision.push_key = "not shown";
  decision.verdict = Verdict::kMatched;
  decision.reason = "all filters passed";
  decision.filters = {{.json_path = "$.a",
                       .condition = Webhook::Condition::kMatchEquals,
                       .expected = "x\"y",
                       .selected = {"\"x\\\"y\"", "12"},
                       .selected_count = 2,
                       .matched = true,
                       .note = ""}};
  decision.variables = {{"COMMIT", "abc"}};
  EXPECT_EQ(decisions_to_json({decision}),
            R"([{"webhook":"shop-main","targetPipeline":"shop","targetAction":"Source","ref":"refs/heads/main",)"
            R"("commitId":"abc","matched":true,"reason":"all filters passed","filters":[{"jsonPath":"$.a",)"
            R"("condition":"matchEquals","expected":"x\"y","selected":["x\"y",12],"selectedCount":2,"matched":true}],)"
            R"("variables":{"COMMIT":"abc"}}])");
}

TEST(DecisionsToJson, MarksWaitingAndNotes) {
  Decision decision;
  decision.webhook = "w";
  decision.verdict = Verdict::kWaiting;
  decision.reason = "waiting";
  decision.filters = {{.json_path = "$",
                       .condition = Webhook::Condition::kExists,
                       .expected = "true",
                       .selected = {},
                       .selected_count = 0,
                       .matched = false,
                       .note = "why"}};
  EXPECT_EQ(
      decisions_to_json({decision, decision}).substr(0, 158),
      R"([{"webhook":"w","targetPipeline":null,"targetAction":"","ref":null,"commitId":null,"matched":false,"waiting":true,"waitingFor":"actionConfiguration","reason":)");
  const auto document = json::Document::parse(decisions_to_json({decision, decision}));
  EXPECT_EQ(document.root().size(), 2u);
  EXPECT_EQ(decisions_to_json({}), "[]");
}

}  // namespace
}  // namespace penstock::hooks
