// The job API: what a custom action's worker sees.
#include <algorithm>

#include "tests/sandbox/codepipeline.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

constexpr std::size_t kMaxOutputVariableBytes = 122'880;

const ActionProperty* queryable_property(const ActionType& type) {
  for (const auto& property : type.properties) {
    if (property.queryable) return &property;
  }
  return nullptr;
}

Json artifacts_json(const std::vector<Artifact>& artifacts) {
  Json list = Json::array();
  for (const auto& artifact : artifacts) {
    list.push_back(
        {{"name", artifact.name},
         {"revision", nullptr},
         {"location",
          {{"type", "S3"}, {"s3Location", {{"bucketName", artifact.bucket}, {"objectKey", artifact.key}}}}}});
  }
  return list;
}

}  // namespace

Job& CodePipeline::get_job(const std::string& id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) throw ServiceError(400, "JobNotFoundException", "No job with id " + id);
  return found->second;
}

Job& CodePipeline::get_working_job(const std::string& id) {
  auto& job = get_job(id);
  if (job.status != "InProgress") {
    job.history.push_back({now(), "refusedResult", job.status});
    touch(job);
    commit();
    throw ServiceError(400, "InvalidJobStateException",
                       "The job " + id + " is in state " + job.status + ", a result needs InProgress");
  }
  return job;
}

void CodePipeline::close_job(Job& job, const std::string& status, const std::string& event, const std::string& detail) {
  job.status = status;
  job.finished_at = now();
  job.history.push_back({job.finished_at, event, detail});
  open_jobs_.erase(job.id);
  std::erase(offerable_, job.id);
  touch(job);
}

void CodePipeline::expire_jobs() {
  const auto time = now();
  std::vector<std::string> late;
  for (const auto& id : open_jobs_) {
    if (jobs_.at(id).deadline <= time) late.push_back(id);
  }
  for (const auto& id : late) {
    auto& job = jobs_.at(id);
    close_job(job, "TimedOut", "timedOut", "");
    auto& execution = get_execution(job.execution_id);
    auto& action = get_action(execution, job.action_execution_id);
    action.status = "Failed";
    action.error_code = "JobFailed";
    action.error_message = "The job timed out before a result was reported";
    action.updated = time;
    touch(execution);
    advance_pipeline(execution.pipeline);
  }
}

Json CodePipeline::job_data(const Job& job) const {
  const auto& execution = executions_.at(job.execution_id);
  const auto& pipeline = pipelines_.at(job.pipeline);
  const ActionExecution* action = nullptr;
  for (const auto& candidate : execution.actions) {
    if (candidate.id == job.action_execution_id) action = &candidate;
  }
  Json data = {
      {"actionTypeId", action_type_json(job.action_type)},
      {"actionConfiguration", {{"configuration", action->configuration}}},
      {"pipelineContext",
       {{"pipelineName", job.pipeline},
        {"stage", {{"name", job.stage}}},
        {"action", {{"name", job.action}, {"actionExecutionId", job.action_execution_id}}},
        {"pipelineArn", pipeline.arn},
        {"pipelineExecutionId", job.execution_id}}},
      {"inputArtifacts", artifacts_json(action->inputs)},
      {"outputArtifacts", artifacts_json(action->outputs)},
  };
  if (job.is_open()) {
    std::vector<Grant> grants;
    for (const auto& artifact : action->inputs) grants.push_back({false, artifact.bucket, artifact.key});
    for (const auto& artifact : action->outputs) grants.push_back({true, artifact.bucket, artifact.key});
    const auto credentials =
        keys_.issue(job.account, "arn:aws:sts::" + job.account + ":assumed-role/pipeline/" + job.id,
                    settings_.credential_lifetime.load(), grants, clock_.now());
    data["artifactCredentials"] = {{"accessKeyId", credentials.access_key_id},
                                   {"secretAccessKey", credentials.secret_access_key},
                                   {"sessionToken", credentials.session_token}};
  }
  if (!job.continuation_token.empty()) data["continuationToken"] = job.continuation_token;
  const auto& declaration = pipeline.versions.at(static_cast<std::size_t>(execution.version) - 1);
  const auto* store = json::find(declaration, "artifactStore");
  if (!store) {
    const auto& stores = declaration.at("artifactStores");
    for (const auto& candidate : stores) {
      if (!action->outputs.empty() && candidate.at("location") == action->outputs.front().bucket) store = &candidate;
    }
    if (!store) store = &stores.begin().value();
  }
  if (const auto* key = json::find(*store, "encryptionKey")) data["encryptionKey"] = *key;
  return data;
}

