#include "core/intake/settings.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::intake {
namespace {

config::Settings sample() {
  config::Settings settings;
  config::Endpoint endpoint;
  endpoint.name = "azure-devops";
  config::AuthenticationMethod basic;
  basic.username = "azure";
  basic.secret = *SecretReference::parse("env:ONE");
  config::AuthenticationMethod hmac;
  hmac.type = config::AuthenticationMethod::Type::kHmac;
  hmac.name = "X-Hub-Signature";
  hmac.algorithm = "sha1";
  hmac.secret = *SecretReference::parse("env:TWO");
  endpoint.authentication = {basic, hmac};
  endpoint.allowed_ip_ranges = {"10.0.0.0/8"};
  settings.endpoints.push_back(endpoint);
  config::Webhook webhook;
  webhook.name = "shop";
  webhook.endpoint = "azure-devops";
  webhook.target_pipeline = "shop";
  webhook.filters.push_back({});
  webhook.filters[0].json_path = "$.eventType";
  webhook.filters[0].match_equals = "git.push";
  settings.webhooks.push_back(webhook);
  return settings;
}

Secret lookup(const SecretReference& reference) {
  if (reference.name == "EMPTY") return Secret();
  return Secret("value of " + reference.name);
}

TEST(MakeSettings, ResolvesSecretsAndCompilesWebhooks) {
  const IntakeSettings settings = make_settings(sample(), lookup);
  const hooks::EndpointAuthentication& authentication = settings.endpoints.at("azure-devops");
  ASSERT_EQ(authentication.basic.size(), 1u);
  EXPECT_TRUE(authentication.basic[0].password.equals("value of ONE"));
  ASSERT_EQ(authentication.hmac.size(), 1u);
  EXPECT_EQ(authentication.hmac[0].algorithm, HashAlgorithm::kSha1);
  EXPECT_EQ(authentication.allowed_ip_ranges.size(), 1u);
  ASSERT_EQ(settings.webhooks.size(), 1u);
  EXPECT_FALSE(settings.webhooks[0].authentication);
}

TEST(MakeSettings, AnEmptySecretIsRefused) {
  config::Settings settings = sample();
  settings.endpoints[0].authentication[0].secret.name = "EMPTY";
  try {
    make_settings(settings, lookup);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
    EXPECT_STREQ(error.what(), "preparing endpoint \"azure-devops\": resolving env:EMPTY: the secret is empty");
  }
}

TEST(MakeSettings, NamesTheWebhookThatCannotBeCompiled) {
  config::Settings settings = sample();
  settings.webhooks[0].filters[0].json_path = "$..[";
  try {
    make_settings(settings, lookup);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("preparing webhook \"shop\""), std::string::npos);
  }
}

}  // namespace
}  // namespace penstock::intake
