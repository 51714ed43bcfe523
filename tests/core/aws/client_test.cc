#include "core/aws/client.h"

#include <atomic>

#include <gtest/gtest.h>

#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

using std::chrono::milliseconds;
using testing::FakeClock;

class RenewableCredentials final : public CredentialsProvider {
 public:
  Credentials get() override { return test_credentials("token-" + std::to_string(generation_)); }
  void invalidate() override {
    if (changes) ++generation_;
    ++invalidations;
  }
  bool changes = true;
  int invalidations = 0;

 private:
  int generation_ = 1;
};

class ClientTest : public ::testing::Test {
 protected:
  Client& make(FakeTransport::Handler handler) {
    transport_ = std::make_shared<FakeTransport>(std::move(handler));
    ClientOptions options{.service = "codepipeline",
                          .endpoint = {.url = "https://codepipeline.eu-west-1.amazonaws.com", .region = "eu-west-1"}};
    options.random_unit = [] { return 1.0; };
    options.sleep = [this](milliseconds duration, const std::stop_token&) {
      sleeps_.push_back(duration);
      if (stop_while_sleeping_) stop_.request_stop();
    };
    client_ = std::make_unique<Client>(options, transport_, credentials_, clock_);
    return *client_;
  }
  Client& make(std::vector<http::Response> answers) {
    return make([answers = std::move(answers)](const auto&, int index) {
      return answers.at(std::min(static_cast<std::size_t>(index), answers.size() - 1));
    });
  }

  FakeClock clock_;
  std::shared_ptr<RenewableCredentials> credentials_ = std::make_shared<RenewableCredentials>();
  std::shared_ptr<FakeTransport> transport_;
  std::unique_ptr<Client> client_;
  std::vector<milliseconds> sleeps_;
  bool stop_while_sleeping_ = false;
  std::stop_source stop_;
};

