#include "server/history_json.h"

#include <gtest/gtest.h>

namespace penstock::server {
namespace {

store::Delivery delivery() {
  store::Delivery result;
  result.id = "0190a000-0000-7000-8000-000000000001";
  result.received_at = from_milliseconds(1'795'253'400'123);
  result.endpoint = "azure-devops";
  result.remote_address = "20.37.158.7";
  result.outcome = store::Outcome::kTriggered;
  result.event_type = "git.push";
  result.notification_id = 3;
  result.repository_name = "shop";
  result.ref_updates = {{"refs/heads/main", "a", "b"}};
  result.decisions_json = R"([{"webhook":"shop-main","matched":true}])";
  result.request_headers_json = R"({"Authorization":"[redacted]"})";
  result.body = R"({"eventType":"git.push"})";
  result.body_bytes = result.body.size();
  store::Trigger trigger;
  trigger.webhook = "shop-main";
  trigger.pipeline = "shop";
  trigger.state = store::TriggerState::kPending;
  result.triggers = {trigger};
  return result;
}

TEST(DeliveryJson, HasTheMembersOfTheContract) {
  const json::Json whole = delivery_whole(delivery());
  for (const char* member : {"id", "receivedAt", "endpoint", "remoteAddress", "outcome", "event", "repository",
                             "refUpdates", "decisions", "triggers", "request"}) {
    EXPECT_TRUE(whole.contains(member)) << member;
  }
  EXPECT_EQ(whole["receivedAt"], "2026-11-21T09:30:00.123Z");
  EXPECT_EQ(whole["outcome"], "triggered");
  EXPECT_EQ(whole["event"]["notificationId"], 3);
  EXPECT_EQ(whole["decisions"][0]["webhook"], "shop-main");
  EXPECT_EQ(whole["triggers"][0]["pipelineExecutionId"], nullptr);
  EXPECT_EQ(whole["request"]["body"]["eventType"], "git.push");
}

TEST(DeliveryJson, ASummaryHasNoBodyAndNoDecisions) {
  const json::Json summary = delivery_summary(delivery());
  EXPECT_FALSE(summary.contains("request"));
  EXPECT_FALSE(summary.contains("decisions"));
}

TEST(DeliveryJson, ABodyThatIsNoJsonIsShownAsText) {
  store::Delivery broken = delivery();
  broken.body = "not \xFF json";
  EXPECT_EQ(delivery_whole(broken)["request"]["body"], "not \xEF\xBF\xBD json");
}

TEST(JobJson, LeavesOutWhatIsNotThereYet) {
  store::Job job;
  job.id = "1";
  job.state = store::JobState::kRunning;
  job.phases = {{"fetch", 0.5}};
  const json::Json shown = job_to_json(job);
  EXPECT_EQ(shown["state"], "running");
  EXPECT_EQ(shown["artifact"], nullptr);
  EXPECT_EQ(shown["failure"], nullptr);
  EXPECT_EQ(shown["phases"]["fetch"], 0.5);
}

TEST(JobJson, SaysWhyAJobWasLost) {
  store::Job job;
  job.state = store::JobState::kLost;
  job.failure_message = "claimed by another worker";
  EXPECT_EQ(job_to_json(job)["failure"], (json::Json{{"type", nullptr}, {"message", "claimed by another worker"}}));
}

}  // namespace
}  // namespace penstock::server
