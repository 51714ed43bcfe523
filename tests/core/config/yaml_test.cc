#include "core/config/yaml.h"

#include <gtest/gtest.h>

namespace penstock::config {
namespace {

std::string only_problem(std::string_view text) {
  const auto result = parse_yaml(text);
  EXPECT_EQ(result.problems.size(), 1u) << text;
  if (result.problems.empty()) return "";
  const auto& problem = result.problems[0];
  return std::to_string(problem.line) + ":" + problem.path + ":" + problem.message;
}

TEST(ParseYaml, KnowsTheLineOfEveryKey) {
  const auto result = parse_yaml("a: 1\nb:\n  c: x\n  d: [1, 2]\n\ne: \"true\"\n");
  ASSERT_TRUE(result.root);
  EXPECT_TRUE(result.problems.empty());
  EXPECT_EQ(result.root->find("a")->line, 1);
  EXPECT_EQ(result.root->find("b")->line, 2);
  EXPECT_EQ(result.root->find("b")->value->find("d")->line, 4);
  EXPECT_EQ(result.root->find("b")->value->find("d")->value->items.size(), 2u);
  EXPECT_EQ(result.root->find("e")->line, 6);
  EXPECT_TRUE(result.root->find("e")->value->quoted);
  EXPECT_FALSE(result.root->find("a")->value->quoted);
  EXPECT_EQ(result.root->find("x"), nullptr);
}

TEST(ParseYaml, ReadsJson) {
  const auto result = parse_yaml("{\n\t\"a\": {\"b\": [1, true, null, \"x\\u00e9\\n\\/\"]},\n\t\"c\": \"\"\n}\n");
  ASSERT_TRUE(result.root) << (result.problems.empty() ? "" : result.problems[0].message);
  const auto& items = result.root->find("a")->value->find("b")->value->items;
  ASSERT_EQ(items.size(), 4u);
  EXPECT_EQ(items[2]->kind, YamlNode::Kind::kNull);
  EXPECT_EQ(items[3]->scalar, "x\xC3\xA9\n/");
  EXPECT_EQ(result.root->find("c")->value->kind, YamlNode::Kind::kScalar);
  EXPECT_EQ(result.root->find("c")->line, 3);
}

TEST(ParseYaml, KnowsWhatIsNothing) {
  const auto result = parse_yaml("a:\nb: ~\nc: null\nd: \"null\"\ne: ''\n");
  for (const char* key : {"a", "b", "c"}) EXPECT_EQ(result.root->find(key)->value->kind, YamlNode::Kind::kNull) << key;
  for (const char* key : {"d", "e"}) EXPECT_EQ(result.root->find(key)->value->kind, YamlNode::Kind::kScalar) << key;
}

TEST(ParseYaml, ResolvesAnchorsAndMerges) {
  const auto result = parse_yaml(
      "base: &base {x: 1, y: 2}\nother: &other {y: 7, z: 3}\none: {<<: *base, y: 5}\ntwo:\n  <<: [*base, *other]\n  w: "
      "*base\n");
  ASSERT_TRUE(result.root);
  EXPECT_TRUE(result.problems.empty());
  const auto& one = *result.root->find("one")->value;
  EXPECT_EQ(one.find("x")->value->scalar, "1");
  EXPECT_EQ(one.find("y")->value->scalar, "5");
  const auto& two = *result.root->find("two")->value;
  EXPECT_EQ(two.find("y")->value->scalar, "2");
  EXPECT_EQ(two.find("z")->value->scalar, "3");
  EXPECT_EQ(two.find("w")->value->find("x")->value->scalar, "1");
}

TEST(ParseYaml, NamesTheLineOfAMistake) {
  EXPECT_EQ(only_problem("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n"),
            "5:b.c:expected each key once, found it again (first on line 3)");
  EXPECT_EQ(only_problem("l:\n  - x: 1\n  - {y: 1, y: 2}\n"),
            "3:l[1].y:expected each key once, found it again (first on line 3)");
  EXPECT_EQ(only_problem("a: 1\n\tb: 2\n"), "2::reading YAML: expected spaces as indentation, found a tab");
  EXPECT_EQ(only_problem("a: [1, 2\nb: 3\n").substr(0, 17), "2::reading YAML: ");
  for (const char* text : {"a: 1\nb: \"x\n", "a: 1\nb: 'x\n", "a: 1\nb: \"x\nc: 2\n\n", "a: \"x"}) {
    EXPECT_NE(only_problem(text).find("::reading YAML: a quoted text that begins above is not closed"),
              std::string::npos)
        << text;
  }
  EXPECT_TRUE(only_problem("{\"a\": {\"b\": 1}\n").starts_with("1::expected a text as key, found a collection"));
  EXPECT_EQ(only_problem("a: 1\nb: \x01\n"), "2::expected text, found a control character");
  EXPECT_EQ(only_problem("a: 1\nb: x\nc: \xFF\n"), "3::expected UTF-8, found other bytes");
  EXPECT_EQ(only_problem("a: *nothing\n").substr(0, 15), "1::reading YAML");
  EXPECT_EQ(only_problem("a: &x [*x]\n"), "1::an alias refers to the value that contains it");
  EXPECT_EQ(only_problem("? [a, b]\n: 1\n"),
            "1::expected a text as key, found a collection; is a \"}\" or \"]\" missing?");
  EXPECT_EQ(only_problem("a: !include x.yaml\n"), "1::the tag \"!include\" is not understood here");
  EXPECT_EQ(only_problem("a: 1\n---\nb: 2\n"), "0::expected one YAML document, found more (\"---\" or \"...\")");
  EXPECT_EQ(only_problem("a: {<<: 5}\n"), "1:a.<<:expected a mapping to merge");
}

TEST(ParseYaml, BoundsWhatItReads) {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const auto name = "a" + std::to_string(i);
    laughs += name + ": &" + name + " [";
    for (int k = 0; k < 10; ++k) laughs += (k > 0 ? ", *a" : "*a") + std::to_string(i - 1);
    laughs += "]\n";
  }
  EXPECT_EQ(only_problem(laughs), "5::with its aliases written out the file has more than 100000 values");
  EXPECT_EQ(only_problem(std::string(100, '[') + std::string(100, ']')), "1::values are nested more than 64 deep");
  EXPECT_EQ(only_problem(std::string(2u << 20, ' ')), "0::expected at most 1048576 bytes, found 2097152");
  EXPECT_EQ(only_problem(std::string(100'000, '[')).substr(0, 3), "1::");
  EXPECT_EQ(only_problem(std::string(100'000, '{')).substr(0, 3), "1::");
}

TEST(ParseYaml, TakesAnEmptyTextAsNothing) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "\xEF\xBB\xBF", "---\n", "~"}) {
    const auto result = parse_yaml(text);
    EXPECT_TRUE(result.problems.empty()) << text;
    EXPECT_TRUE(result.root == nullptr || result.root->kind == YamlNode::Kind::kNull) << text;
  }
}

}  // namespace
}  // namespace penstock::config
