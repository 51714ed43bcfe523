#include "core/hooks/glob_set.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::hooks {
namespace {

using Found = std::vector<std::uint32_t>;

TEST(GlobSet, TellsAllThatMatch) {
  std::vector<Glob> globs;
  for (const char* pattern : {"a/**", "a/*", "**/*.md", "a/b.md", "[!a]*", "\xC3\xA9?", "{a,b}/c"})
    globs.push_back(Glob::compile(pattern, SlashMeaning::kSeparator));
  const GlobSet set(std::move(globs));
  GlobSet::Matcher matcher(set);
  EXPECT_EQ(matcher.match("a/b.md"), Found({0, 1, 2, 3}));
  EXPECT_EQ(matcher.match("a/c"), Found({0, 1, 6}));
  EXPECT_EQ(matcher.match("a/c/d"), Found({0}));
  EXPECT_EQ(matcher.match("b"), Found({4}));
  EXPECT_EQ(matcher.match(""), Found());
  EXPECT_EQ(matcher.match("\xC3\xA9\xFF"), Found({4, 5}));
  EXPECT_EQ(matcher.match("\xFF"), Found({4}));
}

TEST(GlobSet, OfNoneMatchesNothing) {
  const GlobSet set({});
  EXPECT_EQ(GlobSet::Matcher(set).match("a"), Found());
}

// Patterns and texts of few letters meet often.
TEST(GlobSet, AgreesWithEachGlob) {
  std::mt19937 random(7);
  const auto text = [&](const std::vector<std::string>& parts, std::size_t most) {
    std::string result;
    for (std::size_t left = random() % (most + 1); left > 0; --left) result += parts[random() % parts.size()];
    return result;
  };
  std::size_t matches = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<Glob> globs;
    for (int i = 0; i < 12; ++i) {
      const auto slash = random() % 4 == 0 ? SlashMeaning::kOrdinary : SlashMeaning::kSeparator;
      globs.push_back(Glob::compile(text({"a", "b", "/", "*", "**", "?", "[ab]", "[!a]", "{a,b/}", "{,a*}", "\xC3\xA9",
                                          "[\xC3\xA0-\xC3\xBF]", "\xFF"},
                                         6),
                                    slash));
    }
    const GlobSet set(globs);
    GlobSet::Matcher matcher(set);
    for (int i = 0; i < 50; ++i) {
      const std::string subject = text({"a", "b", "/", "c", "\xC3\xA9", "\xFF", "\xF0\x9F\x98\x80"}, 7);
      Found expected;
      for (std::uint32_t g = 0; g < globs.size(); ++g) {
        if (globs[g].matches(subject)) expected.push_back(g);
      }
      matches += expected.size();
      ASSERT_EQ(matcher.match(subject), expected) << subject;
    }
  }
  EXPECT_GT(matches, 1000u);
}

TEST(GlobSet, BoundsItsMemoryAndItsWork) {
  // To know what to do at the end, an automaton of this has to remember which of the last 40 characters were "a".
  std::string pattern = "**a";
  for (int i = 0; i < 40; ++i) pattern += "[ab]";
  std::vector<Glob> globs(3, Glob::compile(pattern + "c", SlashMeaning::kSeparator));
  const GlobSet set(std::move(globs));
  std::mt19937 random(3);
  std::string text;
  for (int i = 0; i < 60'000; ++i) text += random() % 2 == 0 ? 'a' : 'b';
  GlobSet::Matcher patient(set);
  EXPECT_EQ(patient.match(text), Found());
  const std::string end = "a" + std::string(40, 'b') + "c";
  EXPECT_EQ(patient.match(text + end).size(), 3u);
  GlobSet::Matcher hasty(set, 100'000);
  EXPECT_THROW(hasty.match(text), Error);
}

}  // namespace
}  // namespace penstock::hooks
