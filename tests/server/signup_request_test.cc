#include <gtest/gtest.h>

#include "core/base/error.h"
#include "server/sign_up_routes.h"
#include "server/signup/request.h"

namespace penstock::server::signup {
namespace {

constexpr char kGood[] =
    R"({"clientId":"70837c7e-040f-456d-b06f-6de9eb9ee2a4","clientToken":"VOxvtAwjhd8H_-/+=.",
 "pipelineContext":{"pipelineName":"p.1","stageName":"Test","actionName":"a@b"},
 "actionConfiguration":[{"key":"Preset","value":"Übergröße"},{"key":"Empty","value":""}],
 "region":"us-west-2","requestId":"8b9c1a52-0c1e-4f7e-9d3c-3c1c6a0d7a11","more":{"of":"AWS"}})";

TEST(SignUpRequest, IsReadWhole) {
  const Request request = parse_request(kGood);
  EXPECT_EQ(request.client_id, "70837c7e-040f-456d-b06f-6de9eb9ee2a4");
  EXPECT_EQ(request.client_token.reveal(), "VOxvtAwjhd8H_-/+=.");
  EXPECT_EQ(request.request_id, "8b9c1a52-0c1e-4f7e-9d3c-3c1c6a0d7a11");
  EXPECT_EQ(request.region, "us-west-2");
  EXPECT_EQ(request.pipeline, "p.1");
  EXPECT_EQ(request.stage, "Test");
  EXPECT_EQ(request.action, "a@b");
  ASSERT_EQ(request.configuration.size(), 2u);
  EXPECT_EQ(*request.find("Preset"), "Übergröße");
  EXPECT_EQ(*request.find("Empty"), "");
  EXPECT_EQ(request.find("Other"), nullptr);
}

TEST(SignUpRequest, NeverShowsWhatItRefuses) {
  const std::string good = kGood;
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char c : {'\0', '"', '}', 'Z', '\x80'}) {
      std::string changed = good;
      changed[i] = c;
      try {
        parse_request(changed);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput) << i;
        EXPECT_EQ(std::string(error.what()).find("VOx"), std::string::npos) << error.what();
      }
    }
  }
}

TEST(ConfigurationValue, IsOneLineOfAThousandCharacters) {
  std::string umlauts;
  for (int i = 0; i < 1000; ++i) umlauts += "ü";
  EXPECT_TRUE(is_configuration_value(umlauts));
  EXPECT_FALSE(is_configuration_value(umlauts + "u"));
  EXPECT_TRUE(is_configuration_value(""));
  for (const char* bad : {"a\nb", "a\tb", "\x7f", "\xff", "\xc3"}) EXPECT_FALSE(is_configuration_value(bad)) << bad;
}

TEST(ConfirmationAddress, HoldsTheAnswerAndTheRegion) {
  Subject subject;
  subject.confirmation_url = "https://{region}.console.example.com/{region}/confirm?response={response}#x";
  EXPECT_EQ(
      confirmation_address(subject, "eu-central-1", "r", {{"A", "b&c=\"{region}\""}}),
      "https://eu-central-1.console.example.com/eu-central-1/confirm?response=%7B%22result%22%3A%22succeeded%22%2C"
      "%22requestId%22%3A%22r%22%2C%22actionConfiguration%22%3A%5B%7B%22key%22%3A%22A%22%2C%22value%22%3A%22b%26c"
      "%3D%5C%22%7Bregion%7D%5C%22%22%7D%5D%7D#x");
  EXPECT_EQ(confirmation_origin(subject, "eu-central-1"), "https://eu-central-1.console.example.com");
}

}  // namespace
}  // namespace penstock::server::signup
