#include <iostream>
#include <memory>

#include "core/aws/codepipeline.h"
#include "core/aws/environment.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "server/action_type_definition.h"
#include "server/command_line.h"
#include "server/wiring.h"

namespace penstock::server {
namespace {

const aws::CustomActionType* find_type(const std::vector<aws::CustomActionType>& types, const aws::ActionTypeId& id) {
  for (const aws::CustomActionType& type : types) {
    if (type.id == id) return &type;
  }
  return nullptr;
}

// A type that is there already is no error when it is the same: creating may be repeated.
int create(aws::CodePipelineClient& codepipeline, const ActionTypeDefinition& definition) {
  const std::vector<aws::CustomActionType> types = codepipeline.list_custom_action_types();
  if (const aws::CustomActionType* type = find_type(types, definition.id())) {
    const std::vector<std::string> differences = definition.differences(type->json);
    if (!differences.empty()) {
      std::cerr << "penstock: creating " << definition.id().to_string()
                << ": it exists and is something else; a type cannot be changed, give the definition another version\n";
      for (const std::string& difference : differences) std::cerr << "  " << difference << "\n";
      return kExitFailure;
    }
    std::cout << type->json << "\n";
    std::cerr << "penstock: " << definition.id().to_string() << " exists already, as defined\n";
    return kExitSuccess;
  }
  std::cout << codepipeline.create_custom_action_type(definition.json()) << "\n";
  std::cerr << "penstock: " << definition.id().to_string() << " created\n";
  return kExitSuccess;
}

int describe(aws::CodePipelineClient& codepipeline, const ActionTypeDefinition& definition) {
  const std::vector<aws::CustomActionType> types = codepipeline.list_custom_action_types();
  const aws::CustomActionType* type = find_type(types, definition.id());
  if (type == nullptr) {
    std::cerr << "penstock: " << definition.id().to_string() << " does not exist";
    for (const aws::CustomActionType& other : types) {
      if (other.id.provider == definition.id().provider) std::cerr << "; there is " << other.id.to_string();
    }
    std::cerr << "; make it with: penstock action-type create\n";
    return kExitFailure;
  }
  std::cout << type->json << "\n";
  const std::vector<std::string> differences = definition.differences(type->json);
  std::cerr << "penstock: " << definition.id().to_string()
            << (differences.empty() ? " exists as defined\n" : " exists and differs from the definition:\n");
  for (const std::string& difference : differences) std::cerr << "  " << difference << "\n";
  return kExitSuccess;
}

}  // namespace

int run_action_type(const ActionTypeArguments& arguments) {
  config::Aws settings;
  std::string public_url;
  if (!arguments.config.empty()) {
    const std::optional<config::Settings> loaded = load_settings(arguments.config);
    if (!loaded) return kExitBadConfig;
    settings = loaded->aws;
    public_url = loaded->server.public_url;
  }
  std::optional<ActionTypeDefinition> definition;
  if (arguments.what != ActionTypeArguments::What::kList) {
    const std::string name = arguments.file == "-" ? "stdin" : arguments.file.string();
    definition = ActionTypeDefinition::parse(read_input(arguments.file), name, public_url);
  }
  const SystemClock clock;
  aws::Environment environment(aws_options(settings), make_transport(settings), clock);
  aws::CodePipelineClient codepipeline(environment.client("codepipeline"));
  switch (arguments.what) {
    case ActionTypeArguments::What::kCreate:
      return create(codepipeline, *definition);
    case ActionTypeArguments::What::kDescribe:
      return describe(codepipeline, *definition);
    case ActionTypeArguments::What::kList:
      break;
  }
  const std::vector<aws::CustomActionType> types = codepipeline.list_custom_action_types();
  for (const aws::CustomActionType& type : types) std::cout << type.json << "\n";
  std::cerr << "penstock: " << types.size() << (types.size() == 1 ? " custom action type" : " custom action types")
            << ", a line each\n";
  return kExitSuccess;
}

}  // namespace penstock::server
