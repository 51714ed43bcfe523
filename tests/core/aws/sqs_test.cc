#include "core/aws/sqs.h"

#include <gtest/gtest.h>

#include "core/json/json.h"
#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

constexpr const char* kUrl = "https://sqs.eu-west-1.amazonaws.com/111122223333/events";

class QueueClientTest : public ::testing::Test {
 protected:
  QueueClient client(const Endpoint& endpoint, FakeTransport::Handler handler) {
    transport_ = std::make_shared<FakeTransport>(std::move(handler));
    ClientOptions options{.service = "sqs", .endpoint = endpoint};
    options.sleep = [](std::chrono::milliseconds, const std::stop_token&) {};
    return {
        std::make_shared<Client>(options, transport_, std::make_shared<StaticCredentials>(test_credentials()), clock_),
        kUrl};
  }
  const Endpoint computed_{.url = "https://sqs.eu-central-1.amazonaws.com", .region = "eu-central-1"};
  testing::FakeClock clock_;
  std::shared_ptr<FakeTransport> transport_;
};

TEST(RegionOfQueue, IsInTheHostsName) {
  EXPECT_EQ(region_of_queue(kUrl), "eu-west-1");
  EXPECT_EQ(region_of_queue("https://sqs.cn-north-1.amazonaws.com.cn/1/q"), "cn-north-1");
  EXPECT_EQ(region_of_queue("https://sqs-fips.us-east-1.amazonaws.com/1/q"), "us-east-1");
  EXPECT_EQ(region_of_queue("https://vpce-1-a.sqs.eu-west-3.vpce.amazonaws.com/1/q"), "eu-west-3");
  EXPECT_EQ(region_of_queue("https://eu-north-1.queue.amazonaws.com/1/q"), "eu-north-1");
  EXPECT_EQ(region_of_queue("https://queue.amazonaws.com/1/q"), "us-east-1");
  EXPECT_EQ(region_of_queue("http://localhost:4566/000000000000/q"), std::nullopt);
  EXPECT_EQ(region_of_queue("http://127.0.0.1:9/1/q"), std::nullopt);
  EXPECT_EQ(region_of_queue("https://sqs.localhost.localstack.cloud/1/q"), std::nullopt);
  EXPECT_EQ(region_of_queue("nonsense"), std::nullopt);
}

TEST_F(QueueClientTest, ReceivesInTheRegionOfTheQueue) {
  auto queue = client(computed_, [](const FakeTransport::Sent&, int) {
    return answer(200, R"({"Messages":[{"MessageId":"m","ReceiptHandle":"r","Body":"b","MD5OfBody":"x"},{}]})");
  });
  const auto messages = queue.receive({.wait = std::chrono::seconds(20), .visibility = std::chrono::seconds(60)});
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].id, "m");
  EXPECT_EQ(messages[0].receipt_handle, "r");
  EXPECT_EQ(messages[0].body, "b");
  const auto sent = transport_->sent().at(0);
  EXPECT_EQ(sent.url, "https://sqs.eu-west-1.amazonaws.com/");
  EXPECT_EQ(sent.header("Content-Type"), "application/x-amz-json-1.0");
  EXPECT_EQ(sent.header("X-Amz-Target"), "AmazonSQS.ReceiveMessage");
  EXPECT_NE(sent.header("Authorization").find("/eu-west-1/sqs/aws4_request"), std::string::npos);
  EXPECT_EQ(sent.body, std::string(R"({"QueueUrl":")") + kUrl +
                           R"(","MaxNumberOfMessages":10,"WaitTimeSeconds":20,"VisibilityTimeout":60})");
}

TEST_F(QueueClientTest, ConfiguredEndpointIsKept) {
  auto queue = client({.url = "http://127.0.0.1:9", .region = "eu-central-1", .custom = true},
                      [](const FakeTransport::Sent&, int) { return answer(200, "{}"); });
  EXPECT_TRUE(queue.receive({}).empty());
  EXPECT_EQ(transport_->sent().at(0).url, "http://127.0.0.1:9/");
  EXPECT_NE(transport_->sent().at(0).header("Authorization").find("/eu-west-1/sqs/"), std::string::npos);
}

TEST_F(QueueClientTest, DeletesABatchAndSaysWhatIsLeft) {
  auto queue = client(computed_, [](const FakeTransport::Sent&, int) {
    return answer(200, R"({"Successful":[{"Id":"0"}],"Failed":[{"Id":"1","Code":"ReceiptHandleIsInvalid"}]})");
  });
  EXPECT_EQ(queue.remove({}), 0u);
  EXPECT_EQ(queue.remove({{"a", "r1"}, {"b", "r2"}}), 1u);
  EXPECT_EQ(transport_->sent().at(0).body,
            std::string(R"({"QueueUrl":")") + kUrl +
                R"(","Entries":[{"Id":"0","ReceiptHandle":"r1"},{"Id":"1","ReceiptHandle":"r2"}]})");
}

TEST_F(QueueClientTest, MissingQueueIsNotFoundAndReceivingIsTriedOnce) {
  auto queue = client(computed_, [](const FakeTransport::Sent&, int) {
    return answer(400, R"({"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"})");
  });
  try {
    queue.receive({});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
    EXPECT_NE(std::string(error.what()).find("calling sqs:ReceiveMessage: HTTP 400 QueueDoesNotExist"),
              std::string::npos);
  }
  auto down = client(computed_, [](const FakeTransport::Sent&, int) { return answer(503, ""); });
  EXPECT_THROW(down.receive({}), Error);
  EXPECT_EQ(transport_->sent().size(), 1u);
}

}  // namespace
}  // namespace penstock::aws
