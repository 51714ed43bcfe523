#include "core/aws/cloudformation.h"

#include <gtest/gtest.h>

#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

using Sent = FakeTransport::Sent;

class CloudFormationTest : public ::testing::Test {
 protected:
  CloudFormationClient make(FakeTransport::Handler handler) {
    transport_ = std::make_shared<FakeTransport>(std::move(handler));
    ClientOptions options{.service = "cloudformation",
                          .endpoint = {.url = "https://cloudformation.example.com", .region = "r"}};
    options.sleep = [](auto, const auto&) {};
    return CloudFormationClient(
        std::make_shared<Client>(options, transport_, std::make_shared<StaticCredentials>(test_credentials()), clock_));
  }
  static http::Response failure(const std::string& code, const std::string& message) {
    return answer(400, "<ErrorResponse><Error><Type>Sender</Type><Code>" + code + "</Code><Message>" + message +
                           "</Message></Error></ErrorResponse>");
  }
  testing::FakeClock clock_;
  std::shared_ptr<FakeTransport> transport_;
};

TEST_F(CloudFormationTest, CreatesAStackWithAllThatItIsGiven) {
  auto client = make([](const Sent&, int) {
    return answer(
        200,
        "<CreateStackResponse><CreateStackResult><StackId>arn:s/1</StackId></CreateStackResult></CreateStackResponse>");
  });
  EXPECT_EQ(client.create_stack({.name = "shop",
                                 .template_body = "{\"a\": 1}",
                                 .parameters = {{"A", "1"}, {"B", "x&y"}},
                                 .tags = {{"team", "web"}},
                                 .capabilities = {"CAPABILITY_IAM"},
                                 .role_arn = "arn:role",
                                 .client_request_token = "t-1"}),
            "arn:s/1");
  EXPECT_EQ(transport_->sent().at(0).body,
            "Action=CreateStack&Version=2010-05-15&StackName=shop&TemplateBody=%7B%22a%22%3A%201%7D"
            "&Parameters.member.1.ParameterKey=A&Parameters.member.1.ParameterValue=1"
            "&Parameters.member.2.ParameterKey=B&Parameters.member.2.ParameterValue=x%26y"
            "&Tags.member.1.Key=team&Tags.member.1.Value=web&Capabilities.member.1=CAPABILITY_IAM"
            "&RoleARN=arn%3Arole&ClientRequestToken=t-1");
}

TEST_F(CloudFormationTest, NothingToUpdateIsNoError) {
  auto client = make([](const Sent&, int index) {
    if (index == 0) return failure("ValidationError", "No updates are to be performed.");
    if (index == 1) return answer(200, "<UpdateStackResponse/>");
    return failure("ValidationError", "Template format error");
  });
  EXPECT_EQ(client.update_stack({.name = "s", .template_url = "https://b/k"}), StackUpdate::kNothingToDo);
  EXPECT_EQ(client.update_stack({.name = "s", .template_url = "https://b/k"}), StackUpdate::kStarted);
  EXPECT_NE(transport_->sent().at(0).body.find("&TemplateURL=https%3A%2F%2Fb%2Fk"), std::string::npos);
  EXPECT_EQ(error_of([&] { client.update_stack({.name = "s"}); }).code(), "ValidationError");
}

TEST_F(CloudFormationTest, ReadsAStack) {
  auto client = make([](const Sent&, int index) {
    if (index == 1) return failure("ValidationError", "Stack with id shop does not exist");
    return answer(200, R"(<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
      <DescribeStacksResult><Stacks><member><Outputs><member><OutputKey>Url</OutputKey>
      <OutputValue>https://x/?a=1&amp;b</OutputValue></member><member><OutputValue>2</OutputValue><OutputKey>B</OutputKey>
      </member></Outputs><StackId>arn:s/1</StackId><StackName>shop</StackName><StackStatus>UPDATE_COMPLETE</StackStatus>
      <Tags/></member></Stacks></DescribeStacksResult></DescribeStacksResponse>)");
  });
  const auto stack = client.find_stack("shop");
  ASSERT_TRUE(stack);
  EXPECT_EQ(stack->id, "arn:s/1");
  EXPECT_EQ(stack->status, "UPDATE_COMPLETE");
  EXPECT_EQ(stack->outputs, (std::map<std::string, std::string>{{"Url", "https://x/?a=1&b"}, {"B", "2"}}));
  EXPECT_FALSE(client.find_stack("shop"));
}

TEST_F(CloudFormationTest, ReadsEventsOverPages) {
  auto client = make([](const Sent& sent, int) {
    const bool is_second = sent.body.find("NextToken=n%2B1") != std::string::npos;
    return answer(200,
                  std::string("<R><DescribeStackEventsResult><StackEvents><member><LogicalResourceId>") +
                      (is_second ? "A" : "B") +
                      "</LogicalResourceId><ResourceType>T</ResourceType><ResourceStatus>CREATE_FAILED</ResourceStatus>"
                      "<ResourceStatusReason>why</ResourceStatusReason><ClientRequestToken>t</ClientRequestToken>"
                      "</member></StackEvents>" +
                      (is_second ? "" : "<NextToken>n+1</NextToken>") + "</DescribeStackEventsResult></R>");
  });
  const auto events = client.list_events("s", 5);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].resource, "A");
  EXPECT_EQ(events[1].reason, "why");
  EXPECT_EQ(events[1].client_request_token, "t");
  EXPECT_EQ(client.list_events("s", 1).size(), 1u);
}

}  // namespace
}  // namespace penstock::aws
