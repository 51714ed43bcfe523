#include "core/aws/codepipeline.h"

#include <gtest/gtest.h>

#include "core/json/json.h"
#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

using json::Json;

class CodePipelineTest : public ::testing::Test {
 protected:
  CodePipelineClient make(http::Response response) {
    transport_ = std::make_shared<FakeTransport>([response](const auto&, int) { return response; });
    ClientOptions options{.service = "codepipeline", .endpoint = {.url = "https://h", .region = "eu-west-1"}};
    return CodePipelineClient(
        std::make_shared<Client>(options, transport_, std::make_shared<StaticCredentials>(test_credentials()), clock_));
  }
  Json sent() const { return Json::parse(transport_->sent().at(0).body); }
  std::string target() const { return transport_->sent().at(0).header("x-amz-target"); }

  testing::FakeClock clock_;
  std::shared_ptr<FakeTransport> transport_;
};

constexpr char kJob[] =
    R"({"id":"11111111-abcd-1111-abcd-111111abcdef","nonce":"3","accountId":"123456789012","__type":"x",
 "data":{"actionTypeId":{"category":"Source","owner":"Custom","provider":"AzureDevOpsRepo","version":"1"},
 "actionConfiguration":{"configuration":{"Branch":"main","Depth":1}},
 "pipelineContext":{"pipelineName":"p","stage":{"name":"S"},"action":{"name":"A","actionExecutionId":"e"},
   "pipelineArn":"arn:aws:codepipeline:eu-central-1:123456789012:p","pipelineExecutionId":"x"},
 "inputArtifacts":[],"outputArtifacts":[{"name":"SourceArtifact","revision":null,
   "location":{"type":"S3","s3Location":{"bucketName":"b","objectKey":"p/SourceArti/AbC"}}}],
 "artifactCredentials":{"accessKeyId":"ASIA","secretAccessKey":"sk","sessionToken":"st"},
 "continuationToken":null,"encryptionKey":{"id":"arn:aws:kms:k","type":"KMS"}}})";

TEST_F(CodePipelineTest, ReadsAJob) {
  CodePipelineClient client = make(answer(200, R"({"jobs":[)" + std::string(kJob) + R"(,{},7,null]})"));
  const auto jobs = client.poll_for_jobs(
      {.action_type = {"Source", "Custom", "AzureDevOpsRepo", "1"}, .max_batch_size = 3, .query_param = {{"P", "v"}}});
  EXPECT_EQ(target(), "CodePipeline_20150709.PollForJobs");
  EXPECT_EQ(sent(), Json::parse(R"({"actionTypeId":{"category":"Source","owner":"Custom","provider":"AzureDevOpsRepo",
    "version":"1"},"maxBatchSize":3,"queryParam":{"P":"v"}})"));
  ASSERT_EQ(jobs.size(), 1u);
  const PipelineJob& job = jobs[0];
  EXPECT_EQ(job.nonce, "3");
  EXPECT_EQ(job.action_type.to_string(), "Source/Custom/AzureDevOpsRepo/1");
  EXPECT_EQ(job.configuration.at("Branch"), "main");
  EXPECT_EQ(job.configuration.at("Depth"), "1");
  EXPECT_EQ(job.pipeline_execution_id, "x");
  EXPECT_EQ(job.action_execution_id, "e");
  ASSERT_EQ(job.output_artifacts.size(), 1u);
  EXPECT_EQ(job.output_artifacts[0].location.key, "p/SourceArti/AbC");
  EXPECT_EQ(job.artifact_credentials->session_token.reveal(), "st");
  EXPECT_EQ(job.continuation_token, "");
  EXPECT_EQ(job.encryption_key_id, "arn:aws:kms:k");
}

