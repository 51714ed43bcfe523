#include "core/archive/unpack_plan.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::archive {
namespace {

TEST(UnpackedPath, IsPlain) {
  EXPECT_EQ(unpacked_path("a/b"), "a/b");
  EXPECT_EQ(unpacked_path("./a//b/./c/"), "a/b/c");
  EXPECT_EQ(unpacked_path("..."), "...");
  EXPECT_THROW(unpacked_path("a/.."), Error);
  EXPECT_THROW(unpacked_path(std::string(256, 'x')), Error);
}

TEST(CheckLinks, FollowsThemAsTheKernelWould) {
  EXPECT_NO_THROW(check_links({{"a/b/up", "../.."}, {"c", "a/b/up/a"}}));
  EXPECT_THROW(check_links({{"a/b/up", "../.."}, {"c", "a/b/up/.."}}), Error);
  EXPECT_THROW(check_links({{"a/b/up", "../../.."}}), Error);
  // ".." is taken where the link leads, not where it is.
  EXPECT_NO_THROW(check_links({{"far", "a/b/c"}, {"l", "far/../../.."}}));
  EXPECT_THROW(check_links({{"a/b/near", "../../x"}, {"l", "a/b/near/../.."}}), Error);
}

TEST(CheckLinks, EndsForLinksThatMultiply) {
  std::map<std::string, std::string> links{{"l0", "x"}};
  for (int i = 1; i < 60; ++i) {
    const std::string before = "l" + std::to_string(i - 1);
    links["l" + std::to_string(i)] = before + "/../" + before + "/../" + before;
  }
  EXPECT_NO_THROW(check_links(links));
}

}  // namespace
}  // namespace penstock::archive
