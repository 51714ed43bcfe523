#include "core/hooks/webhook.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::hooks {
namespace {

WebhookDefinition with_filter(FilterDefinition filter) {
  return {
      .name = "shop", .endpoint = "e", .target_pipeline = "p", .target_action = "a", .filters = {std::move(filter)}};
}

std::string message_of(WebhookDefinition definition) {
  try {
    Webhook webhook(std::move(definition));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
    return error.what();
  }
  return "no error";
}

TEST(Webhook, NamesTheFilterThatIsWrong) {
  EXPECT_TRUE(
      message_of(with_filter({.json_path = "$.a["})).starts_with("webhook \"shop\": filters[0].jsonPath: column "));
  EXPECT_EQ(message_of(with_filter({.json_path = "$.a", .match_glob = "x[y"})),
            "webhook \"shop\": filters[0]: column 2: the character class opened here is not closed with ']'");
  EXPECT_TRUE(
      message_of(with_filter({.json_path = "$.a", .match_regex = "(x"})).starts_with("webhook \"shop\": filters[0]: "));
  EXPECT_EQ(message_of(with_filter({.json_path = "$.a", .match_equals = "x", .not_equals = "y"})),
            "webhook \"shop\": filters[0]: expected one condition, found matchEquals and notEquals");
  auto definition = with_filter({.json_path = "$.a"});
  definition.variables = {{"COMMIT", "resource"}};
  EXPECT_TRUE(message_of(definition).starts_with("webhook \"shop\": variables.COMMIT: column 1"));
}

TEST(Webhook, KnowsWhichKeysItNeeds) {
  auto definition = with_filter({.json_path = "$.a", .match_equals = "{Branch}/{Repo}"});
  definition.filters.push_back({.json_path = "$.b", .match_regex = "{Branch}{2}|{Other}"});
  definition.filters.push_back({.json_path = "$.c", .match_glob = "{x,y}{Given}"});
  definition.action_configuration = {{"Given", "1"}};
  EXPECT_EQ(Webhook(definition).needed_keys(), (std::vector<std::string>{"Branch", "Repo", "Other"}));
}

TEST(Webhook, CompilesPatternsOnceUnlessTheyHoldPlaceholders) {
  EXPECT_TRUE(Webhook(with_filter({.json_path = "$.a", .match_glob = "x*"})).filters()[0].glob);
  EXPECT_FALSE(Webhook(with_filter({.json_path = "$.a", .match_glob = "{Key}*"})).filters()[0].glob);
  EXPECT_TRUE(Webhook(with_filter({.json_path = "$.a", .match_regex = "x{2}"})).filters()[0].regex);
  EXPECT_FALSE(Webhook(with_filter({.json_path = "$.a", .match_regex = "x{Key}"})).filters()[0].regex);
}

TEST(Webhook, AcceptsMoreFiltersThanAws) {
  auto definition = with_filter({.json_path = "$.a"});
  definition.filters.resize(20, definition.filters[0]);
  EXPECT_EQ(Webhook(definition).filters().size(), 20u);
}

TEST(Webhook, WithRoutesTakesKeysOnlyFromItsOwnConfiguration) {
  auto definition = with_filter({.json_path = "$.a", .match_equals = "{Branch}"});
  definition.path_rules.routes = {{.paths = {"{a}/**"}, .target_pipeline = "{a}"}};
  EXPECT_EQ(message_of(definition),
            "webhook \"shop\": {Branch} in a filter: with routes there is no one pipeline whose action says what it "
            "is; give it under actionConfiguration");
  definition.action_configuration = {{"Branch", "main"}};
  EXPECT_TRUE(Webhook(definition).has_routes());
  EXPECT_NE(Webhook(definition).path_rules(), nullptr);
  EXPECT_EQ(Webhook(with_filter({.json_path = "$.a"})).path_rules(), nullptr);
}

}  // namespace
}  // namespace penstock::hooks
