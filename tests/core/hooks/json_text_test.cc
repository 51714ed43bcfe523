#include "core/hooks/json_text.h"

#include <gtest/gtest.h>

namespace penstock::hooks {
namespace {

std::string as_json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonString, RoundTripsThroughTheParser) {
  std::string every_byte;
  for (int c = 0; c < 0x80; ++c) every_byte += static_cast<char>(c);
  for (const std::string& text : {std::string(), every_byte, std::string("caf\xC3\xA9 \xF0\x9F\x98\x80 \"\\/")}) {
    EXPECT_EQ(json::Document::parse(as_json(text)).root().string(), text);
  }
}

TEST(JsonString, EscapesWhereverItStands) {
  for (int c = 0; c < 0x80; ++c) {
    for (std::size_t at = 0; at < 18; ++at) {
      std::string text(18, 'x');
      text[at] = static_cast<char>(c);
      ASSERT_EQ(json::Document::parse(as_json(text)).root().string(), text) << c << " at " << at;
    }
  }
}

TEST(JsonString, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(as_json("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
  EXPECT_EQ(as_json("\xC3"), "\"\xEF\xBF\xBD\"");
}

TEST(BoundedJson, IsTheMinifiedValueWhenItFits) {
  for (const char* text : {"null", "true", "12", "\"a\\nb\"", "[]", "{}", "[1,[2,{\"a\":null}],\"x\"]"}) {
    EXPECT_EQ(bounded_json(json::Document::parse(text).root(), 200), text);
  }
}

TEST(BoundedJson, CutsLongTextsAndStaysValid) {
  const auto cut = [](const std::string& text) {
    const auto document = json::Document::parse(text);
    const auto shown = bounded_json(document.root(), 10);
    return std::string(json::Document::parse(shown).root().string().value_or("not a string"));
  };
  EXPECT_EQ(cut("\"abcdefghijklmnop\""), "abcdefghi\xE2\x80\xA6");
  EXPECT_EQ(cut("\"\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\""),
            "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xE2\x80\xA6");
  EXPECT_EQ(cut("[1,2,3,4,5,6,7,8,9]"), "[1,2,3,4,\xE2\x80\xA6");
  EXPECT_EQ(cut("{\"a\":{\"b\":{\"c\":1}}}"), "{\"a\":{\"b\"\xE2\x80\xA6");
}

TEST(BoundedJson, DoesNotCopyHugeValues) {
  std::string text = "[";
  for (int i = 0; i < 100'000; ++i) text += "\"some text\",";
  text += "0]";
  const auto document = json::Document::parse(text);
  EXPECT_LT(bounded_json(document.root(), 200).size(), 1'000u);
}

}  // namespace
}  // namespace penstock::hooks
