#include "core/base/text.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(IsValidUtf8, KnowsTheEdgesOfRfc3629) {
  for (const char* good :
       {"", "a", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_valid_utf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xFF"}) {
    EXPECT_FALSE(is_valid_utf8(bad)) << bad;
  }
}

TEST(TruncateUtf8, KeepsWhatFits) {
  EXPECT_EQ(truncate_utf8("häuser", 6, 7), "häuser");
}

TEST(TruncateUtf8, CutsByCharactersAndEndsInAnEllipsis) {
  EXPECT_EQ(truncate_utf8("häuser", 4, 100), "häu…");
}

TEST(TruncateUtf8, CutsByBytesWithoutSplittingACharacter) {
  EXPECT_EQ(truncate_utf8("ääää", 100, 6), "ä…");
  EXPECT_LE(truncate_utf8("ääääääää", 100, 7).size(), 7u);
  EXPECT_EQ(truncate_utf8("abc", 100, 2), "");
}

TEST(TruncateUtf8, ReplacesInvalidBytes) {
  EXPECT_EQ(truncate_utf8("a\xFFz", 10, 100), "a\xEF\xBF\xBDz");
}

TEST(InQuotes, EscapesWhatCouldForgeALine) {
  EXPECT_EQ(in_quotes("a\"b\n\x01\\"), "\"a\\\"b\\n\\u0001\\\\\"");
}

TEST(PercentEncode, KeepsOnlyUnreserved) {
  EXPECT_EQ(percent_encode("a b/ä~"), "a%20b%2F%C3%A4~");
  EXPECT_EQ(percent_encode("a b/c", SlashMode::kKeep), "a%20b/c");
  EXPECT_EQ(percent_decode("a%20b%2f+"), "a b/+");
  EXPECT_FALSE(percent_decode("%2"));
  EXPECT_FALSE(percent_decode("%zz"));
}

TEST(ParseDuration, KnowsItsUnits) {
  EXPECT_EQ(parse_duration_milliseconds("250ms"), 250);
  EXPECT_EQ(parse_duration_milliseconds("90d"), 90LL * 86'400'000);
  EXPECT_EQ(parse_duration_milliseconds("0"), 0);
  for (const char* bad : {"", "5", "5x", "-5s", "5 s", "s", "1.5h", "99999999999999999d"}) {
    EXPECT_FALSE(parse_duration_milliseconds(bad)) << bad;
  }
}

TEST(ParseByteSize, KnowsItsUnits) {
  EXPECT_EQ(parse_byte_size("4MiB"), 4u << 20);
  EXPECT_EQ(parse_byte_size("4MB"), 4'000'000u);
  EXPECT_EQ(parse_byte_size("17"), 17u);
  for (const char* bad : {"", "MiB", "4mib", "-1", "4 MiB", "99999999TiB"}) EXPECT_FALSE(parse_byte_size(bad)) << bad;
}

TEST(NearestName, FindsSlipsOnly) {
  const std::vector<std::string> known = {"endpoints", "webhooks", "workers"};
  EXPECT_EQ(nearest_name("webhoks", known), "webhooks");
  EXPECT_EQ(nearest_name("Workers", known), "workers");
  EXPECT_FALSE(nearest_name("zebra", known));
}

TEST(Split, KeepsEmptyParts) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (std::vector<std::string>{""}));
}

}  // namespace
}  // namespace penstock
