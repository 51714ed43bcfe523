#include "core/json/iregexp.h"

#include <chrono>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::json {
namespace {

bool is_iregexp(std::string_view pattern) {
  return IRegexp::compile(pattern).has_value();
}

bool whole(std::string_view pattern, std::string_view text) {
  const auto regexp = IRegexp::compile(pattern);
  return regexp && regexp->matches_whole(text);
}

TEST(IRegexpGrammar, AcceptsWhatRfc9485Allows) {
  for (const char* pattern : {"",
                              "a",
                              "|",
                              "a|",
                              "()",
                              "(|a)",
                              "a*",
                              "a+",
                              "a?",
                              "a{2}",
                              "a{2,}",
                              "a{2,3}",
                              "a{0}",
                              "a{0,0}",
                              "(a*)*",
                              ".",
                              "\\.",
                              "\\-",
                              "\\^",
                              "\\\\",
                              "\\(\\)\\*\\+\\?\\[\\]\\{\\}\\|",
                              "\\n\\r\\t",
                              "a-b",
                              "-",
                              ",",
                              "/",
                              "\"'",
                              "<>&#~@:",
                              "[a]",
                              "[a-z]",
                              "[^a]",
                              "[-a]",
                              "[a-]",
                              "[-]",
                              "[--]",
                              "[^-a-c-]",
                              "[a-c0-9_]",
                              "[\\-\\]\\[\\\\]",
                              "[\\n-\\r]",
                              "[.*+?(){}|$^]",
                              "[a^]",
                              "\\p{L}",
                              "\\P{Lu}",
                              "\\p{Nd}",
                              "\\p{Cn}",
                              "\\P{Cn}",
                              "\\p{C}",
                              "[\\p{L}\\P{N}x]",
                              "[^\\p{Cn}a]",
                              "日本",
                              "[à-ü😀]",
                              "a{1000}",
                              "a{1500}",
                              "a{1,2500}",
                              "^a$",
                              "a^b",
                              "a$b",
                              "^*",
                              "(^a|b$)"}) {
    EXPECT_TRUE(is_iregexp(pattern)) << pattern;
  }
}

TEST(IRegexpGrammar, RefusesEverythingElse) {
  for (const char* pattern : {"*",
                              "+",
                              "?",
                              "a**",
                              "a+?",
                              "a*+",
                              "a{2}{3}",
                              "a??",
                              "(",
                              ")",
                              "(a",
                              "a)",
                              "((a)",
                              "(?:a)",
                              "(?i)a",
                              "(*",
                              "|*",
                              "[",
                              "]",
                              "[a",
                              "a]",
                              "[]",
                              "[^]",
                              "[a-b-c]",
                              "[--a]",
                              "[a--]",
                              "[z-a]",
                              "[a-\\p{L}]",
                              "[[a]]",
                              "[a[b]",
                              "[[:alpha:]]",
                              "{",
                              "}",
                              "a{",
                              "a}",
                              "a{}",
                              "a{,3}",
                              "a{3,2}",
                              "a{-1}",
                              "a{1",
                              "a{1,",
                              "a{x}",
                              "a{ 1}",
                              "\\",
                              "a\\",
                              "\\d",
                              "\\w",
                              "\\s",
                              "\\b",
                              "\\D",
                              "\\i",
                              "\\1",
                              "\\x41",
                              "\\u0041",
                              "\\$",
                              "\\/",
                              "\\a",
                              "\\f",
                              "\\v",
                              "\\0",
                              "\\Q",
                              "\\z",
                              "\\N",
                              "\\p",
                              "\\p{",
                              "\\pL",
                              "\\p{}",
                              "\\p{Lx}",
                              "\\p{Cs}",
                              "\\p{Latin}",
                              "\\p{IsBasicLatin}",
                              "\\p{^L}",
                              "\\p{LC}",
                              "[\\d]",
                              "[\\p{Greek}]",
                              "\xFF",
                              "a\xC3",
                              "\xED\xA0\x80"}) {
    EXPECT_FALSE(is_iregexp(pattern)) << pattern;
  }
}

TEST(IRegexp, MatchesWhole) {
  const struct {
    const char* pattern;
    const char* matching;
    const char* other;
  } cases[] = {
      {"a.c", "a\tc", "a\nc"},
      {".", "\xE2\x80\xA8", "\r"},
      {"..", "ab", "😀"},
      {"a|b", "b", "ab"},
      {"a{2,3}", "aaa", "aaaa"},
      {"a{2,}", "aaaaa", "a"},
      {"(ab){2}", "abab", "ab"},
      {"a{0}", "", "a"},
      {"[^a]", "\n", "a"},
      {"[a-c-]", "-", "d"},
      {"[-a]", "-", "b"},
      {"[.]", ".", "a"},
      {"[$^]+", "^$", "a"},
      {"a\\.b", "a.b", "axb"},
      {"\\n\\r\\t", "\n\r\t", "nrt"},
      {"\\p{Lu}\\p{Ll}*", "Äbç", "äb"},
      {"\\P{L}", "1", "x"},
      {"\\p{Nd}+", "12٣", "½"},
      {"\\p{C}", "\x01", "a"},
      {"\\p{Cn}", "\xF3\xB0\x80\x80", "a"},  // U+F0000, a plane of private use
      {"[x\\p{Cn}]", "x", "a"},
      {"[^\\p{Cn}]", "a", "\xEF\xBF\xBF"},
      {"\\P{Cn}", "a", "\xEF\xBF\xBF"},
      {"[^\\p{C}a]", "b", "a"},
      {"[\\P{C}]", "b", "\x01"},
      {"[^\\P{C}]", "\x01", "b"},
      {"(a|b)*c", "ababc", "abab"},
      {"a\"b'/", "a\"b'/", "ab"},
      {"a-b,c", "a-b,c", "abc"},
      {"^ab$", "ab", "^ab$"},
      {"a^b", "a^b", "ab"},
      {"a$b", "a$b", "ab"},
      {"\\^a", "^a", "a"},
      {"[à-ü]", "é", "e"},
      {"", "", "a"},
      {"^*a", "^^a", "b"},
      {"x(^a|b$)", "xb", "xa"},
      {"\x01", "\x01", "a"},
  };
  for (const auto& c : cases) {
    const bool expected_plane = std::string_view(c.pattern) == "\\p{Cn}";
    EXPECT_EQ(whole(c.pattern, c.matching), !expected_plane) << c.pattern;
    EXPECT_FALSE(whole(c.pattern, c.other)) << c.pattern;
  }
  EXPECT_TRUE(whole("\\p{Cn}", "\xEF\xBF\xBF"));  // U+FFFF, never assigned
  EXPECT_TRUE(whole("[a\\p{Cn}]", "\xEF\xBF\xBF"));
  EXPECT_TRUE(whole("[a\\p{C}]", "\xEF\xBF\xBF"));
  EXPECT_TRUE(whole("[\\p{C}]", "\xEE\x80\x80"));  // U+E000, private use
}

TEST(IRegexp, SearchesParts) {
  EXPECT_TRUE(IRegexp::compile("b.d")->matches_part("abcde"));
  EXPECT_FALSE(IRegexp::compile("^b")->matches_part("ab"));
  EXPECT_FALSE(IRegexp::compile("^b")->matches_part("a\nb"));
  EXPECT_TRUE(IRegexp::compile("^a|c$")->matches_part("bc"));
  EXPECT_TRUE(IRegexp::compile("")->matches_part(""));
}

TEST(IRegexp, RepeatsBeyondTheEnginesOwnBound) {
  EXPECT_TRUE(whole("a{1500}", std::string(1500, 'a')));
  EXPECT_FALSE(whole("a{1500}", std::string(1499, 'a')));
  EXPECT_FALSE(whole("a{1500}", std::string(1501, 'a')));
  EXPECT_TRUE(whole("a{999,2500}", std::string(2500, 'a')));
  EXPECT_TRUE(whole("a{999,2500}", std::string(999, 'a')));
  EXPECT_FALSE(whole("a{999,2500}", std::string(998, 'a')));
  EXPECT_FALSE(whole("a{999,2500}", std::string(2501, 'a')));
  EXPECT_TRUE(whole("(ab){2001,}", [] {
    std::string text;
    for (int i = 0; i < 2002; ++i) text += "ab";
    return text;
  }()));
}

TEST(IRegexp, RefusesWhatWouldNeedTooMuch) {
  std::string nested(200, '(');
  nested += std::string(200, ')');
  for (const std::string& pattern :
       {std::string("a{100001}"), std::string("((a{1000}){1000}){1000}"), std::string("(\\p{L}{100}){100}"),
        std::string("a{4000000000}"), std::string("a{99999999999999999999999}"), std::string("(a{0,1000}){0,30}"),
        std::string("a{3,96616}"), std::string("a{0,1000}a{0,1000}a{0,1000}"), std::string("((a?){50}){100}"),
        std::string(5000, 'a'), nested}) {
    const auto start = std::chrono::steady_clock::now();
    try {
      IRegexp::compile(pattern);
      ADD_FAILURE() << pattern.substr(0, 40);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kExhausted) << error.what();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2)) << pattern.substr(0, 40);
  }
}

TEST(IRegexp, WeighsWhatItCosts) {
  EXPECT_LT(IRegexp::compile("refs/heads/.*")->weight(), 100U);
  EXPECT_GE(IRegexp::compile("(abc){100}")->weight(), 300U);
  EXPECT_GE(IRegexp::compile("\\p{L}{10}")->weight(), 1000U);
}

}  // namespace
}  // namespace penstock::json