TEST_F(ClientTest, SignsAwsJson) {
  EXPECT_EQ(make({answer(200, "{\"jobs\":[]}")}).call_json("CodePipeline_20150709.PollForJobs", "{}"), "{\"jobs\":[]}");
  const auto sent = transport_->sent().at(0);
  EXPECT_EQ(sent.method, "POST");
  EXPECT_EQ(sent.url, "https://codepipeline.eu-west-1.amazonaws.com/");
  EXPECT_EQ(sent.header("host"), "codepipeline.eu-west-1.amazonaws.com");
  EXPECT_EQ(sent.header("content-type"), "application/x-amz-json-1.1");
  EXPECT_EQ(sent.header("x-amz-target"), "CodePipeline_20150709.PollForJobs");
  EXPECT_EQ(sent.header("x-amz-security-token"), "token-1");
  EXPECT_EQ(sent.header("amz-sdk-request"), "attempt=1; max=3");
  EXPECT_TRUE(sent.header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-west-1/"));
}

TEST_F(ClientTest, RetriesTransientAnswersWithTheSameInvocationId) {
  Client& client = make({answer(500), answer(400, R"({"__type":"ThrottlingException"})"), answer(200, "ok")});
  EXPECT_EQ(client.call_json("T.Op", "{}"), "ok");
  EXPECT_EQ(sleeps_, (std::vector<milliseconds>{milliseconds(50), milliseconds(2000)}));
  const auto sent = transport_->sent();
  EXPECT_EQ(sent.at(0).header("amz-sdk-invocation-id"), sent.at(2).header("amz-sdk-invocation-id"));
  EXPECT_EQ(sent.at(2).header("amz-sdk-request"), "attempt=3; max=3");
}

TEST_F(ClientTest, GivesUpAfterItsAttempts) {
  const Error error = error_of([&] { make({answer(503, "busy")}).call_json("T.Op", "{}"); });
  EXPECT_EQ(transport_->sent().size(), 3u);
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_STREQ(error.what(), "calling codepipeline:Op: HTTP 503: \"busy\"");
}

TEST_F(ClientTest, DoesNotRetryWhatCannotHelp) {
  Client& client =
      make({answer(400, R"({"__type":"x#ValidationException","message":"bad"})", {{"x-amzn-RequestId", "r1"}})});
  const Error error = error_of([&] { client.call_json("T.Op", "{}"); });
  EXPECT_EQ(transport_->sent().size(), 1u);
  EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
  EXPECT_EQ(error.code(), "ValidationException");
  EXPECT_FALSE(error.may_have_happened());
  EXPECT_STREQ(error.what(), "calling codepipeline:Op: HTTP 400 ValidationException: bad (request r1)");
}

TEST_F(ClientTest, RemembersThatAnEarlierAttemptMayHaveHappened) {
  Client& client = make([](const auto&, int index) -> http::Response {
    if (index == 0) throw_network(ErrorKind::kUnavailable, true);
    return answer(400, R"({"__type":"InvalidNonceException"})");
  });
  const Error error = error_of([&] { client.call_json("T.AcknowledgeJob", "{}"); });
  EXPECT_EQ(error.code(), "InvalidNonceException");
  EXPECT_TRUE(error.may_have_happened());
}

TEST_F(ClientTest, KnowsWhenNoAttemptCanHaveHappened) {
  Client& client = make([](const auto&, int index) -> http::Response {
    if (index == 0) throw_network(ErrorKind::kUnavailable, false);
    if (index == 1) return answer(503, R"({"__type":"ThrottlingException"})");
    return answer(400, R"({"__type":"InvalidNonceException"})");
  });
  EXPECT_FALSE(error_of([&] { client.call_json("T.Op", "{}"); }).may_have_happened());
}

TEST_F(ClientTest, CountsAServerFaultAsPossiblyCarriedOut) {
  EXPECT_TRUE(error_of([&] { make({answer(500)}).call_json("T.Op", "{}"); }).may_have_happened());
}

TEST_F(ClientTest, StopsRetryingWhenTheBucketIsDry) {
  Client& client = make({answer(500)});
  for (int i = 0; i < 60; ++i) error_of([&] { client.call_json("T.Op", "{}"); });
  const std::size_t before = transport_->sent().size();
  error_of([&] { client.call_json("T.Op", "{}"); });
  EXPECT_EQ(transport_->sent().size(), before + 1);
}

TEST_F(ClientTest, CorrectsItsClockFromTheDateOfTheAnswer) {
  Client& client =
      make({answer(403, R"({"__type":"InvalidSignatureException"})", {{"Date", "Sat, 21 Nov 2026 11:30:00 GMT"}}),
            answer(200, "ok")});
  EXPECT_EQ(client.call_json("T.Op", "{}"), "ok");
  EXPECT_EQ(transport_->sent().at(0).header("x-amz-date"), "20261121T093000Z");
  EXPECT_EQ(transport_->sent().at(1).header("x-amz-date"), "20261121T113000Z");
  EXPECT_TRUE(sleeps_.empty());
  client.call_json("T.Op", "{}");
  EXPECT_EQ(transport_->sent().at(2).header("x-amz-date"), "20261121T113000Z");
}

TEST_F(ClientTest, TakesAWrongSignatureAsFinalWhenTheClockIsRight) {
  Client& client =
      make({answer(403, R"({"__type":"InvalidSignatureException"})", {{"Date", "Sat, 21 Nov 2026 09:32:00 GMT"}})});
  EXPECT_EQ(error_of([&] { client.call_json("T.Op", "{}"); }).kind(), ErrorKind::kUnauthenticated);
  EXPECT_EQ(transport_->sent().size(), 1u);
}

TEST_F(ClientTest, RenewsExpiredCredentialsOnce) {
  Client& client = make({answer(403, R"({"__type":"ExpiredTokenException"})"), answer(200, "ok")});
  EXPECT_EQ(client.call_json("T.Op", "{}"), "ok");
  EXPECT_EQ(transport_->sent().at(1).header("x-amz-security-token"), "token-2");
  Client& always = make({answer(403, R"({"__type":"ExpiredTokenException"})")});
  EXPECT_EQ(error_of([&] { always.call_json("T.Op", "{}"); }).kind(), ErrorKind::kUnauthenticated);
  EXPECT_EQ(transport_->sent().size(), 2u);
}

TEST_F(ClientTest, DoesNotRepeatACallWithTheSameRejectedCredentials) {
  credentials_->changes = false;
  Client& client = make({answer(403, R"({"__type":"UnrecognizedClientException"})")});
  error_of([&] { client.call_json("T.Op", "{}"); });
  EXPECT_EQ(transport_->sent().size(), 1u);
  EXPECT_EQ(credentials_->invalidations, 1);
}

TEST_F(ClientTest, IsStoppedWhileItWaits) {
  stop_while_sleeping_ = true;
  Client& client = make({answer(500)});
  const Error error = error_of([&] { client.call_json("T.Op", "{}", stop_.get_token()); });
  EXPECT_EQ(error.kind(), ErrorKind::kCancelled);
  EXPECT_TRUE(error.may_have_happened());
  EXPECT_EQ(transport_->sent().size(), 1u);
}

TEST_F(ClientTest, HonoursTheServersHint) {
  make({answer(503, "", {{"Retry-After", "2"}}), answer(200)}).call_json("T.Op", "{}");
  EXPECT_EQ(sleeps_, std::vector<milliseconds>{milliseconds(2000)});
}

TEST_F(ClientTest, SeesErrorsInSuccessfulAnswers) {
  Client& client = make({answer(200, "<Error><Code>InternalError</Code></Error>"), answer(200, "<Done/>")});
  Client::Call call;
  call.error_code = [](const http::Response& response) {
    return response.body.starts_with("<Error>") ? std::string("InternalError") : std::string();
  };
  EXPECT_EQ(client.send(call).body, "<Done/>");
}

TEST_F(ClientTest, DoesNotRepeatADownloadThatHasBegun) {
  int attempts = 0;
  Client& client = make([&](const auto&, int) -> http::Response {
    ++attempts;
    return answer(200, "<Error>");
  });
  Client::Call call;
  std::string received;
  call.on_body = [&](std::string_view piece) { received += piece; };
  call.error_code = [](const http::Response&) { return std::string("InternalError"); };
  EXPECT_EQ(error_of([&] { client.send(call); }).kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(attempts, 1);
}

TEST_F(ClientTest, KeepsSecretsOutOfMessages) {
  Client& client = make({answer(403, R"({"__type":"AccessDeniedException","message":"token-1 )" + kSecretKey + "\"}")});
  const std::string message = error_of([&] { client.call_json("T.Op", "{}"); }).what();
  EXPECT_EQ(message.find(kSecretKey), std::string::npos);
}

TEST_F(ClientTest, KeepsThePathOfACustomEndpoint) {
  Client& client = make({answer(200)});
  Client::Call call{.path = "/b/k", .query = "x=1"};
  call.endpoint = Endpoint{.url = "http://127.0.0.1:8080/aws", .region = "us-east-1", .custom = true};
  client.send(call);
  EXPECT_EQ(transport_->sent().at(0).url, "http://127.0.0.1:8080/aws/b/k?x=1");
  EXPECT_EQ(transport_->sent().at(0).header("host"), "127.0.0.1:8080");
}

}  // namespace
}  // namespace penstock::aws
