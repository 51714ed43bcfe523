#include "core/jobs/job_event.h"

#include <gtest/gtest.h>

#include "core/json/json.h"

namespace penstock::jobs {
namespace {

TEST(JobEvent, HasTheShapeThatLambdaFunctionsGet) {
  aws::PipelineJob job;
  job.id = "11111111-abcd-1111-abcd-111111abcdef";
  job.account_id = "111111111111";
  job.configuration = {{"FunctionName", "MyFunction"}, {"UserParameters", "{\"stack\":\"a\"}"}};
  job.input_artifacts = {{.name = "In", .location = {"bucket", "key"}}};
  job.output_artifacts = {{.name = "Out", .revision = "r1", .location = {"bucket", "out"}}};
  job.continuation_token = "token";
  job.encryption_key_id = "arn:aws:kms:k";
  job.pipeline_name = "shop";
  job.stage_name = "Build";
  job.action_name = "Compile";
  job.action_execution_id = "e";
  aws::Credentials credentials;
  credentials.access_key_id = "ASIA";
  credentials.secret_access_key = Secret("secret");
  credentials.session_token = Secret("session");
  const std::string text = job_event(job, credentials);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(json::Json::parse(text), json::Json::parse(R"({"CodePipeline.job": {
    "id": "11111111-abcd-1111-abcd-111111abcdef", "accountId": "111111111111", "data": {
      "actionConfiguration": {"configuration": {"FunctionName": "MyFunction", "UserParameters": "{\"stack\":\"a\"}"}},
      "inputArtifacts": [{"name": "In", "revision": null,
        "location": {"type": "S3", "s3Location": {"bucketName": "bucket", "objectKey": "key"}}}],
      "outputArtifacts": [{"name": "Out", "revision": "r1",
        "location": {"type": "S3", "s3Location": {"bucketName": "bucket", "objectKey": "out"}}}],
      "artifactCredentials": {"accessKeyId": "ASIA", "secretAccessKey": "secret", "sessionToken": "session"},
      "continuationToken": "token",
      "encryptionKey": {"id": "arn:aws:kms:k", "type": "KMS"},
      "pipelineContext": {"pipelineName": "shop", "stage": {"name": "Build"},
        "action": {"name": "Compile", "actionExecutionId": "e"}}}}})"));
}

TEST(JobEvent, LeavesOutWhatIsNotThere) {
  const json::Json data = json::Json::parse(job_event({}, {})).at("CodePipeline.job").at("data");
  EXPECT_FALSE(data.contains("continuationToken"));
  EXPECT_FALSE(data.contains("encryptionKey"));
}

}  // namespace
}  // namespace penstock::jobs