Json CodePipeline::poll_for_jobs(const Json& input, const Caller&) {
  const auto& type_id = input.at("actionTypeId");
  const auto id = action_type_id(type_id);
  if (type_id.at("owner") != "Custom") {
    throw ServiceError(
        400, "ValidationException",
        "ActionType (" + id + ") with owner '" + type_id.at("owner").get<std::string>() + "' is not supported");
  }
  const auto* type = find_type(id);
  if (!type) throw ServiceError(400, "ActionTypeNotFoundException", "No action type " + id);
  const auto* property = queryable_property(*type);
  const auto* query = json::find(input, "queryParam");
  std::string wanted;
  if (property) {
    if (!query || !query->contains(property->name)) {
      throw ServiceError(
          400, "ValidationException",
          "ActionType (" + id + ") has the queryable property '" + property->name + "', which queryParam must hold");
    }
    wanted = query->at(property->name).get<std::string>();
  } else if (query && !query->empty()) {
    throw ServiceError(400, "ValidationException",
                       "ActionType (" + id + ") has no queryable property, queryParam must be empty");
  }
  Json jobs = Json::array();
  for (auto* job : offer_jobs(id, input.value("maxBatchSize", 1), property, wanted)) {
    jobs.push_back({{"id", job->id}, {"data", job_data(*job)}, {"nonce", job->nonce}, {"accountId", job->account}});
  }
  return {{"jobs", std::move(jobs)}};
}

std::vector<Job*> CodePipeline::offer_jobs(const std::string& type, int limit, const ActionProperty* property,
                                           const std::string& wanted) {
  const auto time = now();
  std::vector<Job*> offered;
  for (const auto& job_id : offerable_) {
    if (offered.size() >= static_cast<std::size_t>(std::min(limit, 100))) break;
    auto& job = jobs_.at(job_id);
    if (job.action_type != type || job.available_at > time) continue;
    if (job.status == "Dispatched" && job.offered_at + settings_.reoffer.load().count() > time) continue;
    if (property) {
      const auto& execution = executions_.at(job.execution_id);
      const auto action = std::find_if(execution.actions.begin(), execution.actions.end(),
                                       [&](const auto& candidate) { return candidate.id == job.action_execution_id; });
      const auto value = action->configuration.find(property->name);
      if (value == action->configuration.end() || value->second != wanted) continue;
    }
    job.status = "Dispatched";
    job.nonce = std::to_string(next_nonce_++);
    job.offered_at = time;
    ++job.offers;
    job.history.push_back({time, "offered", job.nonce});
    touch(job);
    offered.push_back(&job);
  }
  return offered;
}

// A third party's job does not exist for those who come without its client's token.
Job& CodePipeline::get_custom_job(const Json& input) {
  auto& job = get_job(input.at("jobId").get<std::string>());
  if (job.action_type.find("/ThirdParty/") != std::string::npos) {
    throw ServiceError(400, "JobNotFoundException", "No job with id " + job.id);
  }
  return job;
}

Json CodePipeline::acknowledge_job(const Json& input, const Caller& caller) {
  get_custom_job(input);
  return acknowledge(input, caller);
}