TEST_F(CodePipelineTest, MakesThirdPartyCallsWithTheClientToken) {
  const Secret token("VOxvtAwjhd8");
  {
    CodePipelineClient client = make(answer(200, R"({"jobs":[{"jobId":"j","clientId":"c"},{"jobId":"k"},{},7]})"));
    const auto jobs = client.poll_for_third_party_jobs({"Test", "ThirdParty", "LoadTest", "1"}, 3);
    EXPECT_EQ(target(), "CodePipeline_20150709.PollForThirdPartyJobs");
    EXPECT_EQ(sent(), Json::parse(R"({"actionTypeId":{"category":"Test","owner":"ThirdParty","provider":"LoadTest",
      "version":"1"},"maxBatchSize":3})"));
    ASSERT_EQ(jobs.size(), 1u);
    EXPECT_EQ(jobs[0].id, "j");
    EXPECT_EQ(jobs[0].client_id, "c");
  }
  {
    CodePipelineClient client = make(answer(200, R"({"jobDetails":)" + std::string(kJob) + "}"));
    EXPECT_EQ(client.get_third_party_job_details("j", token).nonce, "3");
    EXPECT_EQ(target(), "CodePipeline_20150709.GetThirdPartyJobDetails");
    EXPECT_EQ(sent(), Json::parse(R"({"jobId":"j","clientToken":"VOxvtAwjhd8"})"));
  }
  {
    CodePipelineClient client = make(answer(200, R"({"status":"InProgress"})"));
    EXPECT_EQ(client.acknowledge_third_party_job("j", "3", token), "InProgress");
    EXPECT_EQ(sent(), Json::parse(R"({"jobId":"j","nonce":"3","clientToken":"VOxvtAwjhd8"})"));
  }
  {
    JobSuccess success;
    success.output_variables = {{"A", "b"}};
    success.summary = "done";
    make(answer(200, "")).put_third_party_job_success("j", success, token);
    EXPECT_EQ(target(), "CodePipeline_20150709.PutThirdPartyJobSuccessResult");
    EXPECT_EQ(sent(),
              Json::parse(R"({"jobId":"j","executionDetails":{"summary":"done"},"clientToken":"VOxvtAwjhd8"})"));
  }
  make(answer(200, "")).put_third_party_job_failure("j", {.type = FailureType::kJobFailed, .message = "m"}, token);
  EXPECT_EQ(sent(), Json::parse(R"({"jobId":"j","failureDetails":{"type":"JobFailed","message":"m"},
    "clientToken":"VOxvtAwjhd8"})"));
}

TEST_F(CodePipelineTest, KeepsTheClientTokenOutOfErrors) {
  CodePipelineClient client = make(answer(400, R"({"__type":"ValidationException","message":"Value 'VOxvtAwjhd8' is )"
                                               R"(too short, VOxvtAwjhd8 is no token"})"));
  const Error error = error_of([&] { client.get_third_party_job_details("j", Secret("VOxvtAwjhd8")); });
  EXPECT_EQ(error.code(), "ValidationException");
  EXPECT_EQ(std::string(error.what()).find("VOxvtAwjhd8"), std::string::npos) << error.what();
  EXPECT_NE(std::string(error.what()).find("[client token]"), std::string::npos) << error.what();
}

TEST_F(CodePipelineTest, ToleratesWhatIsAbsent) {
  const auto jobs = make(answer(200, R"({"jobs":[{"id":"i","data":{"outputArtifacts":[{}],"encryptionKey":null}}]})"))
                        .poll_for_jobs({});
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_FALSE(jobs[0].artifact_credentials);
  EXPECT_EQ(jobs[0].encryption_key_id, "");
  for (const char* body : {"", "{}", R"({"jobs":null})", R"({"jobs":"x"})", "[]"}) {
    EXPECT_TRUE(make(answer(200, body)).poll_for_jobs({}).empty()) << body;
  }
}

TEST_F(CodePipelineTest, CallsAnUnreadableAnswerPossiblyCarriedOut) {
  CodePipelineClient client = make(answer(200, "<html>"));
  const Error error = error_of([&] { client.start_pipeline_execution({.pipeline = "p"}); });
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_TRUE(error.may_have_happened());
}

