#include "core/json/document.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::json {
namespace {

std::string error_of(std::string_view text, const Document::Limits& limits = {}) {
  try {
    Document::parse(text, limits);
  } catch (const Error& error) {
    return std::string(to_string(error.kind())) + ": " + error.what();
  }
  return "";
}

std::string reprinted(std::string_view text) {
  return Document::parse(text).root().to_text();
}

TEST(DocumentParse, SaysWhereAndWhyATextIsNoJson) {
  using namespace std::string_literals;
  const struct {
    const char* name;
    std::string text;
    const char* error;
  } cases[] = {
      {"empty", "", "byte 0: the document is empty"},
      {"blank", " \n", "byte 2: the document is empty"},
      {"only a byte order mark", "\xEF\xBB\xBF", "byte 3: the document is empty"},
      {"second value", "1 2", "byte 2: unexpected text after the end of the document"},
      {"NUL at the end", "{}\0"s, "byte 2: unexpected text after the end of the document"},
      {"second byte order mark", "\xEF\xBB\xBF\xEF\xBB\xBF{}", "byte 3: expected a value"},
      {"offset counts the byte order mark", "\xEF\xBB\xBF[1,]", "byte 6: expected a value"},
      {"open array", "[1", "byte 2: unexpected end of the document"},
      {"open object", "{\"a\":1", "byte 6: unexpected end of the document"},
      {"member without value", "{\"a\":}", "byte 5: expected a value"},
      {"member without colon", "{\"a\" 1}", "byte 5: expected ':'"},
      {"member name without quotes", "{a:1}", "byte 1: expected a member name in double quotes"},
      {"comma at the end of an object", "{\"a\":1,}", "byte 7: expected a member name in double quotes"},
      {"missing comma", "[1 2]", "byte 3: expected ',' or ']'"},
      {"wrong bracket", "[1}", "byte 2: expected ',' or ']'"},
      {"wrong brace", "{\"a\":1]", "byte 6: expected ',' or '}'"},
      {"single quotes", "['a']", "byte 1: expected a value"},
      {"comment", "[1] // x", "byte 4: unexpected text after the end of the document"},
      {"capital true", "True", "byte 0: expected a value"},
      {"cut word", "[tru]", "byte 1: expected a value"},
      {"glued word", "[truex]", "byte 5: expected ',' or ']'"},
      {"NaN", "NaN", "byte 0: expected a value"},
      {"plus", "+1", "byte 0: expected a value"},
      {"leading zero", "[01]", "byte 1: a number starts with a superfluous zero"},
      {"no digit after the point", "[1.]", "byte 3: expected a digit"},
      {"no digit before the point", "[.5]", "byte 1: expected a value"},
      {"no exponent", "[1e+]", "byte 4: expected a digit"},
      {"lone minus", "-", "byte 1: expected a digit"},
      {"open string", "[\"abc", "byte 1: a string is not closed"},
      {"escaped end of a string", "[\"abc\\\"]", "byte 1: a string is not closed"},
      {"control character", "[\"a\nb\"]", "byte 3: a control character in a string is not escaped"},
      {"NUL in a string", "[\"a\0b\"]"s, "byte 3: a control character in a string is not escaped"},
      {"unknown escape", "[\"\\x41\"]", "byte 2: unknown escape in a string"},
      {"short escape", "[\"\\u12\"]", "byte 2: \\u is not followed by four hexadecimal digits"},
      {"lone high surrogate", "[\"\\ud800\"]", "byte 2: lone surrogate in a string"},
      {"lone low surrogate", "[\"\\udc00\"]", "byte 2: lone surrogate in a string"},
      {"two high surrogates", "[\"\\ud800\\ud800\"]", "byte 2: lone surrogate in a string"},
      {"high surrogate and a letter", "[\"\\ud800\\u0041\"]", "byte 2: lone surrogate in a string"},
      {"lone surrogate in a name", "{\"\\ud800\":1}", "byte 2: lone surrogate in a string"},
      {"invalid UTF-8", "[\"\xFF\"]", "byte 2: a string is not valid UTF-8"},
      {"overlong UTF-8", "[\"\xC0\xAF\"]", "byte 2: a string is not valid UTF-8"},
      {"surrogate in UTF-8", "[\"\xED\xA0\x80\"]", "byte 2: a string is not valid UTF-8"},
      {"above U+10FFFF", "[\"\xF4\x90\x80\x80\"]", "byte 2: a string is not valid UTF-8"},
      {"cut UTF-8", "[\"\xE2\x82\"]", "byte 2: a string is not valid UTF-8"},
      {"UTF-16", "[\0\"\0a\0\"\0]\0"s, "byte 1: expected a value"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(error_of(c.text), std::string("invalid input: parsing JSON: ") + c.error) << c.name;
  }
}

TEST(DocumentParse, TakesEveryScalarAsADocument) {
  EXPECT_EQ(reprinted("null"), "null");
  EXPECT_EQ(reprinted(" true "), "true");
  EXPECT_EQ(reprinted("false"), "false");
  EXPECT_EQ(reprinted("\"x\""), "\"x\"");
  EXPECT_EQ(reprinted("\r\n-7\t"), "-7");
  EXPECT_EQ(reprinted("\xEF\xBB\xBF {\"a\" : [ ] }"), "{\"a\":[]}");
}

TEST(DocumentParse, RefusesNoDocumentForItsNumbers) {
  const struct {
    const char* text;
    const char* printed;
  } cases[] = {
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"18446744073709551615", "18446744073709551615"},
      {"18446744073709551616", "18446744073709551616.0"},
      {"-9223372036854775809", "-9223372036854775808.0"},
      {"123456789012345678901234567890", "1.2345678901234568e+29"},
      {"1e308", "1e+308"},
      {"1e400", "1.7976931348623157e+308"},
      {"-1e400", "-1.7976931348623157e+308"},
      {"1e-400", "0.0"},
      {"0e999999999999999999999", "0.0"},
      {"1e99999999999999999999999", "1.7976931348623157e+308"},
      {"1e-99999999999999999999999", "0.0"},
      {"3.0", "3.0"},
      {"0.1", "0.1"},
      {"-0", "0"},
      {"-0.0", "-0.0"},
      {"2.2250738585072014e-308", "2.2250738585072014e-308"},
      {"5e-324", "5e-324"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(error_of(c.text), "") << c.text;
    EXPECT_EQ(reprinted(c.text), c.printed) << c.text;
  }
  EXPECT_EQ(error_of("[" + std::string(5000, '9') + ",1e400,{\"a\":-" + std::string(400, '1') + ".5}]"), "");
  EXPECT_EQ(reprinted("[1,18446744073709551616,\"1e400\",2]"), "[1,18446744073709551616.0,\"1e400\",2]");
  // A fault behind such a number is still found.
  EXPECT_EQ(error_of("[18446744073709551616,]"), "invalid input: parsing JSON: byte 22: expected a value");
}

TEST(DocumentParse, BoundsSizeAndDepth) {
  const Document::Limits small{.max_bytes = 10, .max_depth = 3};
  EXPECT_EQ(error_of("\"12345678\"", small), "");
  EXPECT_EQ(error_of("\"123456789\"", small), "exhausted: parsing JSON: 11 bytes, at most 10 are accepted");
  const std::string too_deep = "exhausted: parsing JSON: arrays and objects are nested deeper than 3";
  EXPECT_EQ(error_of("[[[]]]", small), "");
  EXPECT_EQ(error_of("[[[1]]]", small), "");
  EXPECT_EQ(error_of("[[{}]]", small), "");
  EXPECT_EQ(error_of("[[[[]]]]", small), too_deep);
  EXPECT_EQ(error_of("[[[[1]]]]", small), too_deep);
  EXPECT_EQ(error_of("[[[{}]]]", small), too_deep);
  for (const std::size_t depth : {64U, 65U, 66U, 70U, 1000U, 1'000'000U}) {
    const std::string text = std::string(depth, '[') + std::string(depth, ']');
    EXPECT_EQ(error_of(text).empty(), depth <= 64) << depth;
  }
  EXPECT_NE(error_of(std::string(1'000'000, '[')), "");
}

TEST(DocumentParse, KeepsEveryCharacter) {
  EXPECT_EQ(reprinted(R"("\u0041\n\"\\\/\u0000\u001f\u007f\u00e9\ud83d\ude00")"),
            "\"A\\n\\\"\\\\/\\u0000\\u001f\x7fé😀\"");
  EXPECT_EQ(Document::parse(R"("a\u0000b")").root().string(), std::string_view("a\0b", 3));
}

TEST(ValueReads, GiveNothingForOtherTypes) {
  const Document document = Document::parse(R"({"n":null,"b":true,"i":-5,"d":1.5,"s":"x","a":[1,2],"o":{"k":0}})");
  const Value root = document.root();
  const auto get = [&](std::string_view name) { return root.find(name).value(); };
  EXPECT_EQ(root.type(), Type::kObject);
  EXPECT_EQ(root.size(), 7U);
  EXPECT_FALSE(root.find("absent"));
  EXPECT_TRUE(get("n").is_null());
  EXPECT_EQ(get("b").boolean(), true);
  EXPECT_EQ(get("i").integer(), -5);
  EXPECT_EQ(get("i").number(), -5.0);
  EXPECT_EQ(get("d").number(), 1.5);
  EXPECT_FALSE(get("d").integer());
  EXPECT_EQ(get("s").string(), "x");
  EXPECT_EQ(get("a").size(), 2U);
  EXPECT_EQ(get("o").find("k")->integer(), 0);
  for (const char* name : {"n", "b", "i", "d", "s", "a"}) EXPECT_FALSE(get(name).find("k")) << name;
  for (const char* name : {"n", "b", "i", "d", "a", "o"}) EXPECT_FALSE(get(name).string()) << name;
  for (const char* name : {"n", "b", "s", "a", "o"}) EXPECT_FALSE(get(name).integer()) << name;
  for (const char* name : {"n", "b", "s", "a", "o"}) EXPECT_FALSE(get(name).number()) << name;
  for (const char* name : {"n", "i", "s", "a", "o"}) EXPECT_FALSE(get(name).boolean()) << name;
  for (const char* name : {"n", "b", "i", "d", "s"}) EXPECT_EQ(get(name).size(), 0U) << name;
  get("s").for_each_element([](Value) { FAIL(); });
  get("o").for_each_element([](Value) { FAIL(); });
  get("a").for_each_member([](std::string_view, Value) { FAIL(); });
}

TEST(ValueReads, TakeWholeDoublesAsIntegers) {
  const auto integer = [](std::string_view text) { return Document::parse(text).root().integer(); };
  EXPECT_EQ(integer("3.0"), 3);
  EXPECT_EQ(integer("1e3"), 1000);
  EXPECT_EQ(integer("-0.0"), 0);
  EXPECT_EQ(integer("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(integer("-9223372036854775808.0"), INT64_MIN);
  EXPECT_FALSE(integer("9223372036854775808"));
  EXPECT_FALSE(integer("9223372036854775808.0"));
  EXPECT_FALSE(integer("1e300"));
  EXPECT_FALSE(integer("0.5"));
}

TEST(ValueReads, IterateInDocumentOrder) {
  const Document document = Document::parse(R"({"b":[1,[2,3],{"x":4},5],"a":6,"c":{}})");
  std::string seen;
  document.root().for_each_member(
      [&](std::string_view name, Value value) { seen += std::string(name) + "=" + value.to_text() + ";"; });
  EXPECT_EQ(seen, R"(b=[1,[2,3],{"x":4},5];a=6;c={};)");
  seen.clear();
  document.root().find("b")->for_each_element([&](Value value) { seen += value.to_text() + ";"; });
  EXPECT_EQ(seen, R"(1;[2,3];{"x":4};5;)");
}

TEST(Document, SaysWhetherANameIsRepeatedAnywhere) {
  const auto has = [](std::string_view text) { return Document::parse(text).has_repeated_names(); };
  EXPECT_FALSE(has(R"({"a":{"b":1},"b":[{"a":1},{"a":2}]})"));
  EXPECT_TRUE(has(R"({"a":1,"\u0061":2})"));
  EXPECT_TRUE(has(R"([{"x":[{"a":1,"b":2,"a":3}]}])"));
}

TEST(ValueReads, CountOnlyTheFirstOfRepeatedMembers) {
  const Document document = Document::parse(R"({"a":1,"b":{"x":1,"x":2},"a":3,"c":[{"y":1,"\u0079":2,"z":3}]})");
  EXPECT_EQ(document.root().find("a")->integer(), 1);
  EXPECT_EQ(document.root().size(), 3U);
  EXPECT_EQ(document.root().to_text(), R"({"a":1,"b":{"x":1},"c":[{"y":1,"z":3}]})");

  // More members than the quadratic search takes, repeated ones at both ends and in a nested object.
  std::string text = "{";
  for (int i = 0; i < 100; ++i) text += "\"k" + std::to_string(i % 60) + "\":" + std::to_string(i) + ",";
  text += R"("nested":{"k0":1,"k0":2}})";
  const Document large = Document::parse(text);
  EXPECT_EQ(large.root().size(), 61U);
  EXPECT_EQ(large.root().find("k59")->integer(), 59);
  EXPECT_EQ(large.root().find("nested")->to_text(), R"({"k0":1})");
  int position = 0;
  large.root().for_each_member([&](std::string_view name, Value value) {
    if (name == "nested") return;
    EXPECT_EQ(value.integer(), position++);
  });
}

TEST(DocumentObject, MovesWithoutInvalidatingValues) {
  Document document = Document::parse(R"({"a":"text"})");
  const Value value = *document.root().find("a");
  const Document moved = std::move(document);
  EXPECT_EQ(value.string(), "text");
  EXPECT_TRUE(value.is_same_node(*moved.root().find("a")));
  EXPECT_FALSE(value.is_same_node(moved.root()));
}

}  // namespace
}  // namespace penstock::json
