#include <gtest/gtest.h>

#include "core/config/settings.h"

namespace penstock::config {
namespace {

constexpr char kGood[] =
    "actionType: {category: Test, owner: ThirdParty, provider: LoadTest, version: 1}, signupPath: "
    "/thirdparty/loadtest, "
    "confirmationUrl: 'https://{region}.console.example.com/confirm?response={response}', handler: command, command: "
    "{argv: [/opt/loadtest]}, ";

LoadResult load(const std::string& entry) {
  return parse("thirdParty:\n  - {" + entry + "}\n", "penstock.yaml");
}
std::string problems(const std::string& entry) {
  std::string text;
  for (const Problem& problem : load(entry).problems) text += problem.path + ": " + problem.message + "\n";
  return text;
}

TEST(LoadThirdParty, ReadsWorkPageKeysAndProperties) {
  const LoadResult result =
      load(std::string(kGood) +
           "key: [{secret: 'env:NEW'}, {secret: 'env:OLD'}], concurrency: 2, timeout: 5m, pollInterval: {idle: 3s}, "
           "properties: [{name: Preset, required: true, description: Which test}, {name: ApiKey, secret: true}]");
  ASSERT_TRUE(result.problems.empty()) << result.problems[0].message;
  const ThirdParty& entry = result.settings.third_party.at(0);
  EXPECT_EQ(entry.work.action_type.owner, "ThirdParty");
  EXPECT_EQ(entry.work.action_type.provider, "LoadTest");
  EXPECT_EQ(entry.work.command.value().argv, std::vector<std::string>{"/opt/loadtest"});
  EXPECT_EQ(entry.work.concurrency, 2);
  EXPECT_EQ(entry.work.poll_idle, std::chrono::seconds(3));
  EXPECT_EQ(entry.signup_path, "/thirdparty/loadtest");
  ASSERT_EQ(entry.keys.size(), 2u);
  EXPECT_EQ(entry.keys[0].to_string(), "env:NEW");
  EXPECT_EQ(entry.keys[1].to_string(), "env:OLD");
  ASSERT_EQ(entry.properties.size(), 2u);
  EXPECT_TRUE(entry.properties[0].required);
  EXPECT_EQ(entry.properties[0].description, "Which test");
  EXPECT_TRUE(entry.properties[1].secret);
  EXPECT_TRUE(result.settings.workers.empty());
}

TEST(LoadThirdParty, TakesASingleKeyInBothForms) {
  EXPECT_EQ(problems(std::string(kGood) + "key: {secret: 'file:/run/key'}"), "");
  EXPECT_EQ(problems(std::string(kGood) + "key: 'file:/run/key'"), "");
}

struct Refused {
  const char* name;
  std::string entry, expected;
};

TEST(LoadThirdParty, RefusesWhatCouldNotWorkOrMislead) {
  const std::string key = "key: 'env:K', ";
  const std::string rest = "handler: command, command: {argv: [/x]}, " + key +
                           "actionType: {category: Test, owner: ThirdParty, provider: L, version: 1}, ";
  const std::string path = "signupPath: /a/b, ";
  const auto url = [&](const std::string& text) { return rest + path + "confirmationUrl: '" + text + "'"; };
  const Refused cases[] = {
      {"no key", kGood, "key: "},
      {"a literal key", std::string(kGood) + "key: 0123456789abcdef", "key: "},
      {"an empty list", std::string(kGood) + "key: []", "key: expected at least one secret"},
      {"git-source", std::string(kGood) + key + "remote: x", "remote: unknown"},
      {"plain http", url("http://console.example.com/?r={response}"), "confirmationUrl: expected an https address"},
      {"no place for the answer", url("https://console.example.com/"), "confirmationUrl: expected an https address"},
      {"two places for it", url("https://c.example.com/?a={response}&b={response}"), "confirmationUrl: expected"},
      {"the answer as host", url("https://{response}/"), "confirmationUrl: expected"},
      {"a region as the host", url("https://{region}/?r={response}"), "confirmationUrl: expected"},
      {"a region as the domain", url("https://console.{region}/?r={response}"), "confirmationUrl: expected"},
      {"a region before a bare suffix", url("https://{region}.com/?r={response}"), "confirmationUrl: expected"},
      {"user information", url("https://u@c.example.com/?r={response}"), "confirmationUrl: expected"},
      {"another placeholder", url("https://c.example.com/{x}?r={response}"), "confirmationUrl: expected"},
      {"the server's own path", rest + "confirmationUrl: 'https://c.example.com/{response}', signupPath: /api/x",
       "signupPath: expected a path that is not the server's own"},
      {"a path with a query", rest + "confirmationUrl: 'https://c.example.com/{response}', signupPath: '/a?b'",
       "signupPath: expected a path such as"},
      {"a property twice", std::string(kGood) + key + "properties: [{name: A}, {name: A}]",
       "name: expected each name once"},
      {"a property that breaks a form", std::string(kGood) + key + "properties: [{name: 'a b'}]",
       "name: expected 1 to 50"},
  };
  for (const Refused& refused : cases) {
    EXPECT_NE(problems(refused.entry).find(refused.expected), std::string::npos)
        << refused.name << ": " << problems(refused.entry);
  }
}

TEST(LoadThirdParty, TakesRegionsWhereTheyCannotLeadAstray) {
  for (const char* url :
       {"https://{region}.console.example.com/c?r={response}", "https://c.example.com/{region}/{response}",
        "http://127.0.0.1:8080/confirm?response={response}&region={region}"}) {
    EXPECT_EQ(problems("handler: command, command: {argv: [/x]}, key: 'env:K', signupPath: /a, actionType: {category: "
                       "Test, owner: ThirdParty, provider: L, version: 1}, confirmationUrl: '" +
                       std::string(url) + "'"),
              "")
        << url;
  }
}

TEST(LoadThirdParty, RefusesTheSameTypeOrPathTwice) {
  const std::string entry = "{" + std::string(kGood) + "key: 'env:K'}";
  const LoadResult result = parse("thirdParty: [" + entry + ", " + entry + "]", "penstock.yaml");
  ASSERT_EQ(result.problems.size(), 2u);
  EXPECT_EQ(result.problems[0].path, "thirdParty[1].actionType");
  EXPECT_EQ(result.problems[1].path, "thirdParty[1].signupPath");
}

}  // namespace
}  // namespace penstock::config
