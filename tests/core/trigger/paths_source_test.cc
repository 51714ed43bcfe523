#include "core/trigger/paths_source.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::trigger {
namespace {

constexpr const char* kByKey = "https://git.example.com/{Project}/_git/{Repo}";
const aws::ActionTypeId kAzure{"Source", "Custom", "Azure", "1"}, kOther{"Source", "Custom", "Other", "1"};

hooks::WebhookDefinition fixed(std::map<std::string, std::string> configuration = {}) {
  hooks::WebhookDefinition definition;
  definition.name = "shop-main";
  definition.target_pipeline = "shop";
  definition.target_action = "Source";
  definition.action_configuration = std::move(configuration);
  definition.path_rules.ignore_paths = {"*.md"};
  return definition;
}
hooks::WebhookDefinition routed(std::map<std::string, std::string> configuration = {}) {
  hooks::WebhookDefinition definition = fixed(std::move(configuration));
  definition.target_pipeline.clear();
  definition.path_rules.routes = {{.paths = {"{name}/**"}, .target_pipeline = "{name}"}};
  return definition;
}

class PathsSourcesTest : public ::testing::Test {
 protected:
  PathsSource find(hooks::WebhookDefinition definition, PathsSources::Settings settings) {
    PathsSources sources([this](const std::string& name) {
      ++loads_;
      if (name != "shop") throw Error(ErrorKind::kNotFound, "there is no pipeline \"" + name + "\"");
      return aws::PipelineDescription{.name = name,
                                      .version = 1,
                                      .actions = {{.stage = "Source",
                                                   .name = "Source",
                                                   .action_type = kAzure,
                                                   .configuration = {{"Project", "Harbour Works"}, {"Repo", "shop"}}}}};
    });
    sources.set(std::make_shared<const PathsSources::Settings>(std::move(settings)));
    const hooks::Webhook webhook(std::move(definition));
    return sources.find(webhook, webhook.definition().target_pipeline);
  }
  std::string refusal(hooks::WebhookDefinition definition, PathsSources::Settings settings) {
    try {
      find(std::move(definition), std::move(settings));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
      return error.what();
    }
    return "";
  }
  int loads_ = 0;
};

TEST_F(PathsSourcesTest, AWebhooksOwnSourceComesFirst) {
  const PathsSource own{"https://git.example.com/own", {"pat"}};
  EXPECT_EQ(find(fixed(), {.webhooks = {{"shop-main", own}}, .workers = {{kAzure, {kByKey, {"other"}}}}}), own);
  EXPECT_EQ(loads_, 0);
}

TEST_F(PathsSourcesTest, TheOnlyWorkerNeedsNoAsking) {
  const PathsSource found =
      find(fixed({{"Project", "P"}, {"Repo", "a b"}}), {.webhooks = {}, .workers = {{kAzure, {kByKey, {"pat"}}}}});
  EXPECT_EQ(found, (PathsSource{"https://git.example.com/P/_git/a%20b", {"pat"}}));
  EXPECT_EQ(loads_, 0);
}

TEST_F(PathsSourcesTest, MissingKeysAreThoseOfTheTargetAction) {
  const PathsSource found = find(fixed({{"Repo", "mine"}}), {.webhooks = {}, .workers = {{kAzure, {kByKey, {}}}}});
  EXPECT_EQ(found.remote, "https://git.example.com/Harbour%20Works/_git/mine");
  EXPECT_EQ(loads_, 1);
}

TEST_F(PathsSourcesTest, OfSeveralWorkersTheActionsTypeTells) {
  const PathsSource found = find(fixed(), {.webhooks = {},
                                           .workers = {{kOther, {"https://git.example.com/other", {}}},
                                                       {kAzure, {"https://git.example.com/azure", {"pat"}}}}});
  EXPECT_EQ(found.remote, "https://git.example.com/azure");
  EXPECT_NE(refusal(fixed(), {.webhooks = {},
                              .workers = {{kOther, {"https://git.example.com/other", {}}},
                                          {{"Source", "Custom", "Third", "1"}, {"https://git.example.com/x", {}}}}})
                .find("no worker works actions of the type of \"Source\"; set source"),
            std::string::npos);
}

TEST_F(PathsSourcesTest, WithRoutesThereIsNoPipelineToAsk) {
  const PathsSources::Settings two{
      .webhooks = {},
      .workers = {{kOther, {"https://git.example.com/other", {}}}, {kAzure, {"https://git.example.com/azure", {}}}}};
  EXPECT_NE(refusal(routed(), two).find("there are several workers"), std::string::npos);
  const PathsSources::Settings one{.webhooks = {}, .workers = {{kAzure, {kByKey, {}}}}};
  EXPECT_NE(refusal(routed({{"Project", "P"}}), one).find("expected a value for \"Repo\""), std::string::npos);
  EXPECT_EQ(find(routed({{"Project", "P"}, {"Repo", "r"}}), one).remote, "https://git.example.com/P/_git/r");
  EXPECT_NE(refusal(routed(), {}).find("found neither a source nor a worker"), std::string::npos);
  EXPECT_EQ(loads_, 0);
}

TEST(FindSourceFault, IsQuietForWebhooksThatLookAtNoFiles) {
  hooks::WebhookDefinition definition = fixed();
  definition.path_rules = {};
  EXPECT_FALSE(find_source_fault(hooks::Webhook(definition), {}));
  definition.path_rules.triggers = {{.branches = hooks::PatternLists{.includes = {"main"}}}};
  EXPECT_FALSE(find_source_fault(hooks::Webhook(definition), {}));
  EXPECT_EQ(find_source_fault(hooks::Webhook(fixed()), {})->setting, "source");
}

}  // namespace
}  // namespace penstock::trigger
