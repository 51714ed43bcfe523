#include "core/azure/entra_tokens.h"

#include <deque>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/fake_clock.h"

namespace penstock::azure {
namespace {

using std::chrono::minutes;

class ScriptedTransport final : public http::HttpTransport {
 public:
  http::Response send(const http::Request& request) override {
    last_url = request.url;
    last_body = request.body;
    ++calls;
    http::Response response = answers.front();
    if (answers.size() > 1) answers.pop_front();
    return response;
  }
  std::deque<http::Response> answers;
  std::string last_url, last_body;
  int calls = 0;
};

class EntraTokensTest : public ::testing::Test {
 protected:
  EntraTokens make() {
    EntraTokens::Options options;
    options.tenant_id = "contoso.example";
    options.client_id = "client";
    options.client_secret = [] { return Secret("s3cret&="); };
    return EntraTokens(options, transport_, clock_);
  }
  void answer(int status, std::string body) { transport_->answers.push_back({status, {}, std::move(body)}); }

  std::shared_ptr<ScriptedTransport> transport_ = std::make_shared<ScriptedTransport>();
  testing::FakeClock clock_;
};

TEST_F(EntraTokensTest, AsksOnceAndRenewsBeforeTheEnd) {
  answer(200, R"({"access_token":"one","expires_in":3600})");
  answer(200, R"({"access_token":"two","expires_in":3600})");
  EntraTokens tokens = make();
  EXPECT_EQ(tokens.get().reveal(), "one");
  clock_.advance(minutes(54));
  EXPECT_EQ(tokens.get().reveal(), "one");
  EXPECT_EQ(transport_->calls, 1);
  clock_.advance(minutes(2));
  EXPECT_EQ(tokens.get().reveal(), "two");
}

TEST_F(EntraTokensTest, SendsTheDocumentedForm) {
  answer(200, R"({"access_token":"one","expires_in":3600})");
  make().get();
  EXPECT_EQ(transport_->last_url, "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token");
  EXPECT_EQ(transport_->last_body,
            "grant_type=client_credentials&client_id=client&scope=499b84ac-1321-427f-aa17-267ca6975798%2F.default&"
            "client_secret=s3cret%26%3D");
}

TEST_F(EntraTokensTest, AsksAnewAfterForget) {
  answer(200, R"({"access_token":"one","expires_in":3600})");
  answer(200, R"({"access_token":"two","expires_in":3600})");
  EntraTokens tokens = make();
  tokens.get();
  tokens.forget();
  EXPECT_EQ(tokens.get().reveal(), "two");
}

TEST_F(EntraTokensTest, ExplainsKnownCodesWithoutTheSecret) {
  answer(401, R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."})");
  try {
    make().get();
    FAIL() << "got a token";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnauthenticated);
    EXPECT_EQ(error.code(), "AADSTS7000215");
    EXPECT_STREQ(error.what(),
                 "getting an Entra token for the client \"client\": HTTP 401 AADSTS7000215: the client secret is wrong "
                 "(its value is needed, not its id)");
  }
}

TEST_F(EntraTokensTest, ServerFaultsPass) {
  answer(503, "<html>");
  try {
    make().get();
    FAIL() << "got a token";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  }
}

}  // namespace
}  // namespace penstock::azure
