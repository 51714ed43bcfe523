// What can be read about pipelines and their executions.
#include <algorithm>

#include "tests/sandbox/codepipeline.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

// The status of an execution in a stage; empty when it never got there.
std::string stage_status(const Execution& execution, int stage) {
  if (execution.stage > stage) return "Succeeded";
  if (execution.stage < stage || !execution.in_stage) return {};
  return execution.status;
}

std::string replace_all(std::string text, const std::string& what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// A URL template of the action type, empty when it has none or when a placeholder has no value.
std::string fill_template(const ActionType* type, const char* member, const StringMap& configuration,
                          const std::string& external_execution_id, const std::string& revision) {
  auto url = type ? json::string_or(type->settings, member) : std::string();
  if (url.empty()) return url;
  for (const auto& [key, value] : configuration) url = replace_all(url, "{Config:" + key + "}", value);
  if (!external_execution_id.empty()) url = replace_all(url, "{ExternalExecutionId}", external_execution_id);
  if (!revision.empty()) url = replace_all(url, "{RevisionId}", revision);
  return url.find('{') == std::string::npos ? url : std::string();
}

void set_if(Json& object, const char* member, const std::string& value) {
  if (!value.empty()) object[member] = value;
}

Json source_revisions(const Execution& execution) {
  Json list = Json::array();
  for (const auto& action : execution.actions) {
    if (!action.current_revision.is_object() || action.status != "Succeeded") continue;
    Json entry = {{"actionName", action.action}, {"revisionId", action.current_revision.at("revision")}};
    set_if(entry, "revisionSummary", json::string_or(action.current_revision, "revisionSummary"));
    list.push_back(std::move(entry));
  }
  return list;
}

Json artifact_details(const std::vector<Artifact>& artifacts) {
  Json list = Json::array();
  for (const auto& artifact : artifacts) {
    list.push_back({{"name", artifact.name}, {"s3location", {{"bucket", artifact.bucket}, {"key", artifact.key}}}});
  }
  return list;
}

Json trigger_json(const Execution& execution) {
  return {{"triggerType", execution.trigger_type}, {"triggerDetail", execution.trigger_detail}};
}

}  // namespace

Json CodePipeline::action_state(const Pipeline& pipeline, const Json& stage, const Json& action) const {
  Json state = {{"actionName", action.at("name")}};
  const ActionExecution* latest = nullptr;
  const auto& ids = executions_of(pipeline.name);
  for (auto id = ids.rbegin(); id != ids.rend() && !latest; ++id) {
    const auto& attempts = executions_.at(*id).actions;
    for (auto attempt = attempts.rbegin(); attempt != attempts.rend(); ++attempt) {
      if (attempt->stage == stage.at("name") && attempt->action == action.at("name")) {
        latest = &*attempt;
        break;
      }
    }
  }
  if (!latest) return state;
  const auto* type = find_type(latest->action_type);
  std::string revision;
  if (latest->current_revision.is_object()) {
    const auto& current = latest->current_revision;
    revision = json::string_or(current, "revision");
    state["currentRevision"] = {{"revisionId", revision}};
    set_if(state["currentRevision"], "revisionChangeId", json::string_or(current, "changeIdentifier"));
    state["currentRevision"]["created"] =
        json::find(current, "created") ? current.at("created") : Json(seconds_since_epoch(latest->updated));
  }
  Json execution = {{"actionExecutionId", latest->id}, {"status", latest->status}};
  set_if(execution, "summary", latest->summary);
  execution["lastStatusChange"] = seconds_since_epoch(latest->updated);
  set_if(execution, "externalExecutionId", latest->external_execution_id);
  set_if(execution, "externalExecutionUrl",
         fill_template(type, "executionUrlTemplate", latest->configuration, latest->external_execution_id, revision));
  if (latest->percent >= 0) execution["percentComplete"] = latest->percent;
  if (!latest->error_code.empty()) {
    execution["errorDetails"] = {{"code", latest->error_code}, {"message", latest->error_message}};
  }
  state["latestExecution"] = std::move(execution);
  set_if(state, "entityUrl", fill_template(type, "entityUrlTemplate", latest->configuration, "", revision));
  set_if(state, "revisionUrl", fill_template(type, "revisionUrlTemplate", latest->configuration, "", revision));
  return state;
}

