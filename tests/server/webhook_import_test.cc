#include "server/webhook_import.h"

#include <gtest/gtest.h>

#include "core/config/settings.h"

namespace penstock::server {
namespace {

aws::Webhook make(const std::string& name, const std::string& authentication) {
  aws::Webhook webhook;
  webhook.name = name;
  webhook.target_pipeline = "shop";
  webhook.target_action = "Source";
  webhook.filters = {{"$.resource.refUpdates..name", "refs/heads/{Branch}"}, {"$.resource.pushId", std::nullopt}};
  webhook.authentication = authentication;
  return webhook;
}

config::LoadResult load(const std::string& yaml) {
  return config::parse(yaml, "imported.yaml");
}

TEST(WebhooksToYaml, IsAcceptedAsItIs) {
  aws::Webhook ip = make("from-office", "IP");
  ip.allowed_ip_range = "20.37.158.0/23";
  aws::Webhook odd = make("a@b.c_d", "UNAUTHENTICATED");
  odd.filters = {{"$['a \"quoted\" name']", "\\ # {Branch}\n\t\x01 ü"}};
  odd.error_code = "x";
  odd.error_message = "first line\nwebhooks: []";
  odd.last_triggered = from_milliseconds(1'795'253'400'000);
  const std::string yaml =
      webhooks_to_yaml({make("shop-main", "GITHUB_HMAC"), ip, odd, make("a-b.c_d", "GITHUB_HMAC")});
  const config::LoadResult result = load(yaml);
  for (const config::Problem& problem : result.problems) ADD_FAILURE() << problem.to_string("imported.yaml") << yaml;
  const config::Settings& settings = result.settings;
  ASSERT_EQ(settings.endpoints.size(), 4u);
  ASSERT_EQ(settings.webhooks.size(), 4u);
  const config::AuthenticationMethod& method = settings.endpoints[0].authentication.at(0);
  EXPECT_EQ(method.type, config::AuthenticationMethod::Type::kHmac);
  EXPECT_EQ(method.name, "X-Hub-Signature");
  EXPECT_EQ(method.secret.to_string(), "env:WEBHOOK_SECRET_SHOP_MAIN");
  EXPECT_TRUE(settings.endpoints[1].unauthenticated);
  EXPECT_EQ(settings.endpoints[1].allowed_ip_ranges, std::vector<std::string>{"20.37.158.0/23"});
  EXPECT_TRUE(settings.endpoints[2].unauthenticated);
  EXPECT_EQ(settings.webhooks[0].endpoint, settings.endpoints[0].name);
  EXPECT_EQ(settings.webhooks[0].filters[0].match_equals, "refs/heads/{Branch}");
  EXPECT_EQ(settings.webhooks[0].filters[1].match_equals, std::nullopt);
  EXPECT_EQ(settings.webhooks[2].filters[0].match_equals, odd.filters[0].match_equals);
  EXPECT_EQ(settings.webhooks[2].name, "a@b.c_d");
  EXPECT_NE(settings.endpoints[2].name, settings.endpoints[3].name);
}

TEST(WebhooksToYaml, KeepsWhatCannotBeAcceptedAsAComment) {
  aws::Webhook query = make("jayway", "UNAUTHENTICATED");
  query.filters = {{"$.a.length()", "1"}};
  aws::Webhook range = make("nowhere", "IP");
  range.allowed_ip_range = "everywhere";
  const std::string yaml = webhooks_to_yaml({query, range, make("later", "SOMETHING_NEW")});
  const config::LoadResult result = load(yaml);
  EXPECT_TRUE(result.problems.empty()) << yaml;
  EXPECT_TRUE(result.settings.webhooks.empty());
  for (const char* text :
       {"$.a.length()", "\"everywhere\" is no range of addresses", "\"SOMETHING_NEW\" is not known"}) {
    EXPECT_NE(yaml.find(text), std::string::npos) << text << yaml;
  }
}

TEST(WebhooksToYaml, OfNothingIsAcceptedToo) {
  EXPECT_TRUE(load(webhooks_to_yaml({})).problems.empty());
}

}  // namespace
}  // namespace penstock::server
