// The rules that a pipeline's structure has to keep beyond the limits of its members.
#include <algorithm>

#include "tests/sandbox/codepipeline.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

constexpr std::size_t kMaxStages = 50;
constexpr std::size_t kMaxActionsPerStage = 50;
constexpr std::size_t kMaxActions = 500;

std::size_t count_of(const Json& object, const char* member) {
  const auto* list = json::find(object, member);
  return list ? list->size() : 0;
}

[[noreturn]] void bad_structure(const std::string& message) {
  throw ServiceError(400, "InvalidStructureException", message);
}
[[noreturn]] void bad_stage(const std::string& message) {
  throw ServiceError(400, "InvalidStageDeclarationException", message);
}
[[noreturn]] void bad_action(const std::string& message) {
  throw ServiceError(400, "InvalidActionDeclarationException", message);
}

}  // namespace

void CodePipeline::check_action(const Json& declaration, const Json& stage, const Json& action,
                                std::set<std::string>& artifacts, std::set<std::string>& namespaces) const {
  const auto name = action.at("name").get<std::string>();
  const auto id = action_type_id(action.at("actionTypeId"));
  const bool in_first_stage = &stage == &declaration.at("stages").front();
  const bool is_source = action.at("actionTypeId").at("category") == "Source";
  if (in_first_stage && !is_source) bad_stage("The first stage may hold only Source actions, '" + name + "' is none");
  if (!in_first_stage && is_source)
    bad_stage("Source actions belong into the first stage, '" + name + "' is elsewhere");
  if (action.contains("timeoutInMinutes") && action.at("actionTypeId").at("category") != "Approval") {
    bad_action("timeoutInMinutes is for manual approvals only, action '" + name + "' is none");
  }
  for (const auto* member : {"inputArtifacts", "outputArtifacts"}) {
    const auto* list = json::find(action, member);
    if (!list) continue;
    std::set<std::string> seen;
    for (const auto& artifact : *list) {
      const auto artifact_name = artifact.at("name").get<std::string>();
      if (!seen.insert(artifact_name).second)
        bad_action("Action '" + name + "' names an artifact twice: '" + artifact_name + "'");
      if (std::string_view(member) == "inputArtifacts" && !artifacts.contains(artifact_name)) {
        bad_action("Input Artifact Bundle '" + artifact_name + "' in action '" + name +
                   "' is not declared as Output Artifact Bundle in any of the preceding actions");
      }
    }
  }
  if (const auto space = json::string_or(action, "namespace"); !space.empty()) {
    if (space == "codepipeline" || space == "variables") bad_action("The namespace '" + space + "' is reserved");
    if (!namespaces.insert(space).second) bad_action("The namespace '" + space + "' is used twice");
  }
  if (action.at("actionTypeId").at("owner") == "AWS") return;  // their configuration is not checked here

  const auto* type = find_type(id);
  if (!type) {
    bad_action("ActionType (Category: '" + action.at("actionTypeId").at("category").get<std::string>() +
               "', Provider: '" + action.at("actionTypeId").at("provider").get<std::string>() + "', Owner: '" +
               action.at("actionTypeId").at("owner").get<std::string>() + "', Version: '" +
               action.at("actionTypeId").at("version").get<std::string>() + "') in action '" + name +
               "' is not available");
  }
  const auto inputs = static_cast<int>(count_of(action, "inputArtifacts"));
  const auto outputs = static_cast<int>(count_of(action, "outputArtifacts"));
  if (inputs < type->min_inputs || inputs > type->max_inputs) {
    bad_action("Action '" + name + "' has " + std::to_string(inputs) + " input artifacts, its type wants " +
               std::to_string(type->min_inputs) + " to " + std::to_string(type->max_inputs));
  }
  if (outputs < type->min_outputs || outputs > type->max_outputs) {
    bad_action("Action '" + name + "' has " + std::to_string(outputs) + " output artifacts, its type wants " +
               std::to_string(type->min_outputs) + " to " + std::to_string(type->max_outputs));
  }
  const auto* configuration = json::find(action, "configuration");
  for (const auto& property : type->properties) {
    const bool given = configuration && configuration->contains(property.name);
    if (property.required && !given) {
      bad_action("Action configuration for action '" + name + "' is missing required configuration '" + property.name +
                 "'");
    }
    if (!given) continue;
    const auto value = configuration->at(property.name).get<std::string>();
    const bool is_variable = value.find("#{") != std::string::npos;
    if (property.queryable &&
        (value.size() > 50 ||
         value.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-") !=
             std::string::npos)) {
      bad_action("The queryable configuration '" + property.name + "' of action '" + name +
                 "' holds more than 50 characters or other ones than letters, digits, '_' and '-'");
    }
    if (property.type == "Boolean" && value != "true" && value != "false" && !is_variable) {
      bad_action("The configuration '" + property.name + "' of action '" + name + "' must be true or false");
    }
    if (property.type == "Number" && !is_variable &&
        (value.empty() || value.find_first_not_of("0123456789.-") != std::string::npos)) {
      bad_action("The configuration '" + property.name + "' of action '" + name + "' must be a number");
    }
  }
  if (!configuration) return;
  for (const auto& [key, value] : configuration->items()) {
    if (!type->find_property(key)) {
      bad_action("Action configuration for action '" + name + "' contains unknown configuration '" + key + "'");
    }
    if (in_first_stage && value.get<std::string>().find("#{variables.") != std::string::npos) {
      bad_action("Pipeline-level variables are not available to Source actions, action '" + name + "' uses one");
    }
  }
}

