// What follows from what happened: stages are entered, actions begin, executions end.
#include <algorithm>
#include <array>

#include "core/base/ids.h"
#include "tests/sandbox/codepipeline.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

const Json& stages_of(const Pipeline& pipeline, const Execution& execution) {
  return pipeline.versions.at(static_cast<std::size_t>(execution.version) - 1).at("stages");
}

// The newest attempt of an action in this execution.
ActionExecution* latest_attempt(Execution& execution, const std::string& stage, const std::string& action) {
  for (auto it = execution.actions.rbegin(); it != execution.actions.rend(); ++it) {
    if (!it->retried && it->stage == stage && it->action == action) return &*it;
  }
  return nullptr;
}

std::string random_key_tail() {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::array<std::byte, 7> bytes;
  fill_random(bytes);
  std::string tail;
  for (const auto byte : bytes) tail += kAlphabet[std::to_integer<unsigned>(byte) % kAlphabet.size()];
  return tail;
}

const Json& artifact_store(const Json& declaration, const std::string& region) {
  if (const auto* store = json::find(declaration, "artifactStore")) return *store;
  const auto& stores = declaration.at("artifactStores");
  const auto found = stores.find(region);
  return found == stores.end() ? stores.begin().value() : *found;
}

}  // namespace

void CodePipeline::advance_pipeline(const std::string& name) {
  for (bool changed = true; changed;) {
    changed = false;
    const auto active = active_[name];  // a copy: advancing changes it
    for (const auto& [number, id] : active) changed |= advance(get_execution(id));
  }
}

bool CodePipeline::may_enter(const Execution& execution) const {
  if (execution.mode == "PARALLEL") return true;
  for (const auto& [number, id] : active_.at(execution.pipeline)) {
    const auto& other = executions_.at(id);
    if (other.id == execution.id || other.stage != execution.stage) continue;
    if (other.in_stage || other.number < execution.number) return false;
  }
  return true;
}

void CodePipeline::supersede_waiting(const Execution& newer) {
  if (newer.mode != "SUPERSEDED") return;
  const auto active = active_[newer.pipeline];
  for (const auto& [number, id] : active) {
    auto& other = get_execution(id);
    if (other.number < newer.number && other.stage == newer.stage && !other.in_stage && other.status == "InProgress") {
      finish(other, "Superseded", "Superseded by execution " + newer.id);
    }
  }
}

void CodePipeline::finish(Execution& execution, const std::string& status, const std::string& summary) {
  execution.status = status;
  execution.status_summary = summary;
  execution.updated = now();
  active_[execution.pipeline].erase({execution.number, execution.id});
  touch(execution);
}

bool CodePipeline::advance(Execution& execution) {
  if (execution.status != "InProgress" && execution.status != "Stopping") return false;
  const auto& stages = stages_of(get_pipeline_record(execution.pipeline), execution);
  bool changed = false;
  for (;;) {
    if (!execution.in_stage) {
      if (execution.status == "Stopping") {
        finish(execution, "Stopped", execution.stop_reason);
        return true;
      }
      if (!may_enter(execution)) return changed;
      execution.in_stage = true;
      execution.updated = now();
      touch(execution);
      changed = true;
    }
    const auto& stage = stages.at(static_cast<std::size_t>(execution.stage));
    const auto stage_name = stage.at("name").get<std::string>();
    bool running = false, failed = false;
    int next_order = 0;
    for (const auto& action : stage.at("actions")) {
      const auto* attempt = latest_attempt(execution, stage_name, action.at("name").get<std::string>());
      const auto status = attempt ? attempt->status : std::string();
      if (status == "InProgress") running = true;
      if (status == "Failed" || status == "Abandoned") failed = true;
      const int order = action.value("runOrder", 1);
      if (status.empty() && (next_order == 0 || order < next_order)) next_order = order;
    }
    if (running) return changed;
    if (execution.status == "Stopping") {
      finish(execution, "Stopped", execution.stop_reason);
      return true;
    }
    if (execution.outdated) {
      finish(execution, "Failed", "The pipeline was updated while the execution was in progress");
      return true;
    }
    if (failed) {
      finish(execution, "Failed", "An action of stage " + stage_name + " failed");
      return true;
    }
    changed = true;
    if (next_order != 0) {
      for (const auto& action : stage.at("actions")) {
        if (action.value("runOrder", 1) == next_order &&
            !latest_attempt(execution, stage_name, action.at("name").get<std::string>())) {
          begin_action(execution, stage, action);
        }
      }
      continue;
    }
    ++execution.stage;
    execution.in_stage = false;
    execution.updated = now();
    touch(execution);
    if (static_cast<std::size_t>(execution.stage) == stages.size()) {
      finish(execution, "Succeeded", "");
      return true;
    }
    supersede_waiting(execution);
  }
}