Json CodePipeline::get_pipeline_state(const Json& input, const Caller&) {
  const auto& pipeline = get_pipeline_record(input.at("name").get<std::string>());
  Json stages = Json::array();
  const auto& ids = executions_of(pipeline.name);
  int index = 0;
  for (const auto& stage : pipeline.declaration().at("stages")) {
    Json state = {{"stageName", stage.at("name")}};
    Json inbound = Json::array();
    if (const auto active = active_.find(pipeline.name); active != active_.end()) {
      for (const auto& [number, id] : active->second) {
        const auto& execution = executions_.at(id);
        if (execution.stage == index && !execution.in_stage) {
          inbound.push_back({{"pipelineExecutionId", id}, {"status", execution.status}});
        }
      }
    }
    if (!inbound.empty()) {
      state["inboundExecution"] = inbound.back();
      state["inboundExecutions"] = std::move(inbound);
    }
    state["inboundTransitionState"] = {{"enabled", true}};
    state["actionStates"] = Json::array();
    for (const auto& action : stage.at("actions"))
      state["actionStates"].push_back(action_state(pipeline, stage, action));
    for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
      const auto status = stage_status(executions_.at(*id), index);
      if (status.empty()) continue;
      state["latestExecution"] = {{"pipelineExecutionId", *id}, {"status", status}};
      break;
    }
    stages.push_back(std::move(state));
    ++index;
  }
  return {{"pipelineName", pipeline.name},
          {"pipelineVersion", pipeline.versions.size()},
          {"stageStates", std::move(stages)},
          {"created", seconds_since_epoch(pipeline.created)},
          {"updated", seconds_since_epoch(pipeline.updated)}};
}

Json CodePipeline::get_pipeline_execution(const Json& input, const Caller&) {
  const auto& pipeline = get_pipeline_record(input.at("pipelineName").get<std::string>());
  const auto found = executions_.find(input.at("pipelineExecutionId").get<std::string>());
  if (found == executions_.end() || found->second.pipeline != pipeline.name) {
    throw ServiceError(400, "PipelineExecutionNotFoundException",
                       "The pipeline '" + pipeline.name + "' has no such execution");
  }
  const auto& execution = found->second;
  Json revisions = Json::array();
  for (const auto& action : execution.actions) {
    if (!action.current_revision.is_object() || action.status != "Succeeded" || action.outputs.empty()) continue;
    const auto& current = action.current_revision;
    Json entry = {{"name", action.outputs.front().name}, {"revisionId", current.at("revision")}};
    set_if(entry, "revisionChangeIdentifier", json::string_or(current, "changeIdentifier"));
    set_if(entry, "revisionSummary", json::string_or(current, "revisionSummary"));
    if (json::find(current, "created")) entry["created"] = current.at("created");
    set_if(entry, "revisionUrl",
           fill_template(find_type(action.action_type), "revisionUrlTemplate", action.configuration, "",
                         json::string_or(current, "revision")));
    revisions.push_back(std::move(entry));
  }
  Json result = {{"pipelineName", pipeline.name},
                 {"pipelineVersion", execution.version},
                 {"pipelineExecutionId", execution.id},
                 {"status", execution.status}};
  set_if(result, "statusSummary", execution.status_summary);
  result["artifactRevisions"] = std::move(revisions);
  if (!execution.variables.empty()) {
    result["variables"] = Json::array();
    for (const auto& [name, value] : execution.variables) {
      result["variables"].push_back({{"name", name}, {"resolvedValue", value}});
    }
  }
  result["trigger"] = trigger_json(execution);
  result["executionMode"] = execution.mode;
  result["executionType"] = "STANDARD";
  return {{"pipelineExecution", std::move(result)}};
}

Json CodePipeline::list_pipeline_executions(const Json& input, const Caller&) {
  const auto& pipeline = get_pipeline_record(input.at("pipelineName").get<std::string>());
  std::vector<const Execution*> chosen;
  std::string only_succeeded_in;
  if (const auto* filter = json::find(input, "filter")) {
    if (const auto* succeeded = json::find(*filter, "succeededInStage")) {
      only_succeeded_in = json::string_or(*succeeded, "stageName");
    }
  }
  int stage_index = 0;
  if (!only_succeeded_in.empty()) {
    stage_index = -1;
    int index = 0;
    for (const auto& stage : pipeline.declaration().at("stages")) {
      if (stage.at("name") == only_succeeded_in) stage_index = index;
      ++index;
    }
    if (stage_index < 0)
      throw ServiceError(400, "ValidationException", "There is no stage '" + only_succeeded_in + "'");
  }
  const auto& ids = executions_of(pipeline.name);
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    const auto& execution = executions_.at(*id);
    if (only_succeeded_in.empty() || stage_status(execution, stage_index) == "Succeeded") chosen.push_back(&execution);
  }
  Json result = {{"pipelineExecutionSummaries", Json::array()}};
  const auto [begin, end] = page_of(input, chosen.size(), 100, result);
  for (auto i = begin; i < end; ++i) {
    const auto& execution = *chosen[i];
    Json entry = {{"pipelineExecutionId", execution.id}, {"status", execution.status}};
    set_if(entry, "statusSummary", execution.status_summary);
    entry["startTime"] = seconds_since_epoch(execution.started);
    entry["lastUpdateTime"] = seconds_since_epoch(execution.updated);
    entry["sourceRevisions"] = source_revisions(execution);
    entry["trigger"] = trigger_json(execution);
    if (!execution.stop_reason.empty()) entry["stopTrigger"] = {{"reason", execution.stop_reason}};
    entry["executionMode"] = execution.mode;
    entry["executionType"] = "STANDARD";
    result["pipelineExecutionSummaries"].push_back(std::move(entry));
  }
  return result;
}

