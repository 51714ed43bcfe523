#include "server/pages/delivery_page.h"

#include <string>

#include <gtest/gtest.h>

#include "core/base/time.h"

namespace penstock::server::pages {
namespace {

DeliveryView example() {
  DeliveryView view;
  view.delivery.id = "01a200f3-8a23-7017-b04c-3ff4d656a161";
  view.delivery.outcome = store::Outcome::kFiltered;
  view.delivery.reason = "no webhook matched";
  view.delivery.repository_name = "shop";
  view.delivery.ref_updates = {{"refs/heads/main", std::string(40, '1'), std::string(40, '2')}};
  view.delivery.body =
      R"({"resource":{"repository":{"remoteUrl":"https://dev.azure.com/o/p/_git/shop"},"commits":[{"commitId":")" +
      std::string(40, '2') + R"(","comment":"<b>fat</b>","author":{"name":"Ada"}}]}})";
  view.delivery.body_bytes = view.delivery.body.size();
  view.delivery.decisions_json =
      R"([{"webhook":"shop-main","targetPipeline":"shop","matched":false,"reason":"filter 1","ref":"refs/heads/main",)"
      R"("filters":[{"jsonPath":"$.a","condition":"matchEquals","expected":"<x>","selected":["y"],"selectedCount":3,)"
      R"("matched":false}]}])";
  view.now = *parse_rfc3339("2026-11-22T10:00:00Z");
  view.delivery.received_at = *parse_rfc3339("2026-11-22T09:57:00Z");
  return view;
}

TEST(DeliveryPage, TellsWhichFilterSawWhat) {
  const std::string html = show_delivery(example()).body;
  EXPECT_NE(html.find("shop-main"), std::string::npos);
  EXPECT_NE(html.find("<code>&lt;x&gt;</code>"), std::string::npos);
  EXPECT_NE(html.find("<code>y</code>"), std::string::npos);
  EXPECT_NE(html.find("and 2 more"), std::string::npos);
  EXPECT_NE(html.find("3 min ago"), std::string::npos);
  EXPECT_NE(html.find("&lt;b&gt;fat&lt;/b&gt;"), std::string::npos);
}

TEST(DeliveryPage, LinksToAzureDevOpsOnlyWhereThatIs) {
  DeliveryView view = example();
  EXPECT_NE(show_delivery(view).body.find("href=\"https://dev.azure.com/o/p/_git/shop/commit/" + std::string(40, '2')),
            std::string::npos);
  const std::size_t at = view.delivery.body.find("dev.azure.com");
  view.delivery.body.replace(at, 13, "evil.example.");
  EXPECT_EQ(show_delivery(view).body.find("href=\"https://"), std::string::npos);
}

TEST(DeliveryPage, OffersOnlyWhatTheVisitorMayDo) {
  DeliveryView view = example();
  EXPECT_EQ(show_delivery(view).body.find("/redeliver"), std::string::npos);
  view.visitor = {.name = "ann", .form_token = "token-of-ann", .may_redeliver = true};
  const std::string html = show_delivery(view).body;
  EXPECT_NE(html.find("/deliveries/" + view.delivery.id + "/redeliver"), std::string::npos);
  EXPECT_NE(html.find("token-of-ann"), std::string::npos);
}

TEST(DeliveryPage, StandsWithoutEverything) {
  DeliveryView view;
  view.delivery.outcome = store::Outcome::kRejected;
  view.delivery.decisions_json = "no JSON";
  view.delivery.body = "neither";
  view.delivery.request_headers_json = "[1]";
  EXPECT_EQ(show_delivery(view).status, 200);
}

TEST(JsonPathTrial, GivesPathsAndValues) {
  const JsonPathTrial trial = try_json_path("$..name", R"({"a":[{"name":"x"},{"name":{"b":1}}]})");
  EXPECT_EQ(trial.problem, "");
  ASSERT_EQ(trial.nodes.size(), 2u);
  EXPECT_EQ(trial.nodes[0].path, "$['a'][0]['name']");
  EXPECT_EQ(trial.nodes[1].value, "{\"b\":1}");
}

TEST(JsonPathTrial, SaysWhatIsWrong) {
  EXPECT_NE(try_json_path("$.[", "{}").problem.find("column"), std::string::npos);
  EXPECT_NE(try_json_path("$", "no JSON").problem, "");
  EXPECT_NE(try_json_path(std::string(5000, '$'), "{}").problem, "");
}

TEST(JsonPathTrial, EndsWhateverTheQueryCosts) {
  const JsonPathTrial trial = try_json_path("$..[*]..[*]..[*]..[*]", "[[1,[2,[3,[4,[5,[6,[7,[8,[9,[10]]]]]]]]]]]");
  EXPECT_LE(trial.nodes.size(), 100u);
}

}  // namespace
}  // namespace penstock::server::pages