std::string CodePipeline::resolve(const Execution& execution, const std::string& text) const {
  std::string out;
  std::size_t at = 0;
  const auto& declaration =
      pipelines_.at(execution.pipeline).versions.at(static_cast<std::size_t>(execution.version) - 1);
  for (;;) {
    const auto begin = text.find("#{", at);
    const auto end = begin == std::string::npos ? std::string::npos : text.find('}', begin);
    if (end == std::string::npos) return out + text.substr(at);
    out += text.substr(at, begin - at);
    const auto reference = text.substr(begin + 2, end - begin - 2);
    at = end + 1;
    const auto dot = reference.find('.');
    const auto space = reference.substr(0, dot);
    const auto name = dot == std::string::npos ? std::string() : reference.substr(dot + 1);
    std::optional<std::string> value;
    if (space == "codepipeline" && name == "PipelineExecutionId") value = execution.id;
    if (space == "variables" && execution.variables.contains(name)) value = execution.variables.at(name);
    for (const auto& stage : declaration.at("stages")) {
      for (const auto& action : stage.at("actions")) {
        if (json::string_or(action, "namespace") != space) continue;
        for (const auto& attempt : execution.actions) {
          if (json::string_or(stage, "name") == attempt.stage && json::string_or(action, "name") == attempt.action &&
              attempt.status == "Succeeded" && attempt.output_variables.contains(name)) {
            value = attempt.output_variables.at(name);
          }
        }
      }
    }
    if (!value) throw ServiceError(400, "InvalidVariable", "The variable #{" + reference + "} cannot be resolved");
    out += *value;
  }
}

void CodePipeline::begin_action(Execution& execution, const Json& stage, const Json& action) {
  const auto& pipeline = get_pipeline_record(execution.pipeline);
  const auto& declaration = pipeline.versions.at(static_cast<std::size_t>(execution.version) - 1);
  ActionExecution attempt;
  attempt.id = make_uuid_v4();
  attempt.stage = stage.at("name").get<std::string>();
  attempt.action = action.at("name").get<std::string>();
  attempt.action_type = action_type_id(action.at("actionTypeId"));
  attempt.status = "InProgress";
  attempt.started = attempt.updated = now();
  if (const auto* inputs = json::find(action, "inputArtifacts")) {
    for (const auto& input : *inputs) {
      const auto name = input.at("name").get<std::string>();
      for (auto it = execution.actions.rbegin(); it != execution.actions.rend(); ++it) {
        const auto output = std::find_if(it->outputs.begin(), it->outputs.end(),
                                         [&](const Artifact& candidate) { return candidate.name == name; });
        if (it->status != "Succeeded" || output == it->outputs.end()) continue;
        attempt.inputs.push_back(*output);
        break;
      }
    }
  }
  if (const auto* outputs = json::find(action, "outputArtifacts")) {
    const auto region = json::string_or(action, "region");
    const auto& store = artifact_store(declaration, region);
    for (const auto& output : *outputs) {
      const auto name = output.at("name").get<std::string>();
      attempt.outputs.push_back(
          {name, store.at("location").get<std::string>(),
           execution.pipeline.substr(0, 20) + "/" + name.substr(0, 10) + "/" + random_key_tail()});
    }
  }
  try {
    if (const auto* configuration = json::find(action, "configuration")) {
      for (const auto& [key, value] : configuration->items()) {
        attempt.configuration[key] = resolve(execution, value.get<std::string>());
      }
    }
  } catch (const ServiceError& error) {
    attempt.status = "Failed";
    attempt.error_code = "ConfigurationError";
    attempt.error_message = error.what();
  }
  if (attempt.status == "InProgress" && action.at("actionTypeId").at("owner") == "AWS") {
    attempt.status = "Succeeded";
    attempt.summary = "The sandbox lets actions of AWS succeed at once";
    if (execution.stage == 0) {
      attempt.current_revision = {{"revision", "sandbox"}, {"changeIdentifier", "sandbox"}};
      for (const auto& override_ : execution.source_revisions) {
        if (override_.at("actionName") == attempt.action) {
          attempt.current_revision["revision"] = override_.at("revisionValue");
        }
      }
    }
  }
  execution.actions.push_back(std::move(attempt));
  execution.updated = now();
  if (execution.actions.back().status == "InProgress") queue_job(execution, execution.actions.back(), "");
  touch(execution);
}

void CodePipeline::queue_job(Execution& execution, ActionExecution& action, const std::string& continuation_token) {
  Job job;
  job.id = make_uuid_v4();
  job.execution_id = execution.id;
  job.action_execution_id = action.id;
  job.pipeline = execution.pipeline;
  job.stage = action.stage;
  job.action = action.action;
  job.action_type = action.action_type;
  job.continuation_token = continuation_token;
  const auto arn = get_pipeline_record(execution.pipeline).arn;  // arn:aws:codepipeline:region:account:name
  const auto account_end = arn.rfind(':');
  job.account = arn.substr(account_end - 12, 12);
  job.created = now();
  job.available_at =
      continuation_token.empty() ? job.created : job.created + settings_.continuation_delay.load().count();
  job.deadline = action.started + settings_.job_timeout.load().count();
  job.history.push_back({job.created, "queued", ""});
  action.job_id = job.id;
  open_jobs_.insert(job.id);
  offerable_.push_back(job.id);
  touch(job);
  jobs_.emplace(job.id, std::move(job));
}

}  // namespace penstock::sandbox