Json CodePipeline::acknowledge(const Json& input, const Caller&) {
  auto& job = get_job(input.at("jobId").get<std::string>());
  const auto nonce = input.at("nonce").get<std::string>();
  if (nonce != job.nonce || job.acknowledged_at != 0) {
    job.history.push_back({now(), "refusedAcknowledge", nonce});
    touch(job);
    commit();
    throw ServiceError(400, "InvalidNonceException", "The nonce of the job " + job.id + " is not valid (any more)");
  }
  if (job.status == "Dispatched") {
    job.status = "InProgress";
    job.acknowledged_at = now();
    job.history.push_back({job.acknowledged_at, "acknowledged", nonce});
    std::erase(offerable_, job.id);
    touch(job);
  }
  return {{"status", job.status}};
}

Json CodePipeline::get_job_details(const Json& input, const Caller&) {
  auto& job = get_custom_job(input);
  if (!pipelines_.contains(job.pipeline)) throw ServiceError(400, "JobNotFoundException", "No job with id " + job.id);
  return {{"jobDetails", {{"id", job.id}, {"data", job_data(job)}, {"accountId", job.account}}}};
}

Json CodePipeline::put_job_success_result(const Json& input, const Caller& caller) {
  get_custom_job(input);
  return put_success(input, caller);
}

Json CodePipeline::put_success(const Json& input, const Caller&) {
  auto& job = get_working_job(input.at("jobId").get<std::string>());
  const auto token = json::string_or(input, "continuationToken");
  const auto* variables = json::find(input, "outputVariables");
  if (!token.empty() && variables && !variables->empty()) {
    throw ServiceError(400, "ValidationException",
                       "outputVariables can be included only when there is no continuation token");
  }
  if (variables) {
    std::size_t bytes = 0;
    for (const auto& [key, value] : variables->items())
      bytes += key.size() + value.get_ref<const std::string&>().size();
    if (bytes > kMaxOutputVariableBytes) {
      throw ServiceError(400, "OutputVariablesSizeExceededException",
                         "The output variables take " + std::to_string(bytes) + " bytes, the limit is 122880");
    }
  }
  auto& execution = get_execution(job.execution_id);
  auto& action = get_action(execution, job.action_execution_id);
  if (const auto* details = json::find(input, "executionDetails")) {
    action.summary = json::string_or(*details, "summary", action.summary);
    action.external_execution_id = json::string_or(*details, "externalExecutionId", action.external_execution_id);
    action.percent = details->value("percentComplete", action.percent);
  }
  if (const auto* revision = json::find(input, "currentRevision")) action.current_revision = *revision;
  action.updated = now();
  if (token.empty()) {
    close_job(job, "Succeeded", "succeeded", "");
    if (variables) action.output_variables = variables->get<StringMap>();
    action.status = "Succeeded";
  } else {
    close_job(job, "Succeeded", "continued", token);
    queue_job(execution, action, token);
  }
  touch(execution);
  advance_pipeline(execution.pipeline);
  return Json();
}

Json CodePipeline::put_job_failure_result(const Json& input, const Caller& caller) {
  get_custom_job(input);
  return put_failure(input, caller);
}

Json CodePipeline::put_failure(const Json& input, const Caller&) {
  auto& job = get_working_job(input.at("jobId").get<std::string>());
  const auto& details = input.at("failureDetails");
  auto& execution = get_execution(job.execution_id);
  auto& action = get_action(execution, job.action_execution_id);
  action.status = "Failed";
  action.error_code = details.at("type").get<std::string>();
  action.error_message = details.at("message").get<std::string>();
  action.external_execution_id = json::string_or(details, "externalExecutionId", action.external_execution_id);
  action.updated = now();
  close_job(job, "Failed", "failed", action.error_code + ": " + action.error_message);
  touch(execution);
  advance_pipeline(execution.pipeline);
  return Json();
}

}  // namespace penstock::sandbox
