#include "core/hooks/glob.h"

#include <chrono>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::hooks {
namespace {

constexpr auto kOrdinary = SlashMeaning::kOrdinary;
constexpr auto kSeparator = SlashMeaning::kSeparator;

struct Case {
  const char* pattern;
  const char* text;
  bool ordinary;
  bool separator;
};

TEST(Glob, MatchesWholeTexts) {
  for (const auto& c : std::initializer_list<Case>{
           {"", "", true, true},
           {"", "a", false, false},
           {"main", "main", true, true},
           {"main", "Main", false, false},
           {"main", "main2", false, false},
           {"main*", "main", true, true},
           {"main*", "main-2", true, true},
           {"main*", "main/x", true, false},
           {"*", "", true, true},
           {"**", "a/b/c", true, true},
           {"feature/**", "feature/a/b", true, true},
           {"feature/*", "feature/a/b", true, false},
           {"**/*.java", "src/main/A.java", true, true},
           {"**/*.java", "A.java", false, false},
           {"*.md", "docs/a.md", true, false},
           {"a?c", "abc", true, true},
           {"a?c", "a/c", true, false},
           {"a?c", "ac", false, false},
           {"?", "\xC3\xA9", true, true},
           {"??", "\xC3\xA9", false, false},
           {"?", "\xF0\x9F\x98\x80", true, true},
           {"[abc]x", "bx", true, true},
           {"[a-c]x", "dx", false, false},
           {"[!a-c]x", "dx", true, true},
           {"[!a-c]x", "ax", false, false},
           {"[!a]", "/", true, false},
           {"[/]", "/", true, false},
           {"[-a]", "-", true, true},
           {"[a-]", "-", true, true},
           {"[!-a]", "-", false, false},
           {"[*?]", "*", true, true},
           {"[*?]", "a", false, false},
           {"[\\]]", "]", true, true},
           {"[\xC3\xA0-\xC3\xBF]", "\xC3\xA9", true, true},
           {"{main,release/*}", "main", true, true},
           {"{main,release/*}", "release/1", true, true},
           {"{main,release/*}", "other", false, false},
           {"{a}", "a", true, true},
           {"{,x}y", "y", true, true},
           {"{,x}y", "xy", true, true},
           {"x{a,b}{c,d}", "xbd", true, true},
           {"x{a,b}{c,d}", "xb", false, false},
           {"{*a,b*}c", "zzac", true, true},
           {"{a*,*b}", "qqb", true, true},
           {"a,b", "a,b", true, true},
           {"a}b", "a}b", true, true},
           {"\\*", "*", true, true},
           {"\\*", "a", false, false},
           {"\\{a\\}", "{a}", true, true},
           {"a\\b", "ab", true, true},
           {"*a*b*c*", "xxaxxbxxcxx", true, true},
           {"*a*b*c*", "xxaxxcxxbxx", false, false},
           {"\xFF", "\xFF", true, true},
       }) {
    EXPECT_EQ(Glob::compile(c.pattern, kOrdinary).matches(c.text), c.ordinary) << c.pattern << " on " << c.text;
    EXPECT_EQ(Glob::compile(c.pattern, kSeparator).matches(c.text), c.separator)
        << c.pattern << " on " << c.text << " with '/' as separator";
  }
}

TEST(Glob, TellsTheColumnOfAMistake) {
  struct Mistake {
    const char* pattern;
    const char* message;
  };
  for (const auto& c : std::initializer_list<Mistake>{
           {"ab[c", "column 3: the character class opened here is not closed with ']'"},
           {"ab[]", "column 3: the character class is empty"},
           {"[!]", "column 1: the character class is empty"},
           {"[c-a]", "column 4: the range runs backwards"},
           {"x{a,b", "column 2: the alternatives opened here are not closed with '}'"},
           {"{a,{b}}", "column 4: alternatives cannot be nested"},
           {"\xC3\xA9\xC3\xA9[", "column 3: the character class opened here is not closed with ']'"},
           {"ab\\", "column 3: a backslash at the end escapes nothing"},
       }) {
    try {
      Glob::compile(c.pattern, kOrdinary);
      ADD_FAILURE() << c.pattern << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
      EXPECT_STREQ(error.what(), c.message) << c.pattern;
    }
  }
}

TEST(Glob, RefusesAPatternWithoutBound) {
  EXPECT_THROW(Glob::compile(std::string(5'000, 'a'), kOrdinary), Error);
}

TEST(Glob, TakesLinearTimeOnHostilePatterns) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "*{a,aa,*a}";
  const auto glob = Glob::compile(pattern + "b", kOrdinary);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob.matches(std::string(2'000, 'a')));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(EscapeGlob, MakesAPatternOfExactlyThatText) {
  for (const char* text : {"", "main", "a*b?[c]{d,e}\\f!-]", "feature/\xC3\xA9", "{Branch}"}) {
    EXPECT_TRUE(Glob::compile(escape_glob(text), kOrdinary).matches(text)) << text;
    EXPECT_TRUE(Glob::compile(escape_glob(text), kSeparator).matches(text)) << text;
    EXPECT_FALSE(Glob::compile(escape_glob(text), kOrdinary).matches(std::string(text) + "x")) << text;
  }
}

}  // namespace
}  // namespace penstock::hooks
