#include "core/git/tree.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::git {
namespace {

const std::string kId(20, '\x01');

std::string entry(const std::string& mode, const std::string& name) {
  return mode + " " + name + '\0' + kId;
}

TEST(Tree, IsReadEntryByEntry) {
  const std::string bytes = entry("100644", "a") + entry("40000", "b") + entry("100755", "");
  const auto entries = parse_tree(bytes);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].mode, 0100644u);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(entries[1].mode, 040000u);
  EXPECT_EQ(entries[2].name, "");
  EXPECT_EQ(entries[2].id, kId);
  EXPECT_TRUE(parse_tree("").empty());
}

TEST(Tree, CutOffAnywhereIsRefused) {
  const std::string bytes = entry("100644", "name");
  for (std::size_t length = 1; length < bytes.size(); ++length)
    EXPECT_THROW(parse_tree(bytes.substr(0, length)), Error) << length;
}

TEST(Tree, OddModesAreRefused) {
  EXPECT_THROW(parse_tree(entry("", "a")), Error);
  EXPECT_THROW(parse_tree(entry("98", "a")), Error);
  EXPECT_THROW(parse_tree(entry("10064412", "a")), Error);
}

}  // namespace
}  // namespace penstock::git
