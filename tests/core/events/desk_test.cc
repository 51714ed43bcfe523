#include "core/events/desk.h"

#include "core/base/error.h"
#include "tests/core/events/events_fixture.h"

namespace penstock::events {
namespace {

TEST_F(DeskTest, BegunActionIsLookedForByTheWorkersOfItsType) {
  const Noted noted = desk_.note(action_event("STARTED"), Way::kEndpoint);
  EXPECT_EQ(noted.acted, 1u);
  EXPECT_EQ(asked_, (std::vector<std::string>{"jobs of Build/Custom/Script/1"}));
  EXPECT_TRUE(has_metric(R"(penstock_events_total{outcome="polled",subject="action",way="endpoint"} 1)"));
}

TEST_F(DeskTest, EndedActionIsAReasonToLookAtItsExecution) {
  EXPECT_EQ(desk_.note(action_event("ABANDONED"), Way::kQueue).acted, 1u);
  EXPECT_EQ(asked_, (std::vector<std::string>{std::string("execution ") + kExecution}));
  EXPECT_TRUE(has_metric(R"(penstock_events_total{outcome="looked",subject="action",way="queue"} 1)"));
}

TEST_F(DeskTest, UntoldStateMayBeEither) {
  EXPECT_EQ(desk_.note(R"({"pipeline":"harbour","execution-id":"x"})", Way::kEndpoint).acted, 1u);
  EXPECT_EQ(asked_, (std::vector<std::string>{"jobs of ///", "execution x"}));
}

TEST_F(DeskTest, WhatConcernsNobodyHereIsIdle) {
  EXPECT_EQ(desk_.note(action_event("STARTED", "e1", "CodeBuild"), Way::kEndpoint).idle, 1u);
  EXPECT_EQ(desk_.note(action_event("SUCCEEDED", "e2"), Way::kEndpoint).idle, 1u);
  EXPECT_EQ(desk_.note(R"({"pipeline":"a","execution-id":"other","state":"FAILED"})", Way::kEndpoint).idle, 1u);
}

TEST_F(DeskTest, SameEventThroughAnotherWayIsADuplicate) {
  desk_.note(action_event("STARTED"), Way::kEndpoint);
  const Noted again = desk_.note(action_event("STARTED"), Way::kQueue);
  EXPECT_EQ(again.duplicate, 1u);
  EXPECT_EQ(again.acted, 0u);
  EXPECT_EQ(asked_.size(), 1u);
  clock_.advance(std::chrono::hours(26));
  EXPECT_EQ(desk_.note(action_event("STARTED"), Way::kQueue).acted, 1u);
}

TEST_F(DeskTest, BodyThatTellsNoIdIsKnownByItsFallback) {
  const std::string body = R"({"pipeline":"harbour","state":"STARTED"})";
  EXPECT_EQ(desk_.note(body, Way::kQueue, "m1").acted, 1u);
  EXPECT_EQ(desk_.note(body, Way::kQueue, "m1").duplicate, 1u);
  EXPECT_EQ(desk_.note(body, Way::kQueue, "m2").acted, 1u);
  EXPECT_EQ(desk_.note(body, Way::kEndpoint).acted, 1u);
  EXPECT_EQ(desk_.note(body, Way::kEndpoint).acted, 1u);
}

TEST_F(DeskTest, BrokenBodyIsCountedAndThrown) {
  EXPECT_THROW(desk_.note("{", Way::kQueue), Error);
  EXPECT_TRUE(has_metric(R"(penstock_events_total{outcome="broken",subject="unknown",way="queue"} 1)"));
  EXPECT_EQ(desk_.note(R"([{"a":1},{"b":2}])", Way::kQueue).unknown, 2u);
  EXPECT_TRUE(has_metric(R"(penstock_events_total{outcome="unknown",subject="unknown",way="queue"} 2)"));
}

}  // namespace
}  // namespace penstock::events
