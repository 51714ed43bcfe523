// Starting, stopping and retrying executions.
#include "core/base/ids.h"
#include "tests/sandbox/codepipeline.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

constexpr std::size_t kMaxConcurrentExecutions = 50;

}  // namespace

std::string CodePipeline::start(const Pipeline& pipeline, const Json& input, const std::string& trigger_type,
                                const std::string& trigger_detail) {
  const auto& declaration = pipeline.declaration();
  Execution execution;
  execution.mode = declaration.at("executionMode").get<std::string>();
  if (const auto* given = json::find(input, "variables")) {
    if (declaration.at("pipelineType") != "V2") {
      throw ServiceError(400, "ValidationException", "Variables are available to pipelines of type V2 only");
    }
    for (const auto& variable : *given) {
      execution.variables[variable.at("name").get<std::string>()] = variable.at("value").get<std::string>();
    }
  }
  auto unknown = execution.variables;
  if (const auto* declared = json::find(declaration, "variables")) {
    for (const auto& variable : *declared) {
      const auto name = variable.at("name").get<std::string>();
      unknown.erase(name);
      if (execution.variables.contains(name)) continue;
      if (!json::find(variable, "defaultValue")) {
        throw ServiceError(400, "ValidationException", "The variable '" + name + "' has no default and must be given");
      }
      execution.variables[name] = variable.at("defaultValue").get<std::string>();
    }
  }
  if (!unknown.empty()) {
    throw ServiceError(400, "ValidationException",
                       "The pipeline declares no variable '" + unknown.begin()->first + "'");
  }
  if (const auto* revisions = json::find(input, "sourceRevisions")) {
    for (const auto& revision : *revisions) {
      bool known = false;
      for (const auto& action : declaration.at("stages").front().at("actions")) {
        known = known || action.at("name") == revision.at("actionName");
      }
      if (!known) {
        throw ServiceError(
            400, "ValidationException",
            "sourceRevisions names no source action: '" + revision.at("actionName").get<std::string>() + "'");
      }
    }
    execution.source_revisions = *revisions;
  }
  if (execution.mode != "SUPERSEDED" && active_[pipeline.name].size() >= kMaxConcurrentExecutions) {
    throw ServiceError(400, "ConcurrentPipelineExecutionsLimitExceededException",
                       "The pipeline '" + pipeline.name + "' has 50 executions in progress already");
  }
  execution.id = make_uuid_v4();
  execution.pipeline = pipeline.name;
  execution.version = static_cast<int>(pipeline.versions.size());
  execution.client_request_token = json::string_or(input, "clientRequestToken");
  execution.trigger_type = trigger_type;
  execution.trigger_detail = trigger_detail;
  execution.number = next_number_++;
  execution.started = execution.updated = now();
  if (!execution.client_request_token.empty()) {
    started_[{pipeline.name, execution.client_request_token}] = execution.id;
  }
  executions_by_pipeline_[pipeline.name].push_back(execution.id);
  active_[pipeline.name].emplace(execution.number, execution.id);
  const auto id = execution.id;
  const auto& stored = executions_[id] = std::move(execution);
  touch(stored);
  supersede_waiting(stored);
  advance_pipeline(pipeline.name);
  return id;
}

Json CodePipeline::start_pipeline_execution(const Json& input, const Caller& caller) {
  const auto& pipeline = get_pipeline_record(input.at("name").get<std::string>());
  if (const auto token = json::string_or(input, "clientRequestToken"); !token.empty()) {
    if (const auto found = started_.find({pipeline.name, token}); found != started_.end()) {
      return {{"pipelineExecutionId", found->second}};
    }
  }
  return {{"pipelineExecutionId", start(pipeline, input, "StartPipelineExecution", caller.arn)}};
}

void CodePipeline::abandon_actions(Execution& execution, const std::string& summary) {
  for (auto& action : execution.actions) {
    if (action.status != "InProgress") continue;
    action.status = "Abandoned";
    action.summary = summary;
    action.updated = now();
    if (const auto job = jobs_.find(action.job_id); job != jobs_.end() && job->second.is_open()) {
      close_job(job->second, "Failed", "abandoned", summary);
    }
  }
  touch(execution);
}

