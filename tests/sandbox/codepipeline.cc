#include "tests/sandbox/codepipeline.h"

#include <algorithm>
#include <unordered_map>

#include "core/base/text.h"
#include "tests/sandbox/service_error.h"
#include "tests/sandbox/validation.h"

namespace penstock::sandbox {

std::string action_type_id(const Json& action_type) {
  return action_type.at("category").get<std::string>() + "/" + action_type.at("owner").get<std::string>() + "/" +
         action_type.at("provider").get<std::string>() + "/" + action_type.at("version").get<std::string>();
}

Json action_type_json(const std::string& id) {
  const auto parts = split(id, '/');
  return {{"category", parts.at(0)}, {"owner", parts.at(1)}, {"provider", parts.at(2)}, {"version", parts.at(3)}};
}

double seconds_since_epoch(std::int64_t milliseconds) {
  return static_cast<double>(milliseconds) / 1000.0;
}

std::pair<std::size_t, std::size_t> page_of(const Json& input, std::size_t total, std::size_t default_size,
                                            Json& output) {
  std::size_t begin = 0;
  if (const auto token = json::string_or(input, "nextToken"); !token.empty()) {
    const auto parsed = parse_unsigned(token);
    if (!parsed || *parsed > total) throw ServiceError(400, "InvalidNextTokenException", "The next token is not valid");
    begin = static_cast<std::size_t>(*parsed);
  }
  const auto size = input.value("maxResults", default_size);
  const auto end = std::min(total, begin + size);
  if (end < total) output["nextToken"] = std::to_string(end);
  return {begin, end};
}

CodePipeline::CodePipeline(Journal& journal, const KeyRing& keys, const Settings& settings, const Clock& clock,
                           OnEvent on_event)
    : journal_(journal), keys_(keys), settings_(settings), clock_(clock), on_event_(std::move(on_event)) {}

Json CodePipeline::call(const std::string& operation, const Json& input, const Caller& caller) {
  static const std::unordered_map<std::string, Handler> kOperations{
      {"CreateCustomActionType", &CodePipeline::create_custom_action_type},
      {"DeleteCustomActionType", &CodePipeline::delete_custom_action_type},
      {"ListActionTypes", &CodePipeline::list_action_types},
      {"ListTagsForResource", &CodePipeline::list_tags_for_resource},
      {"TagResource", &CodePipeline::tag_resource},
      {"UntagResource", &CodePipeline::untag_resource},
      {"CreatePipeline", &CodePipeline::create_pipeline},
      {"UpdatePipeline", &CodePipeline::update_pipeline},
      {"GetPipeline", &CodePipeline::get_pipeline},
      {"ListPipelines", &CodePipeline::list_pipelines},
      {"DeletePipeline", &CodePipeline::delete_pipeline},
      {"StartPipelineExecution", &CodePipeline::start_pipeline_execution},
      {"StopPipelineExecution", &CodePipeline::stop_pipeline_execution},
      {"RetryStageExecution", &CodePipeline::retry_stage_execution},
      {"GetPipelineState", &CodePipeline::get_pipeline_state},
      {"GetPipelineExecution", &CodePipeline::get_pipeline_execution},
      {"ListPipelineExecutions", &CodePipeline::list_pipeline_executions},
      {"ListActionExecutions", &CodePipeline::list_action_executions},
      {"PollForJobs", &CodePipeline::poll_for_jobs},
      {"AcknowledgeJob", &CodePipeline::acknowledge_job},
      {"GetJobDetails", &CodePipeline::get_job_details},
      {"PutJobSuccessResult", &CodePipeline::put_job_success_result},
      {"PutJobFailureResult", &CodePipeline::put_job_failure_result},
      {"PollForThirdPartyJobs", &CodePipeline::poll_for_third_party_jobs},
      {"AcknowledgeThirdPartyJob", &CodePipeline::acknowledge_third_party_job},
      {"GetThirdPartyJobDetails", &CodePipeline::get_third_party_job_details},
      {"PutThirdPartyJobSuccessResult", &CodePipeline::put_third_party_job_success_result},
      {"PutThirdPartyJobFailureResult", &CodePipeline::put_third_party_job_failure_result},
      {"PutWebhook", &CodePipeline::put_webhook},
      {"ListWebhooks", &CodePipeline::list_webhooks},
      {"DeleteWebhook", &CodePipeline::delete_webhook},
  };
  const auto found = kOperations.find(operation);
  if (found == kOperations.end()) {
    throw ServiceError(404, "UnknownOperationException", "The operation \"" + operation + "\" is not known here");
  }
  codepipeline_shapes().check(operation, input);
  std::lock_guard lock(mutex_);
  expire_jobs();
  Json output = (this->*found->second)(input, caller);
  commit();
  return output;
}

void CodePipeline::tick() {
  std::lock_guard lock(mutex_);
  expire_jobs();
  commit();
}

void CodePipeline::commit() {
  for (const auto& id : dirty_executions_) {
    if (const auto found = executions_.find(id); found != executions_.end()) {
      journal_.put("execution", id, to_json(found->second));
      if (on_event_) emit_changes(found->second);
    }
  }
  for (const auto& id : dirty_jobs_) {
    if (const auto found = jobs_.find(id); found != jobs_.end()) journal_.put("job", id, to_json(found->second));
  }
  dirty_executions_.clear();
  dirty_jobs_.clear();
  journal_.flush();
}

bool CodePipeline::is_artifact_bucket(const std::string& bucket) const {
  std::lock_guard lock(mutex_);
  for (const auto& [name, pipeline] : pipelines_) {
    const auto& declaration = pipeline.declaration();
    if (const auto* store = json::find(declaration, "artifactStore");
        store && json::string_or(*store, "location") == bucket) {
      return true;
    }
    if (const auto* stores = json::find(declaration, "artifactStores")) {
      for (const auto& store : *stores) {
        if (json::string_or(store, "location") == bucket) return true;
      }
    }
  }
  return false;
}

void CodePipeline::restore(std::string_view kind, const Json& value) {
  std::lock_guard lock(mutex_);
  if (kind == "actionType") {
    ActionType type;
    from_json(value, type);
    types_[type.id()] = std::move(type);
  } else if (kind == "pipeline") {
    Pipeline pipeline;
    from_json(value, pipeline);
    pipelines_[pipeline.name] = std::move(pipeline);
  } else if (kind == "webhook") {
    webhooks_[value.at("definition").at("name").get<std::string>()] = value;
  } else if (kind == "execution") {
    Execution execution;
    from_json(value, execution);
    executions_[execution.id] = std::move(execution);
  } else if (kind == "client") {
    clients_[value.at("pipeline").get<std::string>() + "\n" + value.at("actionType").get<std::string>()] = {
        value.at("id").get<std::string>(), value.at("token").get<std::string>()};
  } else if (kind == "job") {
    Job job;
    from_json(value, job);
    jobs_[job.id] = std::move(job);
  }
}

void CodePipeline::restored() {
  std::lock_guard lock(mutex_);
  std::vector<const Execution*> by_number;
  for (const auto& [id, execution] : executions_) by_number.push_back(&execution);
  std::sort(by_number.begin(), by_number.end(), [](const auto* a, const auto* b) { return a->number < b->number; });
  for (const auto* execution : by_number) {
    executions_by_pipeline_[execution->pipeline].push_back(execution->id);
    if (!execution->client_request_token.empty()) {
      started_[{execution->pipeline, execution->client_request_token}] = execution->id;
    }
    if (execution->status == "InProgress" || execution->status == "Stopping") {
      active_[execution->pipeline].emplace(execution->number, execution->id);
    }
    next_number_ = std::max(next_number_, execution->number + 1);
  }
  std::vector<const Job*> waiting;
  for (const auto& [id, job] : jobs_) {
    if (const auto nonce = parse_unsigned(job.nonce)) {
      next_nonce_ = std::max(next_nonce_, static_cast<std::int64_t>(*nonce) + 1);
    }
    if (job.is_open()) open_jobs_.insert(id);
    if (job.status == "Queued" || job.status == "Dispatched") waiting.push_back(&job);
  }
  std::sort(waiting.begin(), waiting.end(), [](const auto* a, const auto* b) { return a->created < b->created; });
  for (const auto* job : waiting) offerable_.push_back(job->id);
}

Json CodePipeline::dump(const std::string& only_pipeline) const {
  std::lock_guard lock(mutex_);
  Json result = {{"pipelines", Json::object()}, {"executions", Json::object()}, {"jobs", Json::array()}};
  for (const auto& [name, pipeline] : pipelines_) {
    if (!only_pipeline.empty() && name != only_pipeline) continue;
    result["pipelines"][name] = {{"version", pipeline.versions.size()}, {"arn", pipeline.arn}};
    result["executions"][name] = Json::array();
  }
  for (const auto& [pipeline, ids] : executions_by_pipeline_) {
    if (!only_pipeline.empty() && pipeline != only_pipeline) continue;
    auto& list = result["executions"][pipeline];
    for (const auto& id : ids) {
      auto execution = to_json(executions_.at(id));
      for (auto& action : execution["actions"]) {
        action["configuration"] =
            masked_configuration(action.at("actionType").get<std::string>(), action.at("configuration"));
      }
      list.push_back(std::move(execution));
    }
  }
  for (const auto& [id, job] : jobs_) {
    if (only_pipeline.empty() || job.pipeline == only_pipeline) result["jobs"].push_back(to_json(job));
  }
  return result;
}

Pipeline& CodePipeline::get_pipeline_record(const std::string& name) {
  const auto found = pipelines_.find(name);
  if (found == pipelines_.end()) {
    throw ServiceError(400, "PipelineNotFoundException", "Account does not have a pipeline with name '" + name + "'");
  }
  return found->second;
}

Execution& CodePipeline::get_execution(const std::string& id) {
  return executions_.at(id);
}

ActionExecution& CodePipeline::get_action(Execution& execution, const std::string& id) {
  for (auto& action : execution.actions) {
    if (action.id == id) return action;
  }
  throw std::logic_error("an execution lost its action");
}

const ActionType* CodePipeline::find_type(const std::string& id) const {
  const auto found = types_.find(id);
  return found == types_.end() || found->second.deleted ? nullptr : &found->second;
}

const std::vector<std::string>& CodePipeline::executions_of(const std::string& pipeline) const {
  static const std::vector<std::string> kNone;
  const auto found = executions_by_pipeline_.find(pipeline);
  return found == executions_by_pipeline_.end() ? kNone : found->second;
}

void CodePipeline::touch(const Execution& execution) {
  dirty_executions_.insert(execution.id);
}
void CodePipeline::touch(const Job& job) {
  dirty_jobs_.insert(job.id);
}
void CodePipeline::touch(const Pipeline& pipeline) {
  journal_.put("pipeline", pipeline.name, to_json(pipeline));
}
void CodePipeline::touch(const ActionType& type) {
  journal_.put("actionType", type.id(), to_json(type));
}

}  // namespace penstock::sandbox
