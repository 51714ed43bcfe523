#include "tests/sandbox/sqs.h"

#include <thread>

#include <gtest/gtest.h>

#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

class SqsTest : public ::testing::Test {
 protected:
  SqsTest() { call("CreateQueue", {{"QueueName", "q"}}); }
  Json call(const std::string& operation, Json input) {
    if (!input.contains("QueueName")) input["QueueUrl"] = kUrl;
    return sqs_.call(operation, input, "http://host", "111122223333", "eu-central-1");
  }
  Response query(Form form) {
    form["Version"] = "2012-11-05";
    return sqs_.call_query(form, "/111122223333/q", "http://host", "111122223333", "eu-central-1");
  }
  std::string code_of(const std::string& operation, const Json& input) {
    try {
      call(operation, input);
      return "none";
    } catch (const ServiceError& error) {
      return error.code;
    }
  }
  static constexpr const char* kUrl = "http://host/111122223333/q";
  Sqs sqs_;
};

TEST_F(SqsTest, MessageIsHiddenUntilItsTimeIsUpAndGoneWhenItIsDeleted) {
  EXPECT_EQ(call("SendMessage", {{"MessageBody", "hello"}}).at("MD5OfMessageBody"), "5d41402abc4b2a76b9719d911017c592");
  const Json first = call("ReceiveMessage", {{"VisibilityTimeout", 0}}).at("Messages").at(0);
  const Json again = call("ReceiveMessage", {{"VisibilityTimeout", 30}}).at("Messages").at(0);
  EXPECT_EQ(first.at("MessageId"), again.at("MessageId"));
  EXPECT_NE(first.at("ReceiptHandle"), again.at("ReceiptHandle"));
  EXPECT_EQ(call("ReceiveMessage", Json::object()), Json::object());
  EXPECT_EQ(sqs_.dump().at("q").at("inFlight"), 1);
  call("DeleteMessageBatch", {{"Entries", {{{"Id", "0"}, {"ReceiptHandle", again.at("ReceiptHandle")}}}}});
  EXPECT_EQ(sqs_.dump().at("q"), (Json{{"waiting", 0}, {"inFlight", 0}, {"deleted", 1}}));
}

TEST_F(SqsTest, LongPollEndsWithTheFirstMessageOrWithTheSandbox) {
  std::thread sender([this] { call("SendMessage", {{"MessageBody", "late"}}); });
  EXPECT_EQ(call("ReceiveMessage", {{"WaitTimeSeconds", 20}}).at("Messages").size(), 1u);
  sender.join();
  std::thread stopper([this] { sqs_.stop(); });
  EXPECT_EQ(call("ReceiveMessage", {{"WaitTimeSeconds", 20}}), Json::object());
  stopper.join();
}

TEST_F(SqsTest, RefusesWhatAwsRefuses) {
  EXPECT_EQ(code_of("ReceiveMessage", {{"MaxNumberOfMessages", 11}}), "InvalidParameterValue");
  EXPECT_EQ(code_of("ReceiveMessage", {{"WaitTimeSeconds", 21}}), "InvalidParameterValue");
  EXPECT_EQ(code_of("DeleteMessageBatch", {{"Entries", Json::array()}}), "EmptyBatchRequest");
  EXPECT_EQ(code_of("SendMessage", Json::object()), "MissingParameter");
  EXPECT_EQ(code_of("GetQueueUrl", {{"QueueName", "other"}}), "QueueDoesNotExist");
  EXPECT_EQ(code_of("CreateQueue", {{"QueueName", "a b"}}), "InvalidParameterValue");
  EXPECT_EQ(code_of("Dance", Json::object()), "UnsupportedOperation");
}

TEST_F(SqsTest, SpeaksTheQueryProtocolToo) {
  query({{"Action", "SendMessage"}, {"MessageBody", "<&>"}});
  const std::string received = query({{"Action", "ReceiveMessage"}, {"MaxNumberOfMessages", "10"}}).body;
  EXPECT_NE(received.find("<ReceiveMessageResult><Message><MessageId>"), std::string::npos) << received;
  EXPECT_NE(received.find("<Body>&lt;&amp;&gt;</Body>"), std::string::npos) << received;
  const std::string deleted = query({{"Action", "DeleteMessageBatch"},
                                     {"DeleteMessageBatchRequestEntry.1.Id", "a"},
                                     {"DeleteMessageBatchRequestEntry.1.ReceiptHandle", "handle-1"}})
                                  .body;
  EXPECT_NE(deleted.find("<DeleteMessageBatchResultEntry><Id>a</Id>"), std::string::npos) << deleted;
  EXPECT_EQ(sqs_.dump().at("q").at("deleted"), 1);
  const std::string attributes = query({{"Action", "GetQueueAttributes"}, {"AttributeName.1", "QueueArn"}}).body;
  EXPECT_NE(attributes.find("<Name>QueueArn</Name><Value>arn:aws:sqs:eu-central-1:111122223333:q</Value>"),
            std::string::npos)
      << attributes;
}

}  // namespace
}  // namespace penstock::sandbox
