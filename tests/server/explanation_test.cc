#include "server/explanation.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace penstock::server {
namespace {

// Saturday, 21 November 2026, 09:30 UTC.
const Timestamp kNow = from_milliseconds(1'795'253'400'000);

trigger::Gate make_gate(trigger::Gate::WhenClosed when_closed, bool is_open) {
  trigger::Calendar::Definition definition{.name = "office", .zone = *trigger::Zone::find("Europe/Berlin")};
  for (auto& day : definition.open) day = {{std::chrono::hours(8), std::chrono::hours(18)}};
  if (!is_open) definition.open[5].clear();
  return {std::make_shared<const trigger::Calendar>(std::move(definition)), when_closed};
}

store::NewTrigger make_trigger(const std::string& webhook, bool undecided = false) {
  store::NewTrigger trigger;
  trigger.webhook = webhook;
  trigger.pipeline = "shop";
  trigger.action = "Source";
  trigger.ref = "refs/heads/main";
  trigger.undecided = undecided;
  return trigger;
}

TEST(MakeProspects, SayWhatTheCalendarDoes) {
  using WhenClosed = trigger::Gate::WhenClosed;
  struct {
    const char* name;
    std::optional<trigger::Gate> gate;
    Prospect::Step step;
    const char* reason;
  } cases[] = {
      {"none", std::nullopt, Prospect::Step::kStart, "nothing delays it"},
      {"open", make_gate(WhenClosed::kPostpone, true), Prospect::Step::kStart, "calendar \"office\" is open"},
      {"closed", make_gate(WhenClosed::kPostpone, false), Prospect::Step::kPostpone,
       "calendar \"office\" is closed: Saturday; opens 2026-11-22T08:00+01:00"},
      {"skips", make_gate(WhenClosed::kSkip, false), Prospect::Step::kSkip,
       "closed: Saturday; calendar \"office\" skips what comes while it is closed"},
  };
  for (const auto& item : cases) {
    trigger::GateMap gates;
    if (item.gate) gates.emplace("w", *item.gate);
    const auto prospects = make_prospects({make_trigger("w")}, gates, {}, kNow);
    ASSERT_EQ(prospects.size(), 1u) << item.name;
    EXPECT_EQ(prospects[0].step, item.step) << item.name;
    EXPECT_EQ(prospects[0].reason, item.reason) << item.name;
    EXPECT_EQ(prospects[0].until.has_value(), item.step == Prospect::Step::kPostpone) << item.name;
  }
}

TEST(MakeProspects, CountWhatGoesFirst) {
  const std::vector<store::PendingTrigger> pending = {{.id = "1", .pipeline = "shop", .action = "Source"},
                                                      {.id = "2", .pipeline = "another", .action = "Source"}};
  const auto prospects = make_prospects({make_trigger("a"), make_trigger("b")}, {}, pending, kNow);
  EXPECT_EQ(prospects[0].reason, "nothing delays it; one earlier trigger of the pipeline goes first");
  EXPECT_EQ(prospects[1].reason, "nothing delays it; 2 earlier triggers of the pipeline go first");
}

TEST(MakeProspects, SayWhatIsWaitedFor) {
  const auto prospects = make_prospects({make_trigger("w", true)}, {}, {}, kNow);
  EXPECT_EQ(prospects[0].step, Prospect::Step::kWait);
  EXPECT_EQ(prospects[0].reason, "it waits for the configuration of action \"Source\" of pipeline \"shop\"");
}

constexpr const char* kThen =
    R"([{"webhook":"shop-main","targetPipeline":"shop","targetAction":"Source","ref":"refs/heads/main","commitId":"2",)"
    R"("matched":false,"reason":"filter 2 did not match","filters":[)"
    R"({"jsonPath":"$..name","condition":"matchEquals","expected":"refs/heads/main","selected":["refs/heads/main"],)"
    R"("selectedCount":1,"matched":true},)"
    R"({"jsonPath":"$.repo","condition":"matchEquals","expected":"another","selected":["shop"],"selectedCount":1,)"
    R"("matched":false}]}])";
constexpr const char* kNowDecisions =
    R"([{"webhook":"shop-main","targetPipeline":"shop","targetAction":"Source","ref":"refs/heads/main","commitId":"2",)"
    R"("matched":true,"reason":"all filters passed","filters":[)"
    R"({"jsonPath":"$..name","condition":"matchEquals","expected":"refs/heads/main","selected":["refs/heads/main"],)"
    R"("selectedCount":1,"matched":true},)"
    R"({"jsonPath":"$.repo","condition":"matchEquals","expected":"shop","selected":["shop"],"selectedCount":1,)"
    R"("matched":true}]}])";

WholeExplanation explanation() {
  store::Delivery then;
  then.id = "0190a000-0000-7000-8000-000000000001";
  then.received_at = kNow;
  then.endpoint = "azure-devops";
  then.outcome = store::Outcome::kFiltered;
  then.reason = "no webhook matched";
  then.event_type = "git.push";
  then.repository_name = "shop";
  then.project = "Fabrikam";
  then.ref_updates = {{"refs/heads/main", std::string(40, '1'), std::string(40, '2')}};
  then.decisions_json = kThen;
  intake::Explanation now;
  now.outcome = store::Outcome::kTriggered;
  now.reason = "1 webhook matched";
  now.decisions_json = kNowDecisions;
  now.triggers = {make_trigger("shop-main")};
  return make_explanation(then, now, {}, {}, kNow);
}

TEST(ExplanationText, TellsThenNowAndTheDifference) {
  EXPECT_EQ(
      to_text(explanation()),
      R"(delivery 0190a000-0000-7000-8000-000000000001, received 2026-11-21T09:30:00.000Z at endpoint "azure-devops": git.push to Fabrikam/shop
  refs/heads/main from 1111111111 to 2222222222
then: filtered, no webhook matched
  shop-main, refs/heads/main does not match: filter 2 did not match; pipeline "shop"
    filter 2 $.repo matchEquals "another": found "shop"
now: triggered, 1 webhook matched
  shop-main, refs/heads/main matches: all filters passed; pipeline "shop"
    would start: nothing delays it
different:
  shop-main, refs/heads/main: did not match, matches now: all filters passed
    filter $.repo: matchEquals "another" (did not match), now matchEquals "shop" (matched); found "shop"
)");
}

TEST(ExplanationText, OfAPayloadHasNoThen) {
  intake::Explanation now;
  now.outcome = store::Outcome::kIgnored;
  now.reason = "set \"Resource details to send\" to All";
  now.event_type = "git.push";
  EXPECT_EQ(to_text(make_explanation(std::nullopt, now, {}, {}, kNow)),
            "git.push\nnow: ignored, set \"Resource details to send\" to All\n");
}

TEST(ExplanationText, CutsLongLists) {
  std::string decisions = "[";
  for (int i = 0; i < 1000; ++i) {
    if (i > 0) decisions += ",";
    decisions += R"({"webhook":"w)" + std::to_string(i) + R"(","matched":false,"reason":"no","filters":[]})";
  }
  decisions += "]";
  intake::Explanation now;
  now.decisions_json = decisions;
  const std::string text = to_text(make_explanation(std::nullopt, now, {}, {}, kNow));
  EXPECT_NE(text.find("  and 950 more\n"), std::string::npos);
}

TEST(ExplanationJson, HasTheSameForPrograms) {
  const json::Json answer = to_json(explanation());
  EXPECT_EQ(answer["deliveryId"], "0190a000-0000-7000-8000-000000000001");
  EXPECT_EQ(answer["then"]["outcome"], "filtered");
  EXPECT_EQ(answer["now"]["outcome"], "triggered");
  EXPECT_EQ(answer["now"]["decisions"][0]["matched"], true);
  const json::Json& trigger = answer["now"]["triggers"][0];
  EXPECT_EQ(trigger["next"], "start");
  EXPECT_EQ(trigger["until"], nullptr);
  const json::Json& difference = answer["differences"][0];
  EXPECT_EQ(difference["change"], "changed");
  EXPECT_EQ(difference["filters"][0]["then"]["expected"], "another");
  EXPECT_EQ(difference["filters"][0]["selected"], json::Json::array({"shop"}));
}

}  // namespace
}  // namespace penstock::server
