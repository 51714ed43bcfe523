#include "core/aws/codepipeline.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/json/json.h"

namespace penstock::aws {

std::string_view to_string(FailureType type) noexcept {
  switch (type) {
    case FailureType::kJobFailed:
      return "JobFailed";
    case FailureType::kConfigurationError:
      return "ConfigurationError";
    case FailureType::kPermissionError:
      return "PermissionError";
    case FailureType::kRevisionOutOfSync:
      return "RevisionOutOfSync";
    case FailureType::kRevisionUnavailable:
      return "RevisionUnavailable";
    case FailureType::kSystemUnavailable:
      return "SystemUnavailable";
  }
  return "JobFailed";
}

namespace {

using json::Json;

// Lists of things of which a region has some hundreds; more pages than that are a fault of the other side.
constexpr int kMaxPages = 300;

constexpr char kTarget[] = "CodePipeline_20150709.";

// The documented lengths count characters; bytes are held to the same number times the longest UTF-8 form, and texts
// that a person wrote rarely come near either.
std::string fit(std::string_view text, std::size_t characters) {
  return truncate_utf8(text, characters, characters * 4);
}

// Members of 1..n characters are left out when they would be empty.
void put(Json& object, const char* member, std::string_view text, std::size_t characters) {
  if (!text.empty()) object[member] = fit(text, characters);
}

const Json& member(const Json& object, std::string_view name) {
  static const Json kNull;
  const Json* found = json::find(object, name);
  return found != nullptr ? *found : kNull;
}

// Elements of an array that may be absent or of another type.
template <typename Function>
void each(const Json& object, std::string_view name, Function function) {
  const Json& array = member(object, name);
  if (!array.is_array()) return;
  for (const Json& element : array) {
    if (element.is_object()) function(element);
  }
}

std::map<std::string, std::string> string_map(const Json& object) {
  std::map<std::string, std::string> result;
  if (!object.is_object()) return result;
  for (const auto& [name, value] : object.items()) {
    if (value.is_string()) {
      result[name] = value.get<std::string>();
    } else if (value.is_number() || value.is_boolean()) {
      result[name] = value.dump();
    }
  }
  return result;
}

Json to_json(const std::map<std::string, std::string>& values) {
  Json result = Json::object();
  for (const auto& [name, value] : values) result[name] = value;
  return result;
}

Json to_json(const ActionTypeId& type) {
  return {{"category", type.category}, {"owner", type.owner}, {"provider", type.provider}, {"version", type.version}};
}

ActionTypeId parse_action_type(const Json& object) {
  return {json::string_or(object, "category"), json::string_or(object, "owner"), json::string_or(object, "provider"),
          json::string_or(object, "version")};
}

std::vector<JobArtifact> parse_artifacts(const Json& data, std::string_view name) {
  std::vector<JobArtifact> result;
  each(data, name, [&](const Json& artifact) {
    const Json& location = member(member(artifact, "location"), "s3Location");
    result.push_back({json::string_or(artifact, "name"),
                      json::string_or(artifact, "revision"),
                      {json::string_or(location, "bucketName"), json::string_or(location, "objectKey")}});
  });
  return result;
}

std::optional<Credentials> parse_credentials(const Json& object) {
  Credentials credentials;
  credentials.access_key_id = json::string_or(object, "accessKeyId");
  credentials.secret_access_key = Secret(json::string_or(object, "secretAccessKey"));
  credentials.session_token = Secret(json::string_or(object, "sessionToken"));
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) return std::nullopt;
  // Only seen in events of Lambda, in milliseconds; harmless to understand.
  const Json& expires = member(object, "expirationTime");
  if (expires.is_number_integer()) credentials.expires_at = from_milliseconds(expires.get<std::int64_t>());
  return credentials;
}

PipelineJob parse_job(const Json& job) {
  PipelineJob result;
  result.id = json::string_or(job, "id");
  result.nonce = json::string_or(job, "nonce");
  result.account_id = json::string_or(job, "accountId");
  const Json& data = member(job, "data");
  result.action_type = parse_action_type(member(data, "actionTypeId"));
  result.configuration = string_map(member(member(data, "actionConfiguration"), "configuration"));
  const Json& context = member(data, "pipelineContext");
  result.pipeline_name = json::string_or(context, "pipelineName");
  result.pipeline_arn = json::string_or(context, "pipelineArn");
  result.pipeline_execution_id = json::string_or(context, "pipelineExecutionId");
  result.stage_name = json::string_or(member(context, "stage"), "name");
  result.action_name = json::string_or(member(context, "action"), "name");
  result.action_execution_id = json::string_or(member(context, "action"), "actionExecutionId");
  result.input_artifacts = parse_artifacts(data, "inputArtifacts");
  result.output_artifacts = parse_artifacts(data, "outputArtifacts");
  result.artifact_credentials = parse_credentials(member(data, "artifactCredentials"));
  result.continuation_token = json::string_or(data, "continuationToken");
  result.encryption_key_id = json::string_or(member(data, "encryptionKey"), "id");
  return result;
}

// Epoch seconds with milliseconds, as a JSON number.
double to_epoch_seconds(Timestamp time) {
  return static_cast<double>(to_milliseconds(time)) / 1000.0;
}

Json call(Client& client, const char* operation, const Json& input, std::stop_token stop = {}) {
  const std::string answer = client.call_json(std::string(kTarget) + operation, json::dump(input), std::move(stop));
  if (trim(answer).empty()) return Json::object();
  try {
    return json::parse_json(answer, "an answer");
  } catch (const Error& error) {
    // The service has answered 2xx, so whatever it was has happened.
    throw Error(ErrorKind::kUnavailable, "calling codepipeline:" + std::string(operation) + ": " + error.what())
        .with_may_have_happened(true);
  }
}

std::string require(const Json& answer, const char* operation, const char* name) {
  std::string value = json::string_or(answer, name);
  if (value.empty()) {
    throw Error(ErrorKind::kUnavailable,
                "calling codepipeline:" + std::string(operation) + ": the answer has no \"" + name + "\"")
        .with_may_have_happened(true);
  }
  return value;
}

// Members that PutJobSuccessResult and PutThirdPartyJobSuccessResult have in common.
Json success_json(const std::string& job_id, const JobSuccess& success) {
  Json input = {{"jobId", job_id}};
  if (const auto& revision = success.current_revision; revision && !revision->revision.empty()) {
    Json current = Json::object();
    put(current, "revision", revision->revision, 1500);
    // Required beside the revision, and it may not be empty.
    put(current, "changeIdentifier",
        revision->change_identifier.empty() ? revision->revision : revision->change_identifier, 100);
    if (revision->created) current["created"] = to_epoch_seconds(*revision->created);
    put(current, "revisionSummary", revision->summary, 2048);
    input["currentRevision"] = std::move(current);
  }
  put(input, "continuationToken", success.continuation_token, 2048);
  Json details = Json::object();
  put(details, "summary", success.summary, 2048);
  put(details, "externalExecutionId", success.external_execution_id, 1500);
  if (success.percent_complete) details["percentComplete"] = std::clamp(*success.percent_complete, 0, 100);
  if (!details.empty()) input["executionDetails"] = std::move(details);
  return input;
}

Json failure_json(const std::string& job_id, const JobFailure& failure) {
  Json details = {{"type", std::string(to_string(failure.type))}};
  put(details, "message", failure.message.empty() ? "no reason was given" : failure.message, 5000);
  put(details, "externalExecutionId", failure.external_execution_id, 1500);
  return {{"jobId", job_id}, {"failureDetails", std::move(details)}};
}

// Validation errors repeat what they do not like.
Json call_with_token(Client& client, const char* operation, Json input, const Secret& client_token) {
  input["clientToken"] = client_token.reveal();
  try {
    return call(client, operation, input);
  } catch (const Error& error) {
    std::string message = error.what();
    const std::string_view token = client_token.reveal();
    for (std::size_t at = 0; !token.empty() && (at = message.find(token, at)) != std::string::npos;) {
      message.replace(at, token.size(), "[client token]");
    }
    throw Error(error.kind(), message).with_code(error.code()).with_may_have_happened(error.may_have_happened());
  }
}

}  // namespace

