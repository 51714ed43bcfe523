#include "core/jobs/client_tokens.h"

#include <gtest/gtest.h>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "tests/support/fake_clock.h"

namespace penstock::jobs {
namespace {

const Client kClient{"Test/ThirdParty/LoadTest/1", "70837c7e-040f-456d-b06f-6de9eb9ee2a4"};

class ClientTokensTest : public ::testing::Test {
 protected:
  ClientTokensTest() {
    store::Store::Options options;
    options.path = directory_.path() / "history.db";
    store_ = std::make_unique<store::Store>(options, clock_);
    tokens_ = std::make_unique<ClientTokens>(*store_, clock_, log_);
    use_keys({'a'});
  }

  void use_keys(const std::vector<char>& keys) {
    std::vector<Secret> secrets;
    for (const char key : keys) secrets.emplace_back(std::string(64, key));
    tokens_->set_keys({{kClient.action_type, std::make_shared<const Sealer>(secrets)}});
  }
  void add(const std::string& token, const Client& client = kClient) {
    tokens_->add({.client = client,
                  .region = "r",
                  .pipeline = "p",
                  .stage = "s",
                  .action = "a",
                  .request_digest = sha256_hex(std::to_string(++requests_))},
                 Secret(token));
  }
  std::vector<std::string> opened(const Client& client = kClient) {
    std::vector<std::string> texts;
    for (const auto& candidate : tokens_->candidates(client)) {
      texts.emplace_back(tokens_->open(client, candidate).reveal());
    }
    return texts;
  }

  TemporaryDirectory directory_;
  testing::FakeClock clock_;
  telemetry::Log log_ = telemetry::Log::silent();
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<ClientTokens> tokens_;
  int requests_ = 0;
};

TEST_F(ClientTokensTest, KeepATokenOnceHoweverOftenItIsBrought) {
  add("first");
  add("first");
  add("second");
  EXPECT_EQ(opened(), (std::vector<std::string>{"second", "first"}));
}

TEST_F(ClientTokensTest, OpenForTheirOwnClientAlone) {
  add("token");
  const auto candidate = tokens_->candidates(kClient).at(0);
  EXPECT_EQ(candidate.sealed.find("token"), std::string::npos);
  EXPECT_THROW(tokens_->open({kClient.action_type, "another"}, candidate), Error);
  EXPECT_TRUE(tokens_->candidates({kClient.action_type, "another"}).empty());
}

TEST_F(ClientTokensTest, TryWhatWasGoodFirst) {
  add("good");
  tokens_->confirm(tokens_->candidates(kClient).at(0));
  add("stranger's");
  EXPECT_EQ(opened(), (std::vector<std::string>{"good", "stranger's"}));
}

TEST_F(ClientTokensTest, AreSealedAnewWhenTheKeyChanges) {
  add("token");
  const std::string before = tokens_->candidates(kClient).at(0).sealed;
  use_keys({'b', 'a'});
  EXPECT_NE(tokens_->candidates(kClient).at(0).sealed, before);
  use_keys({'b'});
  EXPECT_EQ(opened(), std::vector<std::string>{"token"});
  use_keys({'c'});
  EXPECT_THROW(opened(), Error);
  add("token");  // brought again by the console
  EXPECT_EQ(tokens_->open(kClient, tokens_->candidates(kClient).at(0)).reveal(), "token");
}

TEST_F(ClientTokensTest, NeedAKeyOfTheirActionType) {
  try {
    add("token", {"Test/ThirdParty/Other/1", "c"});
    FAIL() << "it was kept";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
  }
}

}  // namespace
}  // namespace penstock::jobs