TEST_F(CodePipelineTest, SendsAnEmptyQueryParamNot) {
  make(answer(200, "{}")).poll_for_jobs({.action_type = {}, .max_batch_size = 0, .query_param = {}});
  EXPECT_FALSE(sent().contains("queryParam"));
  EXPECT_EQ(sent()["maxBatchSize"], 1);
}

TEST_F(CodePipelineTest, ReportsSuccess) {
  JobSuccess success;
  success.current_revision = CurrentRevision{.revision = "abc",
                                             .change_identifier = "",
                                             .summary = std::string(5000, 'x'),
                                             .created = from_milliseconds(1446137358485)};
  success.output_variables = {{"CommitId", "abc"}, {"Empty", ""}};
  success.percent_complete = 250;
  make(answer(200)).put_job_success("j", success);
  const Json input = sent();
  EXPECT_EQ(input["currentRevision"]["changeIdentifier"], "abc");
  EXPECT_DOUBLE_EQ(input["currentRevision"]["created"].get<double>(), 1446137358.485);
  EXPECT_LE(input["currentRevision"]["revisionSummary"].get<std::string>().size(), 2051u);
  EXPECT_EQ(input["executionDetails"], Json::parse(R"({"percentComplete":100})"));
  EXPECT_EQ(input["outputVariables"]["CommitId"], "abc");
  EXPECT_FALSE(input.contains("continuationToken"));
}

TEST_F(CodePipelineTest, SendsNoVariablesWithAContinuationToken) {
  make(answer(200, "{}"))
      .put_job_success("j", {.current_revision = {},
                             .output_variables = {{"a", "b"}},
                             .continuation_token = "t",
                             .external_execution_id = "",
                             .summary = "",
                             .percent_complete = {}});
  EXPECT_EQ(sent(), Json::parse(R"({"jobId":"j","continuationToken":"t"})"));
}

TEST_F(CodePipelineTest, ReportsFailureWithinLimits) {
  std::string message;
  for (int i = 0; i < 6000; ++i) message += "\xc3\xa4";
  make(answer(200)).put_job_failure("j", {FailureType::kPermissionError, message, ""});
  const Json details = sent()["failureDetails"];
  EXPECT_EQ(details["type"], "PermissionError");
  std::size_t characters = 0;
  for (const char c : details["message"].get<std::string>()) characters += (c & 0xc0) != 0x80 ? 1 : 0;
  EXPECT_EQ(characters, 5000u);
  EXPECT_FALSE(details.contains("externalExecutionId"));
  make(answer(200)).put_job_failure("j", {});
  EXPECT_FALSE(sent()["failureDetails"]["message"].get<std::string>().empty());
}

TEST_F(CodePipelineTest, StartsAnExecution) {
  CodePipelineClient client = make(answer(200, R"({"pipelineExecutionId":"id"})"));
  EXPECT_EQ(client.start_pipeline_execution(
                {.pipeline = "p", .client_request_token = "t", .variables = {{"A", "1"}, {"B", ""}}}),
            "id");
  EXPECT_EQ(sent(), Json::parse(R"({"name":"p","clientRequestToken":"t","variables":[{"name":"A","value":"1"}]})"));
}

TEST_F(CodePipelineTest, TakesAnExecutionThatHasEndedAsStopped) {
  for (const char* code : {"PipelineExecutionNotStoppableException", "DuplicatedStopRequestException"}) {
    make(answer(400, R"({"__type":")" + std::string(code) + "\"}"))
        .stop_pipeline_execution("p", "x", std::string(300, 'r'));
    EXPECT_EQ(sent()["abandon"], true);
    EXPECT_LE(sent()["reason"].get<std::string>().size(), 203u);
  }
  CodePipelineClient client = make(answer(409, R"({"__type":"ConflictException"})"));
  EXPECT_EQ(error_of([&] { client.stop_pipeline_execution("p", "x", ""); }).kind(), ErrorKind::kConflict);
}

