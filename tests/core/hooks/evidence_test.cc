#include "core/hooks/evidence.h"

#include <deque>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/hooks/decision_plan.h"
#include "tests/support/payloads.h"

namespace penstock::hooks {
namespace {

// Many webhooks, of which one matches.
class EvidenceTest : public ::testing::Test {
 protected:
  void add(std::string name, std::vector<FilterDefinition> filters) {
    WebhookDefinition definition;
    definition.name = std::move(name);
    definition.target_pipeline = definition.name + "-pipeline";
    definition.target_action = "Source";
    definition.filters = std::move(filters);
    webhooks_.emplace_back(std::move(definition));
  }
  std::vector<const Webhook*> pointers() const {
    std::vector<const Webhook*> result;
    for (const auto& webhook : webhooks_) result.push_back(&webhook);
    return result;
  }

  const Event event_ = parse_event(test::make_push_payload());
  std::deque<Webhook> webhooks_;
};

TEST_F(EvidenceTest, SaysWhatEveryWebhookSaw) {
  const std::string ref = "$.resource.refUpdates..name";
  add("match", {{.json_path = ref, .match_equals = "refs/heads/main"}});
  add("equals", {{.json_path = ref, .match_equals = "refs/heads/dev"}});
  add("differs", {{.json_path = ref, .not_equals = "refs/heads/main"}});
  add("both", {{.json_path = ref, .match_glob = "refs/tags/*"}, {.json_path = "$.resource.x", .exists = true}});
  add("waits", {{.json_path = ref, .match_equals = "refs/heads/{Branch}"}});
  add("need not wait", {{.json_path = ref, .match_equals = "{X}"}, {.json_path = "$.eventType", .match_equals = "x"}});
  const DecisionPlan plan(pointers());
  const auto evidence = encode_evidence(plan.judge(event_, nullptr));
  EXPECT_EQ(expand_decisions(to_json(plan.set()), evidence), decisions_to_json(decide(event_, pointers(), nullptr)));
  const auto decisions = decide(event_, pointers(), nullptr);
  ASSERT_EQ(decisions.size(), 6u);
  EXPECT_EQ(decisions[3].reason,
            "filter 1: $.resource.refUpdates..name selected \"refs/heads/main\", expected a match of the glob "
            "\"refs/tags/*\"; 1 other filter did not match either");
  EXPECT_EQ(decisions[4].verdict, Verdict::kWaiting);
  EXPECT_EQ(decisions[5].filters[0].note,
            "not judged: it needs the action's configuration, and another filter did not match");
}

TEST_F(EvidenceTest, SharesWhatWebhooksHaveInCommon) {
  for (int i = 0; i < 100; ++i) {
    add("w" + std::to_string(i),
        {{.json_path = "$.eventType", .match_equals = "git.push"},
         {.json_path = "$.resource.repository.name", .match_equals = "r" + std::to_string(i % 5)}});
  }
  const DecisionPlan plan(pointers());
  EXPECT_EQ(plan.set().queries.size(), 2u);
  EXPECT_EQ(plan.set().tests.size(), 6u);
  EXPECT_EQ(parse_webhook_set(to_json(plan.set())), plan.set());
  EXPECT_LT(encode_evidence(plan.judge(event_, nullptr)).size(), 250u);
}

TEST_F(EvidenceTest, IsTheSameForEqualDefinitions) {
  add("a", {{.json_path = "$.id", .match_equals = "1"}, {.json_path = "$.eventType", .match_glob = "git.*"}});
  add("b", {{.json_path = "$.eventType", .match_glob = "git.*"}});
  const auto first = webhook_set_id(to_json(DecisionPlan(pointers()).set()));
  EXPECT_EQ(webhook_set_id(to_json(DecisionPlan(pointers()).set())), first);
  add("c", {});
  EXPECT_NE(webhook_set_id(to_json(DecisionPlan(pointers()).set())), first);
}

TEST_F(EvidenceTest, OfAnotherSetIsRefused) {
  add("a", {{.json_path = "$.eventType", .match_equals = "git.push"}});
  const DecisionPlan plan(pointers());
  const auto set = to_json(plan.set());
  const auto evidence = encode_evidence(plan.judge(event_, nullptr));
  for (const auto& [name, set_text, evidence_text] : std::initializer_list<std::array<std::string, 3>>{
           {"empty set", R"({"queries":[],"tests":[],"webhooks":[]})", evidence},
           {"no evidence", set, ""},
           {"no object", set, "[]"},
           {"no set", "", evidence},
           {"index", set, R"({"common":{"selected":[[7,0,[]]],"passed":[]},"subjects":[]})"},
           {"test", set, R"({"common":{"selected":[],"passed":[1]},"subjects":[]})"},
           {"type", set, R"({"common":{"selected":{},"passed":[]},"subjects":[]})"},
           {"told twice", set, R"({"common":{"selected":[],"passed":[]},"subjects":[{"told":[[0,{}],[0,{}]]}]})"},
           {"condition", R"({"queries":["$"],"tests":[{"query":0,"condition":"x","expected":""}],"webhooks":[]})",
            "{}"},
       }) {
    try {
      expand_decisions(set_text, evidence_text);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kCorrupt) << name << ": " << error.what();
    }
  }
}

TEST_F(EvidenceTest, IsEmptyForWhatCannotBeDecided) {
  add("a", {});
  test::PushOptions options;
  options.details = test::ResourceDetails::kNone;
  const DecisionPlan plan(pointers());
  const auto evidence = plan.judge(parse_event(test::make_push_payload(options)), nullptr);
  EXPECT_EQ(expand_decisions(to_json(plan.set()), encode_evidence(evidence)), "[]");
}

TEST_F(EvidenceTest, BoundsWhatIsShown) {
  // A push of many refs and many webhooks with long values: a hundred megabytes of decisions, out of a little evidence.
  test::PushOptions options;
  options.refs.clear();
  for (int i = 0; i < 50; ++i) options.refs.push_back({"refs/heads/b" + std::to_string(i)});
  options.padding = 3'000;
  std::vector<FilterDefinition> filters(40, {.json_path = "$..*", .match_equals = "nothing"});
  for (int i = 0; i < 200; ++i) add("w" + std::to_string(i), filters);
  const DecisionPlan plan(pointers());
  const auto evidence = encode_evidence(plan.judge(parse_event(test::make_push_payload(options)), nullptr));
  const auto decisions = expand_decisions(to_json(plan.set()), evidence);
  EXPECT_LT(evidence.size(), 500'000u);
  EXPECT_LT(decisions.size(), 40u << 20);
  EXPECT_NE(decisions.find("further decisions are too many to be shown"), std::string::npos);
}

}  // namespace
}  // namespace penstock::hooks
