#include "core/aws/shared_config.h"

#include <gtest/gtest.h>

#include "core/base/files.h"
#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

TEST(ParseIni, FollowsTheRulesOfTheSharedFiles) {
  const auto sections = parse_ini(
      "\xef\xbb\xbf# comment\r\n"
      "; comment\n"
      "[ default ]\r\n"
      "Region = eu-west-1 # inline\n"
      "aws_secret_access_key = a#b;c=d\n"
      "s3 =\n"
      "  addressing_style = path ; inline\n"
      "\tmax = 2\n"
      "words = one\n"
      "  two\n"
      "empty =\n"
      "[profile \"with space\"] # comment\n"
      "x=1\n"
      "x=2\n"
      "[default]\n"
      "output=json\n",
      "file");
  const ConfigSection& section = sections.at("default");
  EXPECT_EQ(section.at("region"), "eu-west-1");
  EXPECT_EQ(section.at("aws_secret_access_key"), "a#b;c=d");
  EXPECT_EQ(section.at("s3.addressing_style"), "path");
  EXPECT_EQ(section.at("s3.max"), "2");
  EXPECT_EQ(section.at("words"), "one\ntwo");
  EXPECT_EQ(section.at("empty"), "");
  EXPECT_EQ(section.at("output"), "json");
  EXPECT_EQ(sections.at("profile \"with space\"").at("x"), "2");
}

TEST(ParseIni, NamesTheLineButNotItsContent) {
  for (const char* text : {"[default]\nhunter2\n", "hunter2=hunter2", "[default\nhunter2=1", "[d]\n=hunter2"}) {
    const Error error = error_of([&] { parse_ini(text, "file"); });
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration) << text;
    EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos) << error.what();
    EXPECT_TRUE(std::string(error.what()).starts_with("reading file:")) << error.what();
  }
}

TEST(MergeSharedConfig, LetsTheCredentialsFileWin) {
  const SharedConfig config = merge_shared_config(
      parse_ini("[default]\nregion=a\n[profile default]\nregion=b\n[profile x]\naws_access_key_id=1\nregion=c\n"
                "[services s]\ns3 =\n  endpoint_url = http://h\n[x]\nignored=1\n[profile \"a b\"]\nk=v\n",
                "c"),
      parse_ini("[x]\naws_access_key_id=2\n[new]\nk=v\n", "k"));
  EXPECT_EQ(config.find_profile("default")->at("region"), "b");
  EXPECT_EQ(config.find_profile("x")->at("aws_access_key_id"), "2");
  EXPECT_EQ(config.find_profile("x")->at("region"), "c");
  EXPECT_FALSE(config.find_profile("x")->contains("ignored"));
  EXPECT_TRUE(config.find_profile("new"));
  EXPECT_TRUE(config.find_profile("a b"));
  EXPECT_EQ(config.services.at("s").at("s3.endpoint_url"), "http://h");
}

TEST(LoadSharedConfig, ReadsBelowHomeAndToleratesMissingFiles) {
  const TemporaryDirectory home;
  std::filesystem::create_directory(home.path() / ".aws");
  write_file_atomically(home.path() / ".aws" / "config", "[default]\nregion = eu-west-1\n");
  const auto variable = [&](const std::string& name) -> std::optional<std::string> {
    return name == "HOME" ? std::optional(home.path().string()) : std::nullopt;
  };
  EXPECT_EQ(load_shared_config(variable).find_profile("default")->at("region"), "eu-west-1");
  EXPECT_TRUE(load_shared_config([](const std::string&) { return std::nullopt; }).profiles.empty());
}

}  // namespace
}  // namespace penstock::aws