void CodePipeline::check_declaration(const Json& declaration) const {
  const bool v2 = json::string_or(declaration, "pipelineType", "V1") == "V2";
  const auto mode = json::string_or(declaration, "executionMode", "SUPERSEDED");
  const bool has_store = json::find(declaration, "artifactStore") && !declaration.at("artifactStore").is_null();
  const bool has_stores = json::find(declaration, "artifactStores") && !declaration.at("artifactStores").is_null();
  if (has_store == has_stores) bad_structure("A pipeline has either artifactStore or artifactStores");
  if (has_stores && declaration.at("artifactStores").empty()) bad_structure("artifactStores must not be empty");
  if (!v2) {
    if (mode != "SUPERSEDED") bad_structure("The execution mode " + mode + " needs a pipeline of type V2");
    if (count_of(declaration, "variables") > 0) bad_structure("Pipeline-level variables need a pipeline of type V2");
    if (count_of(declaration, "triggers") > 0) bad_structure("Triggers need a pipeline of type V2");
  }
  std::set<std::string> variables;
  if (const auto* list = json::find(declaration, "variables")) {
    for (const auto& variable : *list) {
      if (!variables.insert(variable.at("name").get<std::string>()).second) {
        bad_structure("The variable '" + variable.at("name").get<std::string>() + "' is declared twice");
      }
    }
  }
  const auto& stages = declaration.at("stages");
  if (stages.size() < 2) bad_structure("Pipeline should contain at least two stages");
  if (stages.size() > kMaxStages) bad_structure("A pipeline has at most 50 stages");
  std::set<std::string> stage_names, artifacts, namespaces;
  std::size_t total = 0;
  for (const auto& stage : stages) {
    const auto stage_name = stage.at("name").get<std::string>();
    if (!stage_names.insert(stage_name).second) bad_stage("The stage '" + stage_name + "' is there twice");
    const auto& actions = stage.at("actions");
    if (actions.empty()) bad_stage("The stage '" + stage_name + "' has no action");
    if (actions.size() > kMaxActionsPerStage) bad_stage("The stage '" + stage_name + "' has more than 50 actions");
    total += actions.size();
    // Actions see what those with a lower runOrder made.
    std::vector<const Json*> ordered;
    for (const auto& action : actions) ordered.push_back(&action);
    std::stable_sort(ordered.begin(), ordered.end(),
                     [](const Json* a, const Json* b) { return a->value("runOrder", 1) < b->value("runOrder", 1); });
    std::set<std::string> action_names;
    for (std::size_t i = 0; i < ordered.size();) {
      std::vector<std::string> made;
      const int order = ordered[i]->value("runOrder", 1);
      for (; i < ordered.size() && ordered[i]->value("runOrder", 1) == order; ++i) {
        const auto& action = *ordered[i];
        if (!action_names.insert(action.at("name").get<std::string>()).second) {
          bad_action("The action '" + action.at("name").get<std::string>() + "' is there twice in stage '" +
                     stage_name + "'");
        }
        check_action(declaration, stage, action, artifacts, namespaces);
        if (const auto* outputs = json::find(action, "outputArtifacts")) {
          for (const auto& output : *outputs) made.push_back(output.at("name").get<std::string>());
        }
      }
      for (const auto& name : made) {
        if (!artifacts.insert(name).second) bad_action("The output artifact '" + name + "' is made twice");
      }
    }
  }
  if (total > kMaxActions) bad_structure("A pipeline has at most 500 actions");
}

}  // namespace penstock::sandbox