Json CodePipeline::list_action_executions(const Json& input, const Caller&) {
  const auto& pipeline = get_pipeline_record(input.at("pipelineName").get<std::string>());
  std::string only;
  bool latest_only = false;
  if (const auto* filter = json::find(input, "filter")) {
    only = json::string_or(*filter, "pipelineExecutionId");
    if (const auto* latest = json::find(*filter, "latestInPipelineExecution")) {
      if (!only.empty()) throw ServiceError(400, "ValidationException", "Give one filter, not two");
      only = latest->at("pipelineExecutionId").get<std::string>();
      latest_only = latest->at("startTimeRange") == "Latest";
    }
    if (!only.empty()) {
      const auto found = executions_.find(only);
      if (found == executions_.end() || found->second.pipeline != pipeline.name) {
        throw ServiceError(400, "PipelineExecutionNotFoundException", "The pipeline has no execution " + only);
      }
    }
  }
  std::vector<std::pair<const Execution*, const ActionExecution*>> chosen;
  const auto& ids = executions_of(pipeline.name);
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    if (!only.empty() && *id != only) continue;
    const auto& execution = executions_.at(*id);
    for (auto action = execution.actions.rbegin(); action != execution.actions.rend(); ++action) {
      if (!latest_only || !action->retried) chosen.emplace_back(&execution, &*action);
    }
  }
  Json result = {{"actionExecutionDetails", Json::array()}};
  const auto [begin, end] = page_of(input, chosen.size(), 100, result);
  for (auto i = begin; i < end; ++i) {
    const auto& [execution, action] = chosen[i];
    const auto& declaration = pipeline.versions.at(static_cast<std::size_t>(execution->version) - 1);
    Json declared = Json::object();
    for (const auto& stage : declaration.at("stages")) {
      for (const auto& candidate : stage.at("actions")) {
        if (stage.at("name") == action->stage && candidate.at("name") == action->action) declared = candidate;
      }
    }
    const auto* type = find_type(action->action_type);
    Json details = {
        {"actionTypeId", action_type_json(action->action_type)},
        {"configuration", masked_configuration(action->action_type, declared.value("configuration", Json::object()))},
        {"resolvedConfiguration", masked_configuration(action->action_type, Json(action->configuration))},
        {"inputArtifacts", artifact_details(action->inputs)}};
    set_if(details, "region", json::string_or(declared, "region"));
    set_if(details, "roleArn", json::string_or(declared, "roleArn"));
    set_if(details, "namespace", json::string_or(declared, "namespace"));
    Json outcome = Json::object();
    set_if(outcome, "externalExecutionId", action->external_execution_id);
    set_if(outcome, "externalExecutionSummary", action->error_code.empty() ? action->summary : action->error_message);
    set_if(outcome, "externalExecutionUrl",
           fill_template(type, "executionUrlTemplate", action->configuration, action->external_execution_id, ""));
    if (!action->error_code.empty()) {
      outcome["errorDetails"] = {{"code", action->error_code}, {"message", action->error_message}};
    }
    Json entry = {
        {"pipelineExecutionId", execution->id},
        {"actionExecutionId", action->id},
        {"pipelineVersion", execution->version},
        {"stageName", action->stage},
        {"actionName", action->action},
        {"startTime", seconds_since_epoch(action->started)},
        {"lastUpdateTime", seconds_since_epoch(action->updated)},
        {"status", action->status},
        {"input", std::move(details)},
        {"output",
         {{"outputArtifacts", action->status == "Succeeded" ? artifact_details(action->outputs) : Json::array()},
          {"executionResult", std::move(outcome)},
          {"outputVariables", Json(action->output_variables)}}}};
    result["actionExecutionDetails"].push_back(std::move(entry));
  }
  return result;
}

}  // namespace penstock::sandbox
