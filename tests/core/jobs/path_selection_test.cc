#include "core/jobs/path_selection.h"

#include <gtest/gtest.h>

namespace penstock::jobs {
namespace {

TEST(PathSelection, HasWhatIsIncludedAndNotExcluded) {
  const PathSelection all({}, {});
  EXPECT_TRUE(all.is_everything());
  EXPECT_TRUE(all.has("a/b"));
  const PathSelection some({"src/**", "README"}, {"**.o"});
  EXPECT_FALSE(some.is_everything());
  EXPECT_TRUE(some.has("src/deep/a.c"));
  EXPECT_TRUE(some.has("README"));
  EXPECT_FALSE(some.has("src/a.o"));
  EXPECT_FALSE(some.has("docs/README"));
}

TEST(PathSelection, LeavesOutFoldersWholeOnly) {
  EXPECT_TRUE(PathSelection({}, {"**"}).leaves_out("anything/at/all"));
  EXPECT_FALSE(PathSelection({}, {"*", "/**", "?", "a\\/**"}).leaves_out("a"));
  EXPECT_FALSE(PathSelection({"src/**"}, {}).leaves_out("libs"));
  const PathSelection some({}, {"libs/old", "vendor/**", "third/*/x/**", "docs/*", "**/gone", "{a,b}/c"});
  for (const char* folder : {"libs/old", "vendor", "vendor/a/b", "third/a/x", "third/a/x/y", "a/gone", "b/c"})
    EXPECT_TRUE(some.leaves_out(folder)) << folder;
  for (const char* folder : {"libs", "libs/older", "vendors", "third/a", "docs", "docs/a", "docs/a/b", "c/c"})
    EXPECT_FALSE(some.leaves_out(folder)) << folder;
}

}  // namespace
}  // namespace penstock::jobs
