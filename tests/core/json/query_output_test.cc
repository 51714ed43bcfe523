#include "core/json/query_output.h"

#include <string>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::json {
namespace {

std::string output(std::string_view query, std::string_view document) {
  return query_to_json(JsonPath::compile(query), document);
}

TEST(QueryOutput, IsAnArrayOfPathsAndValues) {
  EXPECT_EQ(output("$.a[*]", R"({"a":[1,{"b":"x"}]})"),
            "[\n  {\"path\": \"$['a'][0]\", \"value\": 1},\n  {\"path\": \"$['a'][1]\", \"value\": {\"b\":\"x\"}}\n]");
  EXPECT_EQ(output("$.absent", "{}"), "[]");
}

TEST(QueryOutput, EscapesPathsAsJson) {
  EXPECT_EQ(output("$.*", R"({"it's \"\\\n":null})"),
            "[\n  {\"path\": \"$['it\\\\'s \\\"\\\\\\\\\\\\n']\", \"value\": null}\n]");
}

TEST(QueryOutput, PrintsNumbersAsTheDocumentWritesThem) {
  constexpr const char* kDocument =
      "\xEF\xBB\xBF{\"x\":[1.0,1e3,-0,123456789012345678901234567890],\"skip\":7,\"skip\":\"8\",\"y\":1e400,\"z\":[0."
      "10]}";
  EXPECT_EQ(output("$.x", kDocument),
            "[\n  {\"path\": \"$['x']\", \"value\": [1.0,1e3,-0,123456789012345678901234567890]}\n]");
  EXPECT_EQ(output("$.y", kDocument), "[\n  {\"path\": \"$['y']\", \"value\": 1e400}\n]");
  EXPECT_EQ(output("$.z[0]", kDocument), "[\n  {\"path\": \"$['z'][0]\", \"value\": 0.10}\n]");
}

TEST(QueryOutput, RefusesABadDocument) {
  EXPECT_THROW(output("$", "{"), Error);
  EXPECT_THROW(output("$", ""), Error);
}

}  // namespace
}  // namespace penstock::json
