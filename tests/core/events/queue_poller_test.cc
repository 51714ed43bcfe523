#include "core/events/queue_poller.h"

#include <chrono>
#include <functional>
#include <thread>

#include "core/aws/environment.h"
#include "core/http/curl_transport.h"
#include "core/json/json.h"
#include "tests/core/events/events_fixture.h"
#include "tests/sandbox/sandbox.h"

namespace penstock::events {
namespace {

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

// The desk's questions come from the poller's thread; the tests look at the metrics.
class QueuePollerTest : public DeskTest {
 protected:
  QueuePollerTest()
      : sandbox_(sandbox::SandboxOptions{}),
        transport_(std::make_shared<http::CurlTransport>()),
        environment_({.region = "eu-central-1",
                      .endpoint_url = sandbox_.url(),
                      .variable = [](const std::string& name) -> std::optional<std::string> {
                        if (name == "AWS_ACCESS_KEY_ID") return std::string(sandbox::kDefaultAccessKeyId);
                        if (name == "AWS_SECRET_ACCESS_KEY") return std::string(sandbox::kDefaultSecretAccessKey);
                        return std::nullopt;
                      }},
                     transport_, system_clock_) {}

  json::Json call(const std::string& operation, const json::Json& input) {
    aws::Client::Call call{.name = operation};
    call.headers.add("Content-Type", "application/x-amz-json-1.0");
    call.headers.add("X-Amz-Target", "AmazonSQS." + operation);
    call.body = input.dump();
    const std::string body = environment_.client("sqs")->send(call).body;
    return body.empty() ? json::Json() : json::parse_json(body, operation);
  }
  std::string create_queue() { return call("CreateQueue", {{"QueueName", "events"}}).at("QueueUrl"); }
  void send(const std::string& url, const std::string& body) {
    call("SendMessage", {{"QueueUrl", url}, {"MessageBody", body}});
  }
  json::Json admin(const std::string& what, const json::Json& body = nullptr) {
    http::Request request;
    request.method = body.is_null() ? "GET" : "POST";
    request.url = sandbox_.url() + "/_sandbox/" + what;
    if (!body.is_null()) request.body = body.dump();
    return json::parse_json(transport_->send(request).body, what);
  }
  int deleted() { return admin("state").at("queues").at("events").at("deleted").get<int>(); }
  std::unique_ptr<QueuePoller> poll(const std::string& url) {
    auto poller = std::make_unique<QueuePoller>(
        QueuePoller::Options{.visibility = std::chrono::seconds(1),
                             .backoff = {std::chrono::milliseconds(10), std::chrono::milliseconds(50)}},
        aws::QueueClient(environment_.client("sqs"), url), desk_, metrics_, system_clock_, log_);
    poller->start();
    return poller;
  }

  sandbox::Sandbox sandbox_;
  SystemClock system_clock_;
  std::shared_ptr<http::CurlTransport> transport_;
  aws::Environment environment_;
};

TEST_F(QueuePollerTest, NotesAndDeletesWhateverComes) {
  const std::string url = create_queue();
  send(url, action_event("STARTED"));
  send(url, action_event("STARTED"));
  send(url, "hello");
  send(url, "{}");
  send(url, json::Json{{"TopicArn", "t"}, {"Message", action_event("FAILED", "e2")}}.dump());
  auto poller = poll(url);
  ASSERT_TRUE(eventually([&] { return deleted() == 5; }));
  // The long poll that it is in now ends with the next message.
  send(url, action_event("STARTED", "e3"));
  ASSERT_TRUE(eventually([&] { return deleted() == 6; }));
  EXPECT_TRUE(poller->status().last_receive);
  const auto begin = std::chrono::steady_clock::now();
  poller.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15)) << "it waited for its long poll";
  EXPECT_TRUE(has_metric(R"(penstock_events_total{outcome="polled",subject="action",way="queue"} 2)"));
  EXPECT_TRUE(has_metric(R"(penstock_events_total{outcome="looked",subject="action",way="queue"} 1)"));
  EXPECT_TRUE(has_metric(R"(penstock_events_total{outcome="duplicate",subject="action",way="queue"} 1)"));
  EXPECT_TRUE(has_metric("penstock_event_queue_poison_total 1"));
  EXPECT_TRUE(has_metric("penstock_event_queue_messages_total 6"));
}

TEST_F(QueuePollerTest, ComesBackWhenTheQueueDoes) {
  auto poller = poll(sandbox_.url() + "/111122223333/events");
  ASSERT_TRUE(eventually([&] { return !has_metric("penstock_event_queue_errors_total 0"); }));
  EXPECT_FALSE(poller->status().last_receive);
  send(create_queue(), action_event("STARTED"));
  ASSERT_TRUE(eventually([&] { return deleted() == 1; }));
  EXPECT_TRUE(poller->status().last_receive);
}

TEST_F(QueuePollerTest, WhatCouldNotBeDeletedComesAgainAndIsADuplicate) {
  const std::string url = create_queue();
  admin("faults", {{"serverError", 1.0}, {"operations", {"DeleteMessageBatch"}}});
  send(url, action_event("STARTED"));
  auto poller = poll(url);
  ASSERT_TRUE(eventually([&] { return !has_metric("penstock_event_queue_errors_total 0"); }));
  admin("reset-faults", json::Json::object());
  ASSERT_TRUE(eventually([&] { return deleted() == 1; }));
  poller.reset();
  EXPECT_TRUE(has_metric(R"(penstock_events_total{outcome="polled",subject="action",way="queue"} 1)"));
}

}  // namespace
}  // namespace penstock::events
