#include "core/intake/explanation.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/core/intake/intake_fixture.h"

namespace penstock::intake {
namespace {

using test::make_push_payload;
using test::make_test_push_payload;

IntakeSettings two_webhooks() {
  IntakeSettings settings;
  settings.endpoints["azure-devops"] = basic_authentication("right");
  settings.webhooks = {{make_webhook("main", "main"), std::nullopt, {}},
                       {make_webhook("other", "other"), std::nullopt, {}}};
  return settings;
}

TEST(ExplainPayload, JudgesWithoutStoring) {
  const Explanation explanation = explain_payload(two_webhooks(), make_push_payload(), nullptr);
  EXPECT_TRUE(explanation.matched);
  EXPECT_EQ(explanation.outcome, store::Outcome::kTriggered);
  EXPECT_EQ(explanation.reason, "1 webhook matched");
  EXPECT_NE(explanation.decisions_json.find(R"("webhook":"other")"), std::string::npos);
  ASSERT_EQ(explanation.triggers.size(), 1u);
  EXPECT_EQ(explanation.triggers[0].pipeline, "main-pipeline");
  EXPECT_EQ(explanation.ref_updates.size(), 1u);
}

TEST(ExplainPayload, SaysWhenNothingWouldBeStarted) {
  IntakeSettings settings = two_webhooks();
  settings.webhooks.erase(settings.webhooks.begin());
  EXPECT_FALSE(explain_payload(settings, make_push_payload(), nullptr).matched);
  const Explanation elsewhere = explain_payload(two_webhooks(), make_push_payload(), nullptr, "another-endpoint");
  EXPECT_FALSE(elsewhere.matched);
  EXPECT_EQ(elsewhere.decisions_json, "[]");
  const Explanation test = explain_payload(two_webhooks(), make_test_push_payload(), nullptr);
  EXPECT_EQ(test.outcome, store::Outcome::kTest);
  EXPECT_TRUE(test.triggers.empty());
  EXPECT_THROW(explain_payload(two_webhooks(), "nonsense", nullptr), Error);
  EXPECT_THROW(explain_payload(two_webhooks(), "{}", nullptr), Error);
}

TEST_F(ReceiverTest, AStoredDeliveryIsExplainedAsItWouldBeRedelivered) {
  settings_.webhooks = {{make_webhook("main", "main"), std::nullopt, {}},
                        {make_webhook("guarded", "main"), basic_authentication("own"), {}}};
  apply();
  const std::string id = post(make_push_payload()).delivery_id;
  settings_.webhooks.push_back({make_webhook("new", "main"), std::nullopt, {}});
  apply();
  const Receiver::Explained explained = receiver_->explain(id);
  EXPECT_EQ(explained.then.id, id);
  EXPECT_EQ(explained.now.reason, "2 webhooks matched");
  // What the delivery may not reach is not judged by it.
  EXPECT_EQ(explained.now.decisions_json.find("guarded"), std::string::npos);
  EXPECT_EQ(deliveries().size(), 1u);

  const HookAnswer again = receiver_->redeliver(id);
  EXPECT_EQ(store_->find_delivery(again.delivery_id)->decisions_json, explained.now.decisions_json);
}

TEST_F(ReceiverTest, WhatIsNoEventIsExplainedAsIgnored) {
  const std::string id = post(R"({"hello": 1})").delivery_id;
  const Receiver::Explained explained = receiver_->explain(id);
  EXPECT_EQ(explained.now.outcome, store::Outcome::kIgnored);
  EXPECT_EQ(explained.now.reason, explained.then.reason);
  EXPECT_EQ(explained.now.decisions_json, "[]");
}

TEST_F(ReceiverTest, WhatIsNotThereOrWasRejectedIsNotExplained) {
  EXPECT_THROW(receiver_->explain("019a0000-0000-7000-8000-000000000000"), Error);
  try {
    receiver_->explain(post("no JSON").delivery_id);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConflict);
  }
}

}  // namespace
}  // namespace penstock::intake
