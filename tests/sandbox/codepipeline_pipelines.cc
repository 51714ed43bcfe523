// Pipelines: their declarations and versions.
#include "tests/sandbox/codepipeline.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

constexpr std::size_t kMaxPipelines = 1000;
constexpr const char* kMask = "****";

// What AWS fills in by itself.
Json completed(Json declaration, std::size_t version) {
  declaration["version"] = version;
  if (!json::find(declaration, "executionMode")) declaration["executionMode"] = "SUPERSEDED";
  if (!json::find(declaration, "pipelineType")) declaration["pipelineType"] = "V1";
  for (auto& stage : declaration.at("stages")) {
    for (auto& action : stage.at("actions")) {
      if (!action.contains("runOrder")) action["runOrder"] = 1;
      for (const auto* member : {"configuration", "inputArtifacts", "outputArtifacts"}) {
        if (!json::find(action, member))
          action[member] = std::string_view(member) == "configuration" ? Json::object() : Json::array();
      }
    }
  }
  return declaration;
}

const Json* find_action(const Json& declaration, const Json& stage_name, const Json& action_name) {
  for (const auto& stage : declaration.at("stages")) {
    if (stage.at("name") != stage_name) continue;
    for (const auto& action : stage.at("actions")) {
      if (action.at("name") == action_name) return &action;
    }
  }
  return nullptr;
}

}  // namespace

Json CodePipeline::masked_configuration(const std::string& action_type, Json configuration) const {
  const auto found = types_.find(action_type);
  if (found == types_.end()) return configuration;
  for (auto& [key, value] : configuration.items()) {
    const auto* property = found->second.find_property(key);
    if (property && property->secret) value = kMask;
  }
  return configuration;
}

Json CodePipeline::masked(Json declaration) const {
  for (auto& stage : declaration.at("stages")) {
    for (auto& action : stage.at("actions")) {
      if (!json::find(action, "configuration")) continue;
      action["configuration"] =
          masked_configuration(action_type_id(action.at("actionTypeId")), action.at("configuration"));
    }
  }
  return declaration;
}

Json CodePipeline::create_pipeline(const Json& input, const Caller& caller) {
  const auto name = input.at("pipeline").at("name").get<std::string>();
  if (pipelines_.contains(name)) {
    throw ServiceError(400, "PipelineNameInUseException", "A pipeline with the name '" + name + "' already exists");
  }
  if (pipelines_.size() >= kMaxPipelines)
    throw ServiceError(400, "LimitExceededException", "There are 1000 pipelines already");
  check_declaration(input.at("pipeline"));
  Pipeline pipeline;
  pipeline.name = name;
  pipeline.arn = "arn:aws:codepipeline:" + caller.region + ":" + caller.account + ":" + name;
  pipeline.created = pipeline.updated = now();
  pipeline.versions.push_back(completed(input.at("pipeline"), 1));
  if (const auto* tags = json::find(input, "tags")) pipeline.tags = *tags;
  const auto& stored = pipelines_[name] = std::move(pipeline);
  touch(stored);
  if (settings_.start_on_create) start(stored, Json::object(), "CreatePipeline", caller.arn);
  return {{"pipeline", masked(stored.declaration())}, {"tags", stored.tags}};
}

Json CodePipeline::update_pipeline(const Json& input, const Caller&) {
  auto declaration = input.at("pipeline");
  auto& pipeline = get_pipeline_record(declaration.at("name").get<std::string>());
  for (auto& stage : declaration.at("stages")) {
    for (auto& action : stage.at("actions")) {
      const auto* type = find_type(action_type_id(action.at("actionTypeId")));
      const auto* before = find_action(pipeline.declaration(), stage.at("name"), action.at("name"));
      if (!type || !before || !json::find(action, "configuration")) continue;
      for (auto& [key, value] : action.at("configuration").items()) {
        const auto* property = type->find_property(key);
        if (property && property->secret && value == kMask && before->at("configuration").contains(key)) {
          value = before->at("configuration").at(key);
        }
      }
    }
  }
  check_declaration(declaration);
  pipeline.versions.push_back(completed(std::move(declaration), pipeline.versions.size() + 1));
  pipeline.updated = now();
  touch(pipeline);
  for (const auto& [number, id] : active_[pipeline.name]) {
    auto& execution = get_execution(id);
    execution.outdated = true;
    touch(execution);
  }
  const auto active = active_[pipeline.name];
  for (const auto& [number, id] : active) {
    auto& execution = get_execution(id);
    if (!execution.in_stage)
      finish(execution, "Failed", "The pipeline was updated while the execution was in progress");
  }
  advance_pipeline(pipeline.name);
  return {{"pipeline", masked(pipeline.declaration())}};
}

Json CodePipeline::get_pipeline(const Json& input, const Caller&) {
  const auto& pipeline = get_pipeline_record(input.at("name").get<std::string>());
  const auto version = input.value("version", pipeline.versions.size());
  if (version > pipeline.versions.size()) {
    throw ServiceError(400, "PipelineVersionNotFoundException",
                       "Pipeline '" + pipeline.name + "' has no version " + std::to_string(version));
  }
  return {{"pipeline", masked(pipeline.versions[version - 1])},
          {"metadata",
           {{"pipelineArn", pipeline.arn},
            {"created", seconds_since_epoch(pipeline.created)},
            {"updated", seconds_since_epoch(pipeline.updated)}}}};
}

Json CodePipeline::list_pipelines(const Json& input, const Caller&) {
  Json result = {{"pipelines", Json::array()}};
  const auto [begin, end] = page_of(input, pipelines_.size(), 1000, result);
  std::size_t index = 0;
  for (const auto& [name, pipeline] : pipelines_) {
    if (index >= begin && index < end) {
      result["pipelines"].push_back({{"name", name},
                                     {"version", pipeline.versions.size()},
                                     {"pipelineType", pipeline.declaration().at("pipelineType")},
                                     {"executionMode", pipeline.declaration().at("executionMode")},
                                     {"created", seconds_since_epoch(pipeline.created)},
                                     {"updated", seconds_since_epoch(pipeline.updated)}});
    }
    ++index;
  }
  return result;
}

Json CodePipeline::delete_pipeline(const Json& input, const Caller&) {
  const auto name = input.at("name").get<std::string>();
  if (!pipelines_.contains(name)) return Json();  // deleting is idempotent
  for (const auto& id : executions_of(name)) {
    auto& execution = get_execution(id);
    if (execution.status == "InProgress" || execution.status == "Stopping") {
      abandon_actions(execution, "The pipeline was deleted");
      finish(execution, "Stopped", "The pipeline was deleted");
    }
  }
  // Its executions and jobs go with it: a later pipeline of this name starts with an empty history.
  for (auto it = jobs_.begin(); it != jobs_.end();) {
    if (it->second.pipeline == name) {
      journal_.remove("job", it->first);
      it = jobs_.erase(it);
    } else {
      ++it;
    }
  }
  for (const auto& id : executions_of(name)) {
    const auto& execution = executions_.at(id);
    started_.erase({name, execution.client_request_token});
    journal_.remove("execution", id);
    executions_.erase(id);
  }
  executions_by_pipeline_.erase(name);
  active_.erase(name);
  pipelines_.erase(name);
  journal_.remove("pipeline", name);
  return Json();
}

}  // namespace penstock::sandbox