CodePipelineClient::CodePipelineClient(std::shared_ptr<Client> client) : client_(std::move(client)) {}

std::vector<PipelineJob> CodePipelineClient::poll_for_jobs(const PollRequest& request, std::stop_token stop) {
  Json input = {{"actionTypeId", to_json(request.action_type)}, {"maxBatchSize", std::max(1, request.max_batch_size)}};
  if (!request.query_param.empty()) input["queryParam"] = to_json(request.query_param);
  std::vector<PipelineJob> jobs;
  each(call(*client_, "PollForJobs", input, std::move(stop)), "jobs", [&](const Json& job) {
    jobs.push_back(parse_job(job));
    if (jobs.back().id.empty()) jobs.pop_back();
  });
  return jobs;
}

std::string CodePipelineClient::acknowledge_job(const std::string& job_id, const std::string& nonce) {
  return require(call(*client_, "AcknowledgeJob", {{"jobId", job_id}, {"nonce", nonce}}), "AcknowledgeJob", "status");
}

PipelineJob CodePipelineClient::get_job_details(const std::string& job_id) {
  const Json answer = call(*client_, "GetJobDetails", {{"jobId", job_id}});
  PipelineJob job = parse_job(member(answer, "jobDetails"));
  if (job.id.empty()) job.id = job_id;
  return job;
}

