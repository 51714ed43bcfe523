#include "core/events/event.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/core/events/events_fixture.h"

namespace penstock::events {
namespace {

TEST(ParseEvents, ReadsAnEventOfAnAction) {
  const ParsedEvents parsed = parse_events(action_event("STARTED"));
  EXPECT_EQ(parsed.unknown, 0u);
  ASSERT_EQ(parsed.events.size(), 1u);
  const Event& event = parsed.events[0];
  EXPECT_EQ(event.id, "e1");
  EXPECT_EQ(event.subject, Subject::kAction);
  EXPECT_EQ(event.change, Change::kBegun);
  EXPECT_EQ(event.pipeline, "harbour");
  EXPECT_EQ(event.execution_id, kExecution);
  EXPECT_EQ(event.stage, "Build");
  EXPECT_EQ(event.action, "Compile");
  EXPECT_EQ(event.type.to_string(), "Build/Custom/Script/1");
}

TEST(ParseEvents, TellsWhatAStateMeans) {
  const std::vector<std::pair<std::string, Change>> cases = {
      {"STARTED", Change::kBegun},     {"RESUMED", Change::kBegun},  {"ABANDONED", Change::kOver},
      {"CANCELED", Change::kOver},     {"CANCELLED", Change::kOver}, {"FAILED", Change::kOver},
      {"STOPPED", Change::kOver},      {"STOPPING", Change::kOver},  {"SUPERSEDED", Change::kOver},
      {"SUCCEEDED", Change::kNeither}, {"started", Change::kBegun},
  };
  for (const auto& [state, change] : cases) {
    SCOPED_TRACE(state);
    const ParsedEvents parsed = parse_events(action_event(state));
    ASSERT_EQ(parsed.events.size(), 1u);
    EXPECT_EQ(parsed.events[0].change, change);
  }
}

struct Shape {
  std::string name, body;
  std::size_t events = 1, unknown = 0;
  Subject subject = Subject::kPipeline;
  Change change = Change::kBegun;
  std::string execution = "x-1", type = "///", id = "";
};

TEST(ParseEvents, UnderstandsWhatTransformersLeave) {
  const std::vector<Shape> shapes = {
      {.name = "pipeline event",
       .body = R"({"id":"p","source":"aws.codepipeline","detail-type":"CodePipeline Pipeline Execution State Change",
         "detail":{"pipeline":"a","execution-id":"x-1","state":"STARTED","version":2.0,
         "execution-trigger":{"trigger-type":"Webhook","trigger-detail":"x"}}})",
       .id = "p"},
      {.name = "stage event",
       .body = R"({"source":"aws.codepipeline","detail-type":"CodePipeline Stage Execution State Change",
         "detail":{"pipeline":"a","execution-id":"x-1","stage":"Build","state":"RESUMED"}})",
       .subject = Subject::kStage},
      {.name = "the detail alone",
       .body = R"({"pipeline":"a","execution-id":"x-1","stage":"S","action":"A","state":"FAILED",
         "type":{"owner":"Custom","category":"Build","provider":"P","version":1}})",
       .subject = Subject::kAction,
       .change = Change::kOver,
       .type = "Build/Custom/P/1"},
      {.name = "flat, without the state",
       .body = R"({"pipeline":"a","execution-id":"x-1","region":"eu-west-1"})",
       .change = Change::kUntold},
      {.name = "camelCase",
       .body = R"({"pipelineName":"a","pipelineExecutionId":"x-1","state":"STARTED","provider":"P","eventId":"q"})",
       .subject = Subject::kAction,
       .type = "//P/",
       .id = "q"},
      {.name = "underscores", .body = R"({"pipeline_name":"a","execution_id":"x-1","state":"STARTED"})"},
      {.name = "a version beside the others is the pipeline's",
       .body = R"({"pipeline":"a","execution-id":"x-1","state":"STARTED","provider":"P","version":7})",
       .subject = Subject::kAction,
       .type = "//P/"},
      {.name = "begun, without the execution", .body = R"({"pipeline":"a","state":"STARTED"})", .execution = ""},
      {.name = "a notification of CodeStar's",
       .body = R"({"detailType":"CodePipeline Action Execution State Change","source":"aws.codepipeline",
         "additionalAttributes":{},"detail":{"pipeline":"a","execution-id":"x-1","action":"A","state":"ABANDONED"}})",
       .subject = Subject::kAction,
       .change = Change::kOver},
      {.name = "wrapped by SNS", .body = R"({"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:x:1:t",
         "Message":"{\"pipeline\":\"a\",\"execution-id\":\"x-1\",\"state\":\"STARTED\"}"})"},
      {.name = "an array",
       .body = R"([{"pipeline":"a","execution-id":"x-1","state":"STARTED"},{"hello":1},
         {"pipeline":"a","execution-id":"x-2","state":"STARTED"}])",
       .events = 2,
       .unknown = 1},
      {.name = "nulls are absent",
       .body = R"({"pipeline":"a","execution-id":"x-1","state":null,"type":null})",
       .change = Change::kUntold},
  };
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(shape.name);
    const ParsedEvents parsed = parse_events(shape.body);
    EXPECT_EQ(parsed.unknown, shape.unknown);
    ASSERT_EQ(parsed.events.size(), shape.events);
    const Event& event = parsed.events[0];
    EXPECT_EQ(event.subject, shape.subject);
    EXPECT_EQ(event.change, shape.change);
    EXPECT_EQ(event.pipeline, "a");
    EXPECT_EQ(event.execution_id, shape.execution);
    EXPECT_EQ(event.type.to_string(), shape.type);
    EXPECT_EQ(event.id, shape.id);
  }
}

