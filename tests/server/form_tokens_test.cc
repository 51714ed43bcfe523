#include "server/form_tokens.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace penstock::server {
namespace {

TEST(FormTokens, FitTheirHolderOnly) {
  penstock::testing::FakeClock clock;
  const FormTokens tokens(clock), others(clock);
  const std::string token = tokens.make("password:ann");
  EXPECT_TRUE(tokens.check("password:ann", token));
  EXPECT_FALSE(tokens.check("password:bob", token));
  EXPECT_FALSE(tokens.check("session:ann", token));
  EXPECT_FALSE(tokens.check("", tokens.make("")));
  EXPECT_FALSE(others.check("password:ann", token)) << "the key is of one process";
}

TEST(FormTokens, RefuseWhatWasAltered) {
  penstock::testing::FakeClock clock;
  const FormTokens tokens(clock);
  const std::string token = tokens.make("password:ann");
  for (const std::string& altered : {std::string(), std::string("."), token + "A", token.substr(1), "1" + token,
                                     token.substr(0, token.size() - 1), std::string(300, '1')}) {
    EXPECT_FALSE(tokens.check("password:ann", altered)) << altered;
  }
}

TEST(FormTokens, EndAfterHalfADay) {
  penstock::testing::FakeClock clock;
  const FormTokens tokens(clock);
  const std::string token = tokens.make("password:ann");
  clock.advance(FormTokens::kLifetime);
  EXPECT_TRUE(tokens.check("password:ann", token));
  clock.advance(std::chrono::seconds(1));
  EXPECT_FALSE(tokens.check("password:ann", token));
}

}  // namespace
}  // namespace penstock::server