void CodePipelineClient::put_job_success(const std::string& job_id, const JobSuccess& success) {
  Json input = success_json(job_id, success);
  // Allowed only on the last result of an action.
  if (!success.output_variables.empty() && success.continuation_token.empty()) {
    input["outputVariables"] = to_json(success.output_variables);
  }
  call(*client_, "PutJobSuccessResult", input);
}

void CodePipelineClient::put_job_failure(const std::string& job_id, const JobFailure& failure) {
  call(*client_, "PutJobFailureResult", failure_json(job_id, failure));
}

std::vector<ThirdPartyJob> CodePipelineClient::poll_for_third_party_jobs(const ActionTypeId& action_type,
                                                                         int max_batch_size, std::stop_token stop) {
  const Json input = {{"actionTypeId", to_json(action_type)}, {"maxBatchSize", std::max(1, max_batch_size)}};
  std::vector<ThirdPartyJob> jobs;
  each(call(*client_, "PollForThirdPartyJobs", input, std::move(stop)), "jobs", [&](const Json& job) {
    ThirdPartyJob found{json::string_or(job, "jobId"), json::string_or(job, "clientId")};
    if (!found.id.empty() && !found.client_id.empty()) jobs.push_back(std::move(found));
  });
  return jobs;
}

std::string CodePipelineClient::acknowledge_third_party_job(const std::string& job_id, const std::string& nonce,
                                                            const Secret& client_token) {
  const Json answer =
      call_with_token(*client_, "AcknowledgeThirdPartyJob", {{"jobId", job_id}, {"nonce", nonce}}, client_token);
  return require(answer, "AcknowledgeThirdPartyJob", "status");
}

PipelineJob CodePipelineClient::get_third_party_job_details(const std::string& job_id, const Secret& client_token) {
  const Json answer = call_with_token(*client_, "GetThirdPartyJobDetails", {{"jobId", job_id}}, client_token);
  PipelineJob job = parse_job(member(answer, "jobDetails"));
  if (job.id.empty()) job.id = job_id;
  return job;
}

void CodePipelineClient::put_third_party_job_success(const std::string& job_id, const JobSuccess& success,
                                                     const Secret& client_token) {
  call_with_token(*client_, "PutThirdPartyJobSuccessResult", success_json(job_id, success), client_token);
}

void CodePipelineClient::put_third_party_job_failure(const std::string& job_id, const JobFailure& failure,
                                                     const Secret& client_token) {
  call_with_token(*client_, "PutThirdPartyJobFailureResult", failure_json(job_id, failure), client_token);
}

std::string CodePipelineClient::start_pipeline_execution(const StartRequest& request) {
  Json input = {{"name", request.pipeline}};
  if (!request.client_request_token.empty()) input["clientRequestToken"] = request.client_request_token;
  Json variables = Json::array();
  for (const auto& [name, value] : request.variables) {
    if (!value.empty()) variables.push_back({{"name", name}, {"value", fit(value, 1000)}});
  }
  if (!variables.empty()) input["variables"] = std::move(variables);
  return require(call(*client_, "StartPipelineExecution", input), "StartPipelineExecution", "pipelineExecutionId");
}

