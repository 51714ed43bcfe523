// Third-party actions: the job API that takes a client token, and what the console does to set up an action.
#include <algorithm>
#include <array>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "tests/sandbox/codepipeline.h"
#include "tests/sandbox/service_error.h"
#include "tests/sandbox/validation.h"

namespace penstock::sandbox {
namespace {

std::string random_token() {
  std::array<std::byte, 48> bytes;
  fill_random(bytes);
  return to_base64url({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

bool is_third_party(const std::string& action_type) {
  return action_type.find("/ThirdParty/") != std::string::npos;
}

}  // namespace

Json CodePipeline::add_third_party_type(const Json& input) {
  codepipeline_shapes().check("CreateCustomActionType", input);
  std::lock_guard lock(mutex_);
  const auto* settings = json::find(input, "settings");
  if (!settings || json::string_or(*settings, "thirdPartyConfigurationUrl").empty()) {
    throw ServiceError(400, "ValidationException", "A third-party type needs settings.thirdPartyConfigurationUrl");
  }
  auto type = make_type(input, "ThirdParty");
  touch(type);
  const auto id = type.id();
  types_[id] = std::move(type);
  commit();
  return {{"actionType", id}};
}

// One client for each pipeline that uses a type.
ThirdPartyClient& CodePipeline::client_of(const std::string& pipeline, const std::string& action_type) {
  auto& client = clients_[pipeline + "\n" + action_type];
  if (client.id.empty()) {
    client = {make_uuid_v4(), random_token()};
    journal_.put("client", pipeline + "\n" + action_type,
                 {{"pipeline", pipeline}, {"actionType", action_type}, {"id", client.id}, {"token", client.token}});
  }
  return client;
}

Job& CodePipeline::get_third_party_job(const Json& input) {
  auto& job = get_job(input.at("jobId").get<std::string>());
  if (!is_third_party(job.action_type)) throw ServiceError(400, "JobNotFoundException", "No job with id " + job.id);
  if (input.at("clientToken") != client_of(job.pipeline, job.action_type).token) {
    throw ServiceError(400, "InvalidClientTokenException", "The client token is not valid");
  }
  return job;
}

Json CodePipeline::poll_for_third_party_jobs(const Json& input, const Caller&) {
  const auto id = action_type_id(input.at("actionTypeId"));
  if (input.at("actionTypeId").at("owner") != "ThirdParty") {
    throw ServiceError(400, "ValidationException", "ActionType (" + id + ") is not one of a third party");
  }
  if (!find_type(id)) throw ServiceError(400, "ActionTypeNotFoundException", "No action type " + id);
  Json jobs = Json::array();
  for (auto* job : offer_jobs(id, input.value("maxBatchSize", 1), nullptr, "")) {
    jobs.push_back({{"clientId", client_of(job->pipeline, job->action_type).id}, {"jobId", job->id}});
  }
  return {{"jobs", std::move(jobs)}};
}

Json CodePipeline::get_third_party_job_details(const Json& input, const Caller&) {
  auto& job = get_third_party_job(input);
  auto data = job_data(job);
  data["pipelineContext"].erase("pipelineArn");
  data["pipelineContext"].erase("pipelineExecutionId");
  return {{"jobDetails", {{"id", job.id}, {"data", std::move(data)}, {"nonce", job.nonce}}}};
}

Json CodePipeline::acknowledge_third_party_job(const Json& input, const Caller& caller) {
  get_third_party_job(input);
  return acknowledge(input, caller);
}

Json CodePipeline::put_third_party_job_success_result(const Json& input, const Caller& caller) {
  get_third_party_job(input);
  return put_success(input, caller);
}

Json CodePipeline::put_third_party_job_failure_result(const Json& input, const Caller& caller) {
  get_third_party_job(input);
  return put_failure(input, caller);
}

Json& CodePipeline::find_or_add_action(Json& declaration, const Connection& connection) {
  auto& stages = declaration.at("stages");
  auto stage = std::find_if(stages.begin(), stages.end(),
                            [&](const Json& candidate) { return candidate.at("name") == connection.stage; });
  if (stage == stages.end()) {
    stages.push_back({{"name", connection.stage}, {"actions", Json::array()}});
    stage = std::prev(stages.end());
  }
  auto& actions = stage->at("actions");
  for (auto& action : actions) {
    if (action.at("name") == connection.action) return action;
  }
  actions.push_back({{"name", connection.action}, {"actionTypeId", action_type_json(connection.action_type)}});
  return actions.back();
}

Json CodePipeline::connect(const Connection& connection) {
  std::lock_guard lock(mutex_);
  const auto* type = find_type(connection.action_type);
  if (!type || type->owner != "ThirdParty") {
    throw ServiceError(400, "ActionTypeNotFoundException", "No third-party action type " + connection.action_type);
  }
  auto declaration = get_pipeline_record(connection.pipeline).declaration();
  const auto& action = find_or_add_action(declaration, connection);
  Json configuration = Json::array();
  if (const auto* values = json::find(action, "configuration")) {
    for (const auto& [key, value] : values->items()) configuration.push_back({{"key", key}, {"value", value}});
  }
  const auto& client = client_of(connection.pipeline, connection.action_type);
  const auto request_id = make_uuid_v4();
  connections_[request_id] = connection;
  commit();
  return {
      {"url", type->settings.at("thirdPartyConfigurationUrl")},
      {"request",
       {{"clientId", client.id},
        {"clientToken", client.token},
        {"pipelineContext",
         {{"pipelineName", connection.pipeline}, {"stageName", connection.stage}, {"actionName", connection.action}}},
        {"actionConfiguration", std::move(configuration)},
        {"region", connection.region},
        {"requestId", request_id}}}};
}

Json CodePipeline::confirm(const Json& response) {
  codepipeline_shapes().check("SignUpResponse", response);
  Json declaration;
  {
    std::lock_guard lock(mutex_);
    const auto found = connections_.find(response.at("requestId").get<std::string>());
    if (found == connections_.end()) {
      throw ServiceError(400, "InvalidRequestId", "This request is not known, or was confirmed before");
    }
    declaration = get_pipeline_record(found->second.pipeline).declaration();
    auto& action = find_or_add_action(declaration, found->second);
    action["configuration"] = Json::object();
    for (const auto& entry : response.at("actionConfiguration")) {
      const auto key = entry.at("key").get<std::string>();
      if (action["configuration"].contains(key)) {
        throw ServiceError(400, "ValidationException", "The property '" + key + "' is there twice");
      }
      action["configuration"][key] = entry.at("value");
    }
    connections_.erase(found);
  }
  call("UpdatePipeline", {{"pipeline", declaration}}, Caller{std::string("111122223333"), "", "console"});
  return declaration;
}

}  // namespace penstock::sandbox
