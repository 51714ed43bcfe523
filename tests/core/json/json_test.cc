#include "core/json/json.h"

#include <string>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::json {
namespace {

std::string error_of(std::string_view text) {
  try {
    parse_json(text, "the reply");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
    return error.what();
  }
  return "";
}

TEST(ParseJson, KeepsTheOrderOfMembers) {
  EXPECT_EQ(dump(parse_json(R"({"b":1,"a":[true,null,1.5,"é"]})", "x")), R"({"b":1,"a":[true,null,1.5,"é"]})");
  EXPECT_EQ(dump(parse_json("\xEF\xBB\xBF[]", "x")), "[]");
}

TEST(ParseJson, NamesWhatItParsesAndWhereItFailed) {
  EXPECT_EQ(error_of("[1,]"), "parsing the reply: byte 3: expected a value");
  EXPECT_EQ(error_of(""), "parsing the reply: byte 0: the document is empty");
  EXPECT_EQ(error_of("\"\xFF\""), "parsing the reply: byte 1: a string is not valid UTF-8");
  EXPECT_EQ(error_of("<html>"), "parsing the reply: byte 0: expected a value");
  EXPECT_EQ(error_of("[1e400]"), "parsing the reply: a number is out of range");
}

TEST(ParseJson, BoundsDepth) {
  EXPECT_EQ(error_of(std::string(64, '[') + std::string(64, ']')), "");
  EXPECT_EQ(error_of(std::string(65, '[') + std::string(65, ']')),
            "parsing the reply: byte 64: arrays and objects are nested too deeply");
  EXPECT_NE(error_of(std::string(5'000'000, '[')), "");
}

TEST(DumpJson, ReplacesInvalidUtf8) {
  EXPECT_EQ(dump(Json{{"a", "x\xFFy"}}), "{\"a\":\"x\xEF\xBF\xBDy\"}");
}

TEST(FindJson, TakesAbsentNullAndOtherTypesAlike) {
  const Json object = {{"s", "text"}, {"n", nullptr}, {"i", 1}};
  EXPECT_EQ(string_or(object, "s"), "text");
  EXPECT_EQ(string_or(object, "n", "default"), "default");
  EXPECT_EQ(string_or(object, "i", "default"), "default");
  EXPECT_EQ(string_or(object, "absent"), "");
  EXPECT_EQ(string_or(Json("text"), "s", "default"), "default");
  EXPECT_EQ(find(object, "n"), nullptr);
  EXPECT_EQ(find(object, "absent"), nullptr);
  EXPECT_EQ(find(Json::array(), "s"), nullptr);
  EXPECT_EQ(*find(object, "i"), 1);
}

}  // namespace
}  // namespace penstock::json
