#include "core/azure/entra_tokens.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/certificates.h"
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
  EntraTokens::Options options() const {
    return {.tenant_id = "contoso.example", .client_id = "client", .proof = proof_, .authority = authority_};
  }
  EntraTokens make() { return EntraTokens(options(), transport_, clock_); }
  void answer(int status, std::string body) { transport_->answers.push_back({status, {}, std::move(body)}); }

  EntraTokens::Proof proof_ = EntraTokens::ClientSecret{[] { return Secret("s3cret&=\n"); }};
  std::string authority_ = "https://login.microsoftonline.com";
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
  EXPECT_EQ(tokens.get().reveal(), "one") << "it is new: another would be refused as well";
  clock_.advance(std::chrono::seconds(11));
  tokens.forget();
  EXPECT_EQ(tokens.get().reveal(), "two");
}

TEST_F(EntraTokensTest, ServesTheOldTokenWhileEntraIsDown) {
  answer(200, R"({"access_token":"one","expires_in":3600})");
  answer(503, "<html>");
  EntraTokens tokens = make();
  tokens.get();
  clock_.advance(minutes(56));
  EXPECT_EQ(tokens.get().reveal(), "one");
  EXPECT_EQ(tokens.get().reveal(), "one");
  EXPECT_EQ(transport_->calls, 2) << "and does not ask for every job";
  clock_.advance(minutes(4));
  EXPECT_THROW(tokens.get(), Error);
}

TEST_F(EntraTokensTest, DropsTheOldTokenWhenTheProofIsRefused) {
  answer(200, R"({"access_token":"one","expires_in":3600})");
  answer(401, R"({"error":"invalid_client","error_description":"AADSTS7000222: Expired."})");
  EntraTokens tokens = make();
  tokens.get();
  clock_.advance(minutes(56));
  EXPECT_THROW(tokens.get(), Error);
}

TEST_F(EntraTokensTest, ProvesItselfWithACertificate) {
  const auto made = testing::make_certificate();
  proof_ = EntraTokens::ClientCertificate{[&] { return Secret(made.certificate + made.private_key); }};
  answer(200, R"({"access_token":"one","expires_in":3600})");
  make().get();
  EXPECT_NE(transport_->last_body.find("&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3A"
                                       "jwt-bearer&client_assertion=ey"),
            std::string::npos)
      << transport_->last_body;
  EXPECT_EQ(transport_->last_body.find("client_secret"), std::string::npos);
}

TEST_F(EntraTokensTest, SaysThatTheCertificateHasExpired) {
  const auto made = testing::make_certificate();
  proof_ = EntraTokens::ClientCertificate{[&] { return Secret(made.certificate + made.private_key); }};
  clock_.jump(std::chrono::hours(24 * 365 * 100));
  answer(200, R"({"access_token":"one","expires_in":3600})");
  try {
    make().get();
    FAIL() << "got a token";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnauthenticated);
    EXPECT_NE(std::string(error.what()).find("the certificate expired "), std::string::npos) << error.what();
  }
  EXPECT_EQ(transport_->calls, 0);
}

TEST_F(EntraTokensTest, ReadsTheFederatedTokenAnewEachTime) {
  int reads = 0;
  proof_ = EntraTokens::FederatedToken{[&] { return Secret("jwt" + std::to_string(++reads) + "\n"); }};
  answer(200, R"({"access_token":"one","expires_in":3600})");
  EntraTokens tokens = make();
  tokens.get();
  EXPECT_TRUE(transport_->last_body.ends_with("&client_assertion=jwt1")) << transport_->last_body;
  clock_.advance(minutes(56));
  tokens.get();
  EXPECT_TRUE(transport_->last_body.ends_with("&client_assertion=jwt2")) << transport_->last_body;
}

TEST_F(EntraTokensTest, SpeaksOnlyOverTlsOrToThisMachine) {
  for (const char* bad : {"http://login.example.com", "ftp://x", "", "login.microsoftonline.com"}) {
    authority_ = bad;
    EXPECT_THROW(make(), Error) << bad;
  }
  authority_ = "http://127.0.0.1:8080";
  answer(200, R"({"access_token":"one","expires_in":3600})");
  make().get();
  EXPECT_EQ(transport_->last_url, "http://127.0.0.1:8080/contoso.example/oauth2/v2.0/token");
}

TEST_F(EntraTokensTest, AsksOnceForAllWhoWait) {
  class SlowTransport final : public http::HttpTransport {
   public:
    http::Response send(const http::Request&) override {
      const int call = ++calls;
      std::unique_lock lock(mutex);
      released.wait(lock, [&] { return open; });
      return {status, {}, R"({"access_token":"token)" + std::to_string(call) + R"(","expires_in":3600})"};
    }
    std::atomic<int> calls{0};
    int status = 200;
    std::mutex mutex;
    std::condition_variable released;
    bool open = false;
  };
  for (const int status : {200, 503}) {
    const auto slow = std::make_shared<SlowTransport>();
    slow->status = status;
    EntraTokens tokens({.tenant_id = "t", .client_id = "c", .proof = proof_, .authority = authority_}, slow, clock_);
    std::atomic<int> begun{0}, good{0}, failed{0};
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
          ++begun;
          try {
            good += tokens.get().reveal() == "token1";
          } catch (const Error&) {
            ++failed;
          }
        });
      }
      while (begun < 8 || slow->calls == 0) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));  // so that they wait; none of it is measured
      {
        std::lock_guard lock(slow->mutex);
        slow->open = true;
      }
      slow->released.notify_all();
    }
    EXPECT_EQ(good + failed, 8);
    EXPECT_EQ(status == 200 ? good : failed, 8);
    if (status == 200) {
      EXPECT_EQ(slow->calls, 1);
    } else {
      EXPECT_LT(slow->calls, 8) << "a failure is shared, too";
    }
  }
}

TEST_F(EntraTokensTest, ExplainsKnownCodesWithoutTheSecret) {
  answer(401, R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."})");
  try {
    make().get();
    FAIL() << "got a token";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnauthenticated);
    EXPECT_EQ(error.code(), "AADSTS7000215");
    EXPECT_STREQ(
        error.what(),
        "getting an Entra token for the client \"client\": HTTP 401 AADSTS7000215: the client secret is wrong; "
        "store the secret's value, not its id, and see that it belongs to this clientId");
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