TEST_F(CodePipelineTest, ReadsAPipeline) {
  const PipelineDescription pipeline =
      make(answer(200, R"({"pipeline":{"name":"p","version":2.0,"stages":[{"name":"Source","actions":[{"name":"A",
        "actionTypeId":{"category":"Source","owner":"Custom","provider":"X","version":"1"},
        "configuration":{"Branch":"main"}}]},{"name":"Build"}]},"metadata":{}})"))
          .get_pipeline("p");
  EXPECT_EQ(pipeline.version, 2);
  ASSERT_EQ(pipeline.actions.size(), 1u);
  EXPECT_EQ(pipeline.actions[0].stage, "Source");
  EXPECT_EQ(pipeline.actions[0].configuration.at("Branch"), "main");
}

TEST_F(CodePipelineTest, AcknowledgesAndReadsDetailsAndExecutions) {
  EXPECT_EQ(make(answer(200, R"({"status":"InProgress"})")).acknowledge_job("j", "n"), "InProgress");
  EXPECT_EQ(sent(), Json::parse(R"({"jobId":"j","nonce":"n"})"));
  const PipelineJob job = make(answer(200, R"({"jobDetails":)" + std::string(kJob) + "}")).get_job_details("j");
  EXPECT_EQ(job.artifact_credentials->access_key_id, "ASIA");
  EXPECT_EQ(make(answer(200, R"({"pipelineExecution":{"status":"Stopped"}})")).get_pipeline_execution("p", "x").status,
            "Stopped");
}

TEST_F(CodePipelineTest, ListsWebhooksThroughAllPages) {
  transport_ = std::make_shared<FakeTransport>([](const auto& request, int) {
    return request.body.find("NextToken") == std::string::npos
               ? answer(200, R"({"webhooks":[{"definition":{"name":"w","targetPipeline":"p","targetAction":"Source",
                   "filters":[{"jsonPath":"$.ref","matchEquals":"refs/heads/{Branch}"},{"jsonPath":"$.a"}],
                   "authentication":"IP","authenticationConfiguration":{"AllowedIPRange":"192.0.2.0/24"}},
                   "url":"https://u","lastTriggered":1795253400.5,"arn":"a"}, 7],"NextToken":"t"})")
               : answer(200, R"({"webhooks":[{"definition":{"name":"x"},"errorCode":"c","errorMessage":"m"}]})");
  });
  ClientOptions options{.service = "codepipeline", .endpoint = {.url = "https://h", .region = "eu-west-1"}};
  CodePipelineClient client(
      std::make_shared<Client>(options, transport_, std::make_shared<StaticCredentials>(test_credentials()), clock_));
  const std::vector<Webhook> webhooks = client.list_webhooks();
  ASSERT_EQ(webhooks.size(), 2u);
  EXPECT_EQ(webhooks[0].filters.at(0).match_equals, "refs/heads/{Branch}");
  EXPECT_EQ(webhooks[0].filters.at(1).match_equals, std::nullopt);
  EXPECT_EQ(webhooks[0].allowed_ip_range, "192.0.2.0/24");
  EXPECT_EQ(webhooks[0].last_triggered, from_milliseconds(1'795'253'400'500));
  EXPECT_EQ(webhooks[1].error_message, "m");
  EXPECT_EQ(Json::parse(transport_->sent().at(1).body), Json::parse(R"({"MaxResults":100,"NextToken":"t"})"));
}

TEST_F(CodePipelineTest, PagesOfWebhooksThatDoNotEndAreAnError) {
  CodePipelineClient client = make(answer(200, R"({"webhooks":[],"NextToken":"t"})"));
  EXPECT_EQ(error_of([&] { client.list_webhooks(); }).kind(), ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace penstock::aws
