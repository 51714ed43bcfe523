#include "core/listener/router.h"

#include <gtest/gtest.h>

namespace penstock::listener {
namespace {

Router make_router() {
  Router router;
  router.add("GET", "/");
  router.add("POST", "/hooks/{endpoint}");
  router.add("GET", "/items/{id}");
  router.add("DELETE", "/items/{id}");
  router.add("GET", "/items/{id}/log");
  return router;
}

TEST(Router, FindsByMethodAndPath) {
  const Router router = make_router();
  EXPECT_EQ(router.find("GET", "/").route, 0u);
  EXPECT_EQ(router.find("POST", "/hooks/a").route, 1u);
  EXPECT_EQ(router.find("DELETE", "/items/a").route, 3u);
  EXPECT_EQ(router.find("HEAD", "/items/a/log").route, 4u);
}

TEST(Router, DecodesCaptures) {
  const Router router = make_router();
  EXPECT_EQ(router.find("POST", "/hooks/a%2Fb%20c").captures, std::vector<std::string>{"a/b c"});
}

TEST(Router, TellsWhatAPathTakes) {
  const Router router = make_router();
  EXPECT_EQ(router.find("POST", "/items/a").allow, "GET, HEAD, DELETE, OPTIONS");
  EXPECT_FALSE(router.find("POST", "/items/a").route);
  EXPECT_EQ(router.find("GET", "/nothing").allow, "");
  EXPECT_EQ(router.all_methods(), "DELETE, GET, HEAD, POST, OPTIONS");
}

TEST(Router, KnowsNoOtherSpellings) {
  const Router router = make_router();
  for (const char* path : {"/hooks/", "/hooks", "/hooks/a/", "//hooks/a", "/items//log", "/HOOKS/a", "hooks"}) {
    EXPECT_EQ(router.find("POST", path).allow, "") << path;
  }
}

TEST(ParseQuery, DecodesAndKeepsOrder) {
  using Parts = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(parse_query("a=1&b&&c=%26+x&a=2"), (Parts{{"a", "1"}, {"b", ""}, {"c", "& x"}, {"a", "2"}}));
  EXPECT_EQ(parse_query("a=%2&b=1"), (Parts{{"b", "1"}}));
}

}  // namespace
}  // namespace penstock::listener
