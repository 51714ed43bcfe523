#include "core/base/regex.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock {
namespace {

TEST(Regex, MatchesWholeOrPart) {
  const Regex regex("a+b");
  EXPECT_TRUE(regex.matches_whole("aab"));
  EXPECT_FALSE(regex.matches_whole("xaab"));
  EXPECT_TRUE(regex.matches_part("xaaby"));
}

TEST(Regex, StaysLinearWhereBacktrackingExplodes) {
  const Regex regex("(a*)*b");
  EXPECT_FALSE(regex.matches_whole(std::string(100'000, 'a')));
}

TEST(Regex, NamesTheFault) {
  try {
    const Regex regex("a(");
    FAIL() << "compiled it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
    EXPECT_STREQ(error.what(), "compiling the regular expression \"a(\": missing ): a(");
  }
}

TEST(Regex, RefusesAProgramLargerThanItsMemory) {
  EXPECT_THROW(Regex("((a{100}){100}){100}"), Error);
}

}  // namespace
}  // namespace penstock
