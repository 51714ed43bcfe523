#include "core/jobs/job_event.h"

#include "core/json/json.h"

namespace penstock::jobs {
namespace {

using json::Json;

Json artifacts(const std::vector<aws::JobArtifact>& list) {
  Json result = Json::array();
  for (const aws::JobArtifact& artifact : list) {
    const Json revision = artifact.revision.empty() ? Json() : Json(artifact.revision);
    result.push_back(
        {{"name", artifact.name},
         {"revision", revision},
         {"location",
          {{"type", "S3"},
           {"s3Location", {{"bucketName", artifact.location.bucket}, {"objectKey", artifact.location.key}}}}}});
  }
  return result;
}

}  // namespace

std::string job_event(const aws::PipelineJob& job, const aws::Credentials& credentials) {
  Json configuration = Json::object();
  for (const auto& [name, value] : job.configuration) configuration[name] = value;
  Json data = {{"actionConfiguration", {{"configuration", std::move(configuration)}}},
               {"inputArtifacts", artifacts(job.input_artifacts)},
               {"outputArtifacts", artifacts(job.output_artifacts)},
               {"artifactCredentials",
                {{"accessKeyId", credentials.access_key_id},
                 {"secretAccessKey", credentials.secret_access_key.reveal()},
                 {"sessionToken", credentials.session_token.reveal()}}}};
  if (credentials.expires_at) data["artifactCredentials"]["expirationTime"] = to_milliseconds(*credentials.expires_at);
  if (!job.continuation_token.empty()) data["continuationToken"] = job.continuation_token;
  if (!job.encryption_key_id.empty()) data["encryptionKey"] = {{"id", job.encryption_key_id}, {"type", "KMS"}};
  Json context = {{"pipelineName", job.pipeline_name},
                  {"stage", {{"name", job.stage_name}}},
                  {"action", {{"name", job.action_name}, {"actionExecutionId", job.action_execution_id}}}};
  if (!job.pipeline_arn.empty()) context["pipelineArn"] = job.pipeline_arn;
  if (!job.pipeline_execution_id.empty()) context["pipelineExecutionId"] = job.pipeline_execution_id;
  data["pipelineContext"] = std::move(context);
  return json::dump({{"CodePipeline.job", {{"id", job.id}, {"accountId", job.account_id}, {"data", std::move(data)}}}});
}

}  // namespace penstock::jobs
