#include "core/jobs/stack_parameters.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::jobs {
namespace {

std::string refusal(const std::string& text) {
  try {
    parse_stack_parameters(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
    const std::string begin = "reading the action's UserParameters: ", what = error.what();
    EXPECT_TRUE(what.starts_with(begin)) << what;
    return what.substr(begin.size());
  }
  return "nothing was refused";
}

TEST(ParseStackParameters, ReadsAll) {
  const auto parameters = parse_stack_parameters(
      R"({"stack":"shop-1","artifact":"Code","file":"a/t.json","parameters":{"A":"x","N":3,"B":true},)"
      R"("capabilities":["CAPABILITY_IAM"],"tags":{"team":"web"},"roleArn":"arn:aws:iam::1:role/r"})");
  EXPECT_EQ(parameters.stack, "shop-1");
  EXPECT_EQ(parameters.artifact, "Code");
  EXPECT_EQ(parameters.file, "a/t.json");
  EXPECT_EQ(parameters.parameters, (std::map<std::string, std::string>{{"A", "x"}, {"B", "true"}, {"N", "3"}}));
  EXPECT_EQ(parameters.capabilities, std::vector<std::string>{"CAPABILITY_IAM"});
  EXPECT_EQ(parameters.tags.at("team"), "web");
  EXPECT_EQ(parameters.role_arn, "arn:aws:iam::1:role/r");
}

TEST(ParseStackParameters, SaysWhatIsWrong) {
  EXPECT_EQ(refusal(""), "there are none; they are JSON with \"stack\", \"artifact\" and \"file\"");
  EXPECT_TRUE(refusal("stack=a").starts_with("they are no JSON: "));
  EXPECT_EQ(refusal("[1]"), "they must be a JSON object");
  EXPECT_EQ(refusal("{}"), "they must have \"stack\", the stack's name");
  EXPECT_EQ(refusal(R"({"stack":"a"})"),
            "they must have \"artifact\", the name of the input artifact with the template");
  EXPECT_EQ(refusal(R"({"stack":"a","artifact":"b"})"), "they must have \"file\", the template's path in the artifact");
  EXPECT_EQ(refusal(R"({"stack":1})"), "\"stack\" must be a text, the stack's name");
  EXPECT_EQ(
      refusal(R"({"stack":"a b"})"),
      "the stack's name has letters, digits and \"-\", begins with a letter and has at most 128 characters, found "
      "\"a b\"");
  EXPECT_EQ(refusal(R"({"stack":"a","artefact":"b"})"), "\"artefact\" is not known; did you mean \"artifact\"?");
  const std::string good = R"({"stack":"a","artifact":"b","file":"c",)";
  EXPECT_EQ(refusal(good + R"("parameters":[]})"), "\"parameters\" must be an object of names and texts");
  EXPECT_EQ(refusal(good + R"("tags":{"a":[]}})"), "\"tags\": the value of \"a\" must be a text");
  EXPECT_EQ(refusal(good + R"("capabilities":["ALL"]})"),
            "\"capabilities\" may have CAPABILITY_IAM, CAPABILITY_NAMED_IAM and CAPABILITY_AUTO_EXPAND, found "
            "\"\\\"ALL\\\"\"");
}

}  // namespace
}  // namespace penstock::jobs
