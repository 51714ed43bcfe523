#include "core/archive/spool.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/files.h"

namespace penstock::archive {
namespace {

std::string content(const Spool& spool) {
  std::string all;
  spool.read([&](std::string_view piece) { all += piece; });
  return all;
}

TEST(Spool, GivesBackWhatItWasGivenHoweverMuch) {
  const TemporaryDirectory folder;
  for (const int pieces : {0, 1, 1000, 60'000}) {
    Spool spool(folder.path());
    std::string expected;
    for (int i = 0; i < pieces; ++i) {
      const std::string piece = "entry " + std::to_string(i) + std::string(40, 'x');
      spool.append(piece);
      expected += piece;
    }
    EXPECT_EQ(spool.size(), expected.size());
    EXPECT_TRUE(content(spool) == expected) << pieces;
    // Nothing that a crash could leave behind.
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  }
}

TEST(Spool, NeedsItsFolderOnlyForMuch) {
  Spool spool("/nonexistent");
  spool.append("little");
  EXPECT_EQ(content(spool), "little");
  EXPECT_THROW(
      {
        for (int i = 0; i < 40; ++i) spool.append(std::string(100'000, 'x'));
      },
      Error);
}

}  // namespace
}  // namespace penstock::archive