void CodePipelineClient::stop_pipeline_execution(const std::string& pipeline, const std::string& execution_id,
                                                 const std::string& reason) {
  Json input = {{"pipelineName", pipeline}, {"pipelineExecutionId", execution_id}, {"abandon", true}};
  put(input, "reason", reason, 200);
  try {
    call(*client_, "StopPipelineExecution", input);
  } catch (const Error& error) {
    if (error.code() != "PipelineExecutionNotStoppableException" && error.code() != "DuplicatedStopRequestException") {
      throw;
    }
  }
}

PipelineDescription CodePipelineClient::get_pipeline(const std::string& pipeline, std::stop_token stop) {
  const Json answer = call(*client_, "GetPipeline", {{"name", pipeline}}, std::move(stop));
  const Json& description = member(answer, "pipeline");
  PipelineDescription result;
  result.name = json::string_or(description, "name", pipeline);
  if (const Json& version = member(description, "version"); version.is_number()) {
    result.version = static_cast<int>(std::clamp(version.get<double>(), 0.0, 2e9));
  }
  each(description, "stages", [&](const Json& stage) {
    each(stage, "actions", [&](const Json& action) {
      result.actions.push_back({json::string_or(stage, "name"), json::string_or(action, "name"),
                                parse_action_type(member(action, "actionTypeId")),
                                string_map(member(action, "configuration"))});
    });
  });
  return result;
}

PipelineExecution CodePipelineClient::get_pipeline_execution(const std::string& pipeline,
                                                             const std::string& execution_id) {
  const Json answer =
      call(*client_, "GetPipelineExecution", {{"pipelineName", pipeline}, {"pipelineExecutionId", execution_id}});
  return {json::string_or(member(answer, "pipelineExecution"), "status")};
}

std::vector<Webhook> CodePipelineClient::list_webhooks() {
  std::vector<Webhook> webhooks;
  std::string token;
  for (int page = 0; page < kMaxPages; ++page) {
    Json input = {{"MaxResults", 100}};
    if (!token.empty()) input["NextToken"] = token;
    const Json answer = call(*client_, "ListWebhooks", input);
    each(answer, "webhooks", [&](const Json& item) {
      const Json& definition = member(item, "definition");
      Webhook& webhook = webhooks.emplace_back();
      webhook.name = json::string_or(definition, "name");
      webhook.target_pipeline = json::string_or(definition, "targetPipeline");
      webhook.target_action = json::string_or(definition, "targetAction");
      each(definition, "filters", [&](const Json& filter) {
        WebhookFilter& rule = webhook.filters.emplace_back();
        rule.json_path = json::string_or(filter, "jsonPath");
        if (const Json& expected = member(filter, "matchEquals"); expected.is_string()) {
          rule.match_equals = expected.get<std::string>();
        }
      });
      webhook.authentication = json::string_or(definition, "authentication");
      webhook.allowed_ip_range = json::string_or(member(definition, "authenticationConfiguration"), "AllowedIPRange");
      webhook.error_code = json::string_or(item, "errorCode");
      webhook.error_message = json::string_or(item, "errorMessage");
      if (const Json& time = member(item, "lastTriggered"); time.is_number()) {
        webhook.last_triggered =
            from_milliseconds(static_cast<std::int64_t>(std::clamp(time.get<double>(), 0.0, 1e11) * 1000));
      }
    });
    token = json::string_or(answer, "NextToken");
    if (token.empty()) return webhooks;
  }
  throw Error(ErrorKind::kUnavailable, "calling codepipeline:ListWebhooks: the pages do not end");
}

std::string CodePipelineClient::create_custom_action_type(const std::string& definition) {
  const Json answer =
      call(*client_, "CreateCustomActionType", json::parse_json(definition, "the definition of an action type"));
  return json::dump(member(answer, "actionType"));
}

std::vector<CustomActionType> CodePipelineClient::list_custom_action_types() {
  std::vector<CustomActionType> types;
  std::string token;
  for (int page = 0; page < kMaxPages; ++page) {
    Json input = {{"actionOwnerFilter", "Custom"}};
    if (!token.empty()) input["nextToken"] = token;
    const Json answer = call(*client_, "ListActionTypes", input);
    each(answer, "actionTypes", [&](const Json& type) {
      types.push_back({parse_action_type(member(type, "id")), json::dump(type)});
    });
    token = json::string_or(answer, "nextToken");
    if (token.empty()) return types;
  }
  throw Error(ErrorKind::kUnavailable, "calling codepipeline:ListActionTypes: the pages do not end");
}

}  // namespace penstock::aws
