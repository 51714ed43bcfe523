#include "server/action_type_definition.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::server {
namespace {

constexpr char kBuild[] = R"({
  "category": "Build", "provider": "MyBuild", "version": "1",
  "settings": {"entityUrlTemplate": "https://build.example.net/{Config:ProjectName}",
               "executionUrlTemplate": "https://penstock.example.com/jobs/{ExternalExecutionId}"},
  "configurationProperties": [
    {"name": "ProjectName", "required": true, "key": true, "secret": false, "queryable": false, "description": "d", "type": "String"},
    {"name": "Token", "required": false, "key": false, "secret": true}],
  "inputArtifactDetails": {"minimumCount": 1, "maximumCount": 5},
  "outputArtifactDetails": {"minimumCount": 0, "maximumCount": 5}
})";

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

std::string problems_of(const std::string& text, const std::string& public_url = "https://gate.example.org") {
  try {
    ActionTypeDefinition::parse(text, "build.json", public_url);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
    return error.what();
  }
}

TEST(ActionTypeDefinition, PutsTheServersAddressIntoLinks) {
  const ActionTypeDefinition definition =
      ActionTypeDefinition::parse(kBuild, "build.json", "https://gate.example.org/penstock");
  EXPECT_EQ(definition.id().to_string(), "Build/Custom/MyBuild/1");
  EXPECT_NE(definition.json().find(R"("https://gate.example.org/penstock/jobs/{ExternalExecutionId}")"),
            std::string::npos)
      << definition.json();
  EXPECT_EQ(
      problems_of(kBuild, ""),
      "build.json: settings.executionUrlTemplate: \"https://penstock.example.com\" stands for your server: put its "
      "address there, or give --config with a configuration that has server.publicUrl");
}

struct Mistake {
  const char* name;
  const char* what;
  const char* with;
  const char* problem;
};

class Mistakes : public testing::TestWithParam<Mistake> {};

TEST_P(Mistakes, AreToldWithTheirPlace) {
  EXPECT_EQ(problems_of(replaced(kBuild, GetParam().what, GetParam().with)),
            "build.json: " + std::string(GetParam().problem));
}

INSTANTIATE_TEST_SUITE_P(
    ActionTypeDefinition, Mistakes,
    testing::Values(
        Mistake{"MisspeltMember", "\"inputArtifactDetails\"", "\"inputArtefactDetails\"",
                "inputArtefactDetails: is no member here; did you mean \"inputArtifactDetails\"?\n"
                "build.json: inputArtifactDetails: is missing"},
        Mistake{"Category", "\"Build\"", "\"Builds\"",
                "category: expected Source, Build, Test, Deploy or Invoke, found \"Builds\""},
        Mistake{"VersionTooLong", "\"version\": \"1\"", "\"version\": \"2026-11-22\"",
                "version: expected a text of 1 to 9 characters, found \"2026-11-22\""},
        Mistake{"UnknownPropertyInALink", "{Config:ProjectName}", "{Config:ProjektName}",
                "settings.entityUrlTemplate: {Config:ProjektName} names no property; did you mean \"ProjectName\"?"},
        Mistake{"SecretPropertyInALink", "{Config:ProjectName}", "{Config:Token}",
                "settings.entityUrlTemplate: {Config:Token} must name a property that is required and not secret"},
        Mistake{"LinkWithoutAScheme", "\"https://build.example.net/{", "\"{",
                "settings.entityUrlTemplate: expected an address that begins with https://, found "
                "\"{Config:ProjectName}\""},
        Mistake{"TextForAFlag", "\"key\": true", "\"key\": \"yes\"",
                "configurationProperties[0].key: expected true or false, found \"yes\""},
        Mistake{"SecretQueryable", "\"secret\": true", "\"secret\": true, \"queryable\": true",
                "configurationProperties[1].queryable: a queryable property must be required and not secret"},
        Mistake{"PropertyTwice", "\"Token\"", "\"ProjectName\"",
                "configurationProperties[1].name: \"ProjectName\" is there twice"},
        Mistake{"PropertyType", "\"String\"", "\"Integer\"",
                "configurationProperties[0].type: expected String, Number or Boolean, found \"Integer\""},
        Mistake{"TooManyArtifacts", "\"maximumCount\": 5", "\"maximumCount\": 6",
                "inputArtifactDetails.maximumCount: expected a number from 0 to 5, found 6"},
        Mistake{"MinimumAboveMaximum", "\"minimumCount\": 1, \"maximumCount\": 5",
                "\"minimumCount\": 3, \"maximumCount\": 2",
                "inputArtifactDetails: minimumCount is more than maximumCount"},
        Mistake{"SourceWithInputs", "\"Build\"", "\"Source\"",
                "inputArtifactDetails: a source takes no artifact and makes exactly one: both counts must be 0\n"
                "build.json: outputArtifactDetails: a source takes no artifact and makes exactly one: both counts must "
                "be 1"}),
    [](const auto& mistake) { return mistake.param.name; });

constexpr char kExisting[] = R"({
  "id": {"category": "Build", "owner": "Custom", "provider": "MyBuild", "version": "1"},
  "settings": {"executionUrlTemplate": "https://gate.example.org/jobs/{ExternalExecutionId}",
               "entityUrlTemplate": "https://build.example.net/{Config:ProjectName}"},
  "actionConfigurationProperties": [
    {"name": "JobList", "required": false, "key": false, "secret": false, "queryable": false},
    {"name": "Token", "required": false, "key": false, "secret": true, "queryable": false, "type": "String"},
    {"name": "ProjectName", "required": true, "key": true, "secret": false, "queryable": false, "description": "d"}],
  "inputArtifactDetails": {"minimumCount": 1, "maximumCount": 5},
  "outputArtifactDetails": {"minimumCount": 0, "maximumCount": 5}
})";

TEST(ActionTypeDefinition, KnowsAnEqualTypeWhateverTheOrderAndTheDefaults) {
  const ActionTypeDefinition definition = ActionTypeDefinition::parse(kBuild, "build.json", "https://gate.example.org");
  EXPECT_EQ(definition.differences(kExisting), std::vector<std::string>());
}

TEST(ActionTypeDefinition, TellsWhatIsDifferent) {
  const ActionTypeDefinition definition = ActionTypeDefinition::parse(kBuild, "build.json", "https://gate.example.org");
  std::string existing = replaced(kExisting, "\"maximumCount\": 5", "\"maximumCount\": 2");
  existing = replaced(existing, "\"description\": \"d\"", "\"description\": \"e\"");
  existing = replaced(existing, "\"Token\", \"required\": false", "\"Key\", \"required\": true");
  EXPECT_EQ(definition.differences(existing),
            (std::vector<std::string>{
                "inputArtifactDetails.maximumCount: 5 in the definition, 2 in the existing type",
                "property \"Key\": not in the definition, there in the existing type",
                "property \"ProjectName\".description: \"d\" in the definition, \"e\" in the existing type",
                "property \"Token\": there in the definition, not in the existing type"}));
}

}  // namespace
}  // namespace penstock::server