Json CodePipeline::stop_pipeline_execution(const Json& input, const Caller&) {
  const auto& pipeline = get_pipeline_record(input.at("pipelineName").get<std::string>());
  const auto id = input.at("pipelineExecutionId").get<std::string>();
  const auto found = executions_.find(id);
  if (found == executions_.end() || found->second.pipeline != pipeline.name) {
    throw ServiceError(400, "PipelineExecutionNotStoppableException",
                       "The pipeline '" + pipeline.name + "' has no execution " + id);
  }
  auto& execution = found->second;
  const bool abandon = input.value("abandon", false);
  if (execution.status != "InProgress" && execution.status != "Stopping") {
    throw ServiceError(400, "PipelineExecutionNotStoppableException",
                       "The execution " + id + " is not in progress, its status is " + execution.status);
  }
  if (execution.status == "Stopping" && !abandon) {
    throw ServiceError(400, "DuplicatedStopRequestException", "The execution " + id + " is being stopped already");
  }
  execution.status = "Stopping";
  execution.stop_reason = json::string_or(input, "reason");
  execution.updated = now();
  if (abandon) {
    execution.abandon = true;
    abandon_actions(execution, execution.stop_reason);
  }
  touch(execution);
  advance_pipeline(pipeline.name);
  return {{"pipelineExecutionId", id}};
}

Json CodePipeline::retry_stage_execution(const Json& input, const Caller&) {
  const auto& pipeline = get_pipeline_record(input.at("pipelineName").get<std::string>());
  const auto stage_name = input.at("stageName").get<std::string>();
  const auto id = input.at("pipelineExecutionId").get<std::string>();
  const auto found = executions_.find(id);
  if (found == executions_.end() || found->second.pipeline != pipeline.name) {
    throw ServiceError(400, "StageNotRetryableException",
                       "The pipeline '" + pipeline.name + "' has no execution " + id);
  }
  auto& execution = found->second;
  const auto& stages = pipeline.versions.at(static_cast<std::size_t>(execution.version) - 1).at("stages");
  const Json* stage = nullptr;
  int index = 0;
  for (; index < static_cast<int>(stages.size()); ++index) {
    if (stages[static_cast<std::size_t>(index)].at("name") == stage_name) {
      stage = &stages[static_cast<std::size_t>(index)];
      break;
    }
  }
  if (!stage) throw ServiceError(400, "StageNotFoundException", "There is no stage '" + stage_name + "'");
  if (execution.status == "InProgress" || execution.status == "Stopping") {
    throw ServiceError(409, "ConflictException", "The execution " + id + " is in progress");
  }
  if ((execution.status != "Failed" && execution.status != "Stopped") || execution.stage != index ||
      !execution.in_stage || execution.version != static_cast<int>(pipeline.versions.size())) {
    throw ServiceError(
        400, "StageNotRetryableException",
        "The stage '" + stage_name + "' of execution " + id + " did not fail or the pipeline has changed");
  }
  if (execution.mode != "PARALLEL") {
    for (const auto& other_id : executions_of(pipeline.name)) {
      const auto& other = executions_.at(other_id);
      const bool was_there = other.stage > index || (other.stage == index && other.in_stage);
      if (other.number > execution.number && was_there) {
        throw ServiceError(400, "NotLatestPipelineExecutionException", "A later execution was in this stage already");
      }
    }
  }
  const bool all = input.at("retryMode") == "ALL_ACTIONS";
  // The attempts stay in the history under their ids; a new one is begun where none in force is left.
  for (auto& action : execution.actions) {
    if (action.stage == stage_name && (all || action.status != "Succeeded")) action.retried = true;
  }
  execution.status = "InProgress";
  execution.status_summary.clear();
  execution.stop_reason.clear();
  execution.in_stage = false;
  active_[pipeline.name].emplace(execution.number, execution.id);
  touch(execution);
  advance_pipeline(pipeline.name);
  return {{"pipelineExecutionId", id}};
}

}  // namespace penstock::sandbox
