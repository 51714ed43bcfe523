#include "core/git/wildmatch.h"

#include <string>

#include <gtest/gtest.h>

namespace penstock::git {
namespace {

struct WildmatchCase {
  const char* name;
  std::string pattern, text;
  bool separated;  // whether it matches when '/' separates
  bool ordinary;   // whether it matches when '/' is a byte as others are
};

class WildmatchTable : public ::testing::TestWithParam<WildmatchCase> {};

TEST_P(WildmatchTable, Matches) {
  const WildmatchCase& row = GetParam();
  Wildmatch::Scratch scratch;
  EXPECT_EQ(Wildmatch(row.pattern, Wildmatch::Slash::kSeparator).matches(row.text, scratch), row.separated);
  EXPECT_EQ(Wildmatch(row.pattern, Wildmatch::Slash::kOrdinary).matches(row.text, scratch), row.ordinary);
}

INSTANTIATE_TEST_SUITE_P(Patterns, WildmatchTable,
                         ::testing::ValuesIn(std::vector<WildmatchCase>{
                             {"Literal", "foo", "foo", true, true},
                             {"LiteralIsNoPrefix", "foo", "foobar", false, false},
                             {"Empty", "", "", true, true},
                             {"EmptyPattern", "", "a", false, false},
                             {"QuestionMark", "f?o", "foo", true, true},
                             {"QuestionMarkAndSlash", "f?o", "f/o", false, true},
                             {"Star", "*.c", "main.c", true, true},
                             {"StarAndSlash", "*.c", "src/main.c", false, true},
                             {"StarIsNothingToo", "a*b", "ab", true, true},
                             {"StarStarFirst", "**/foo", "foo", true, false},
                             {"StarStarFirstDeep", "**/foo", "a/b/foo", true, true},
                             {"StarStarLast", "foo/**", "foo/a/b", true, true},
                             {"StarStarLastNeedsTheSlash", "foo/**", "foo", false, false},
                             {"StarStarBetween", "a/**/b", "a/b", true, false},
                             {"StarStarBetweenDeep", "a/**/b", "a/x/y/b", true, true},
                             {"StarStarBetweenIsWhole", "a/**/b", "a/xb", false, false},
                             {"StarStarAmongLetters", "a**b", "a/b", false, true},
                             {"StarStarAfterLetters", "a**", "a/b", false, true},
                             {"StarStarBeforeLetters", "**b", "a/b", false, true},
                             {"StarStarAndEscapedSlash", "**\\/b", "a/c/b", true, true},
                             {"StarStarAndEscapedSlashIsSome", "**\\/b", "b", false, false},
                             {"ThreeStars", "***/b", "b", true, false},
                             {"ManyStarStars", "**/**/**", "a", true, false},
                             {"Class", "[abc]", "b", true, true},
                             {"ClassNegated", "[!abc]", "d", true, true},
                             {"ClassNegatedCaret", "[^abc]", "b", false, false},
                             {"ClassNeverSlash", "a[/]b", "a/b", false, true},
                             {"ClassNegatedNeverSlash", "a[!x]b", "a/b", false, true},
                             {"ClassRange", "[a-c]", "b", true, true},
                             {"ClassRangeEnds", "[a-c]", "d", false, false},
                             {"ClassRangeUpsideDown", "[c-a]", "b", false, false},
                             {"ClassWithBracket", "[]a]", "]", true, true},
                             {"ClassWithOnlyBracket", "[]]", "]", true, true},
                             {"ClassWithDashFirst", "[-a]", "-", true, true},
                             {"ClassWithDashLast", "[a-]", "-", true, true},
                             {"ClassEscape", "[\\]]", "]", true, true},
                             {"ClassRangeToEscape", "[a-\\d]", "c", true, true},
                             {"ClassUnfinished", "[ab", "a", false, false},
                             {"ClassUnfinishedIsNotItself", "[ab", "[ab", false, false},
                             {"NamedClass", "[[:digit:]]", "7", true, true},
                             {"NamedClassAmongOthers", "[x[:upper:]_]", "Q", true, true},
                             {"NamedClassNegated", "[![:space:]]", "\t", false, false},
                             {"NamedClassUnknown", "[[:foo:]a]", "a", false, false},
                             {"NamedClassUnfinished", "[[:alpha:]", "a", false, false},
                             {"NamedClassThatIsNone", "[[:a]b", "[b", true, true},
                             {"AfterANamedClassNoRange", "[[:digit:]-a]", "-", true, true},
                             {"HighBytes", "[\x80-\xff]", "\xc3", true, true},
                             {"Escape", "\\*", "*", true, true},
                             {"EscapeIsLiteral", "\\*", "a", false, false},
                             {"EscapeAtTheEnd", "a\\", "a\\", false, false},
                             {"EscapedBackslash", "a\\\\", "a\\", true, true},
                             {"NulEndsThePattern", std::string("ab\0c", 4), "ab", true, true},
                         }),
                         [](const auto& row) { return row.param.name; });

// Each star of such a pattern doubles the time of a matcher that backtracks.
TEST(Wildmatch, TakesNoMoreStepsThanPatternTimesText) {
  std::string stars, folders;
  for (int i = 0; i < 300; ++i) {
    stars += "*a";
    folders += "**/a/";
  }
  std::string text, path;
  for (int i = 0; i < 5000; ++i) {
    text += "a";
    path += "a/";
  }
  for (const auto& [pattern, subject] :
       {std::pair{stars + "x*b", text + "b"}, std::pair{folders + "x*b", path + "b"}}) {
    Wildmatch::Scratch scratch;
    EXPECT_FALSE(Wildmatch(pattern, Wildmatch::Slash::kSeparator).matches(subject, scratch));
    EXPECT_LE(scratch.work, 5 * pattern.size() * subject.size());
    EXPECT_GT(scratch.work, subject.size());
  }
}

TEST(Wildmatch, OneScratchServesPatternsOfDifferentSizes) {
  Wildmatch::Scratch scratch;
  const Wildmatch small("a", Wildmatch::Slash::kSeparator), large("*a*b*c*d", Wildmatch::Slash::kSeparator);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(small.matches("a", scratch));
    EXPECT_TRUE(large.matches("xaxbxcxd", scratch));
    EXPECT_FALSE(small.matches("b", scratch));
  }
}

}  // namespace
}  // namespace penstock::git