TEST(ParseEvents, CountsWhatItDoesNotKnow) {
  for (const std::string body : {
           R"({"source":"aws.s3","detail-type":"Object Created","detail":{"pipeline":"a","execution-id":"x"}})",
           R"({"detail-type":"EC2 Instance State-change Notification","detail":{"state":"STARTED","pipeline":"a"}})",
           R"({"pipeline":"a","execution-id":"x","state":"DANCING"})",
           R"({"pipeline":"a","state":"FAILED"})",
           R"({"state":"STARTED"})",
           R"({"pipeline":{"name":"a"},"execution-id":7,"state":"STARTED"})",
           R"({"Type":"Notification","TopicArn":"t","Message":"the pipeline has begun"})",
           R"({"Type":"SubscriptionConfirmation","TopicArn":"t","Message":"You have chosen to subscribe"})",
           R"({})",
           R"("STARTED")",
           "null",
       }) {
    SCOPED_TRACE(body);
    const ParsedEvents parsed = parse_events(body);
    EXPECT_EQ(parsed.unknown, 1u);
    EXPECT_TRUE(parsed.events.empty());
  }
  EXPECT_EQ(parse_events("[]").unknown, 0u);
}

TEST(ParseEvents, TextsThatCannotBeCodePipelinesAreAbsent) {
  const std::string endless(10'000, 'x');
  EXPECT_EQ(parse_events(R"({"pipeline":"a","execution-id":")" + endless + R"(","state":"FAILED"})").unknown, 1u);
}

TEST(ParseEvents, RefusesWhatIsNoJsonOrTooMuch) {
  EXPECT_THROW(parse_events("pipeline=a"), Error);
  EXPECT_THROW(parse_events(""), Error);
  EXPECT_THROW(parse_events(std::string(100, '[') + std::string(100, ']')), Error);
  std::string many = "[{}";
  for (std::size_t i = 0; i < kMaxEventsInABody; ++i) many += ",{}";
  EXPECT_THROW(parse_events(many + "]"), Error);
}

TEST(MayBe, OnlyWhatWasToldCanContradict) {
  const aws::ActionTypeId worked{"Build", "Custom", "Script", "1"};
  EXPECT_TRUE(may_be({}, worked));
  EXPECT_TRUE(may_be({"Build", "", "Script", ""}, worked));
  EXPECT_TRUE(may_be(worked, worked));
  EXPECT_FALSE(may_be({"Build", "Custom", "Script", "2"}, worked));
  EXPECT_FALSE(may_be({"", "AWS", "", ""}, worked));
  EXPECT_FALSE(may_be({"", "", "script", ""}, worked));
}

}  // namespace
}  // namespace penstock::events
