#include "tests/sandbox/codepipeline.h"

#include <gtest/gtest.h>

#include "core/base/files.h"
#include "tests/sandbox/service_error.h"
#include "tests/support/fake_clock.h"

namespace penstock::sandbox {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

class Pipelines : public ::testing::Test {
 protected:
  Pipelines() { open(); }

  void open() {
    service_.reset();
    journal_ = std::make_unique<Journal>(folder_.path() / "journal");
    service_ = std::make_unique<CodePipeline>(*journal_, keys_, settings_, clock_);
    journal_->load([&](std::string_view kind, const Json& value) { service_->restore(kind, value); });
    service_->restored();
  }

  Json call(const std::string& operation, const Json& input) {
    return service_->call(operation, input, {"111122223333", "eu-central-1", "arn:caller"});
  }
  std::string refusal(const std::string& operation, const Json& input) {
    try {
      call(operation, input);
      return "accepted";
    } catch (const ServiceError& error) {
      return error.code;
    }
  }

  static Json type_input(const std::string& provider = "Git") {
    return {{"category", "Source"},
            {"provider", provider},
            {"version", "1"},
            {"configurationProperties",
             {{{"name", "Branch"}, {"required", true}, {"key", true}, {"secret", false}},
              {{"name", "Token"}, {"required", false}, {"key", false}, {"secret", true}}}},
            {"inputArtifactDetails", {{"minimumCount", 0}, {"maximumCount", 0}}},
            {"outputArtifactDetails", {{"minimumCount", 1}, {"maximumCount", 1}}}};
  }
  static Json declaration(const std::string& name, const std::string& mode = "SUPERSEDED") {
    Json source = {
        {"name", "Fetch"},
        {"actionTypeId", {{"category", "Source"}, {"owner", "Custom"}, {"provider", "Git"}, {"version", "1"}}},
        {"configuration", {{"Branch", "main"}, {"Token", "hush"}}},
        {"outputArtifacts", Json::array({{{"name", "SourceArtifact"}}})}};
    Json deploy = {{"name", "Ship"},
                   {"actionTypeId", {{"category", "Deploy"}, {"owner", "AWS"}, {"provider", "S3"}, {"version", "1"}}},
                   {"inputArtifacts", Json::array({{{"name", "SourceArtifact"}}})}};
    Json result = {{"name", name},
                   {"roleArn", "arn:aws:iam::111122223333:role/pipeline"},
                   {"artifactStore", {{"type", "S3"}, {"location", "artifacts"}}}};
    result["stages"] = Json::array({{{"name", "Source"}, {"actions", Json::array({source})}},
                                    {{"name", "Deploy"}, {"actions", Json::array({deploy})}}});
    if (mode != "SUPERSEDED") {
      result["pipelineType"] = "V2";
      result["executionMode"] = mode;
    }
    return result;
  }
  void create(const std::string& name, const std::string& mode = "SUPERSEDED") {
    refusal("CreateCustomActionType", type_input());  // the second pipeline of a test finds it there
    call("CreatePipeline", {{"pipeline", declaration(name, mode)}});
  }
  std::string start(const std::string& name) {
    return call("StartPipelineExecution", {{"name", name}}).at("pipelineExecutionId").get<std::string>();
  }
  Json poll(int batch = 10) {
    return call("PollForJobs",
                {{"actionTypeId", {{"category", "Source"}, {"owner", "Custom"}, {"provider", "Git"}, {"version", "1"}}},
                 {"maxBatchSize", batch}})
        .at("jobs");
  }
  std::string acknowledge(const Json& job) {
    return call("AcknowledgeJob", {{"jobId", job.at("id")}, {"nonce", job.at("nonce")}})
        .at("status")
        .get<std::string>();
  }
  std::string status(const std::string& name, const std::string& execution) {
    return call("GetPipelineExecution", {{"pipelineName", name}, {"pipelineExecutionId", execution}})
        .at("pipelineExecution")
        .at("status")
        .get<std::string>();
  }

  testing::FakeClock clock_;
  TemporaryDirectory folder_;
  KeyRing keys_{"seal"};
  Settings settings_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<CodePipeline> service_;
};

TEST_F(Pipelines, StartsOnceForOneToken) {
  create("p");
  const Json input = {{"name", "p"}, {"clientRequestToken", "a-1"}};
  const auto first = call("StartPipelineExecution", input);
  EXPECT_EQ(call("StartPipelineExecution", input), first);
  open();
  EXPECT_EQ(call("StartPipelineExecution", input), first);
  EXPECT_NE(call("StartPipelineExecution", {{"name", "p"}, {"clientRequestToken", "a-2"}}), first);
}

TEST_F(Pipelines, OffersAnUnacknowledgedJobAgainWithANewNonce) {
  create("p");
  start("p");
  const auto first = poll();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_TRUE(poll().empty());
  clock_.advance(seconds(31));
  const auto second = poll();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].at("id"), first[0].at("id"));
  EXPECT_NE(second[0].at("nonce"), first[0].at("nonce"));
  EXPECT_EQ(refusal("AcknowledgeJob", {{"jobId", first[0].at("id")}, {"nonce", first[0].at("nonce")}}),
            "InvalidNonceException");
  EXPECT_EQ(acknowledge(second[0]), "InProgress");
  EXPECT_EQ(refusal("AcknowledgeJob", {{"jobId", first[0].at("id")}, {"nonce", second[0].at("nonce")}}),
            "InvalidNonceException");
  clock_.advance(seconds(100));
  EXPECT_TRUE(poll().empty());
}

TEST_F(Pipelines, TakesAResultOnlyFromAnAcknowledgedJob) {
  create("p");
  const auto execution = start("p");
  const auto job = poll()[0];
  EXPECT_EQ(refusal("PutJobSuccessResult", {{"jobId", job.at("id")}}), "InvalidJobStateException");
  acknowledge(job);
  open();
  EXPECT_EQ(refusal("PutJobSuccessResult", {{"jobId", job.at("id")}}), "accepted");
  EXPECT_EQ(status("p", execution), "Succeeded");
  EXPECT_EQ(refusal("PutJobSuccessResult", {{"jobId", job.at("id")}}), "InvalidJobStateException");
  EXPECT_EQ(refusal("PutJobFailureResult",
                    {{"jobId", job.at("id")}, {"failureDetails", {{"type", "JobFailed"}, {"message", "late"}}}}),
            "InvalidJobStateException");
}

TEST_F(Pipelines, TimesJobsOut) {
  create("p");
  const auto execution = start("p");
  const auto job = poll()[0];
  acknowledge(job);
  clock_.advance(hours(24));
  service_->tick();
  EXPECT_EQ(status("p", execution), "Failed");
  EXPECT_EQ(refusal("PutJobSuccessResult", {{"jobId", job.at("id")}}), "InvalidJobStateException");
}

TEST_F(Pipelines, ContinuesWithANewJobAfterADelay) {
  create("p");
  const auto execution = start("p");
  const auto first = poll()[0];
  acknowledge(first);
  call("PutJobSuccessResult", {{"jobId", first.at("id")}, {"continuationToken", "t"}});
  EXPECT_TRUE(poll().empty());
  clock_.advance(seconds(5));
  const auto second = poll();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_NE(second[0].at("id"), first.at("id"));
  EXPECT_EQ(second[0].at("data").at("continuationToken"), "t");
  EXPECT_EQ(status("p", execution), "InProgress");
}

TEST_F(Pipelines, NewerExecutionsSupersedeThoseThatWait) {
  create("p");
  const auto first = start("p"), second = start("p"), third = start("p");
  EXPECT_EQ(status("p", first), "InProgress");
  EXPECT_EQ(status("p", second), "Superseded");
  EXPECT_EQ(poll().size(), 1u);  // only the first has a job
  EXPECT_EQ(status("p", third), "InProgress");
}

TEST_F(Pipelines, QueueKeepsTheOrderAndEndsAtFifty) {
  create("p", "QUEUED");
  std::vector<std::string> executions;
  for (int i = 0; i < 50; ++i) executions.push_back(start("p"));
  EXPECT_EQ(refusal("StartPipelineExecution", {{"name", "p"}}), "ConcurrentPipelineExecutionsLimitExceededException");
  for (int i = 0; i < 3; ++i) {
    const auto jobs = poll();
    ASSERT_EQ(jobs.size(), 1u);
    EXPECT_EQ(jobs[0].at("data").at("pipelineContext").at("pipelineExecutionId"),
              executions[static_cast<std::size_t>(i)]);
    acknowledge(jobs[0]);
    call("PutJobSuccessResult", {{"jobId", jobs[0].at("id")}});
  }
}

TEST_F(Pipelines, ParallelExecutionsAllHaveJobs) {
  create("p", "PARALLEL");
  for (int i = 0; i < 50; ++i) start("p");
  EXPECT_EQ(refusal("StartPipelineExecution", {{"name", "p"}}), "ConcurrentPipelineExecutionsLimitExceededException");
  EXPECT_EQ(poll(100).size(), 50u);
}

TEST_F(Pipelines, AbandoningClosesTheJob) {
  create("p");
  const auto execution = start("p");
  const auto job = poll()[0];
  call("StopPipelineExecution", {{"pipelineName", "p"}, {"pipelineExecutionId", execution}, {"abandon", true}});
  EXPECT_EQ(status("p", execution), "Stopped");
  EXPECT_EQ(acknowledge(job), "Failed");
  EXPECT_EQ(refusal("PutJobSuccessResult", {{"jobId", job.at("id")}}), "InvalidJobStateException");
  EXPECT_EQ(refusal("StopPipelineExecution", {{"pipelineName", "p"}, {"pipelineExecutionId", execution}}),
            "PipelineExecutionNotStoppableException");
}

TEST_F(Pipelines, StoppingWaitsForTheJob) {
  create("p");
  const auto execution = start("p");
  const auto job = poll()[0];
  acknowledge(job);
  const Json stop = {{"pipelineName", "p"}, {"pipelineExecutionId", execution}};
  call("StopPipelineExecution", stop);
  EXPECT_EQ(status("p", execution), "Stopping");
  EXPECT_EQ(refusal("StopPipelineExecution", stop), "DuplicatedStopRequestException");
  call("PutJobSuccessResult", {{"jobId", job.at("id")}});
  EXPECT_EQ(status("p", execution), "Stopped");
}

TEST_F(Pipelines, UpdatingFailsWhatRuns) {
  create("p");
  const auto running = start("p"), waiting = start("p");
  const auto job = poll()[0];
  acknowledge(job);
  auto changed = declaration("p");
  changed["stages"][0]["actions"][0]["configuration"] = {{"Branch", "next"}, {"Token", "****"}};
  EXPECT_EQ(call("UpdatePipeline", {{"pipeline", changed}}).at("pipeline").at("version"), 2);
  EXPECT_EQ(status("p", waiting), "Failed");
  EXPECT_EQ(status("p", running), "InProgress");
  call("PutJobSuccessResult", {{"jobId", job.at("id")}});
  EXPECT_EQ(status("p", running), "Failed");
  start("p");
  const auto configuration = poll()[0].at("data").at("actionConfiguration").at("configuration");
  EXPECT_EQ(configuration.at("Branch"), "next");
  EXPECT_EQ(configuration.at("Token"), "hush") << "a secret sent back as **** stays";
}

TEST_F(Pipelines, BoundsOutputVariables) {
  create("p");
  start("p");
  const auto job = poll()[0];
  acknowledge(job);
  const auto put = [&](std::size_t bytes) {
    return refusal("PutJobSuccessResult",
                   {{"jobId", job.at("id")}, {"outputVariables", {{"K", std::string(bytes - 1, 'v')}}}});
  };
  EXPECT_EQ(put(122'881), "OutputVariablesSizeExceededException");
  EXPECT_EQ(put(122'880), "accepted");
}

TEST_F(Pipelines, VariablesNeedV2AndADeclaration) {
  create("old");
  auto v2 = declaration("new", "QUEUED");
  v2["variables"] = Json::array({{{"name", "COMMIT"}}, {{"name", "COLOUR"}, {"defaultValue", "red"}}});
  call("CreatePipeline", {{"pipeline", v2}});
  const auto given = [](const std::string& pipeline, const std::string& name) {
    return Json{{"name", pipeline}, {"variables", Json::array({{{"name", name}, {"value", "x"}}})}};
  };
  EXPECT_EQ(refusal("StartPipelineExecution", given("old", "COMMIT")), "ValidationException");
  EXPECT_EQ(refusal("StartPipelineExecution", given("new", "SHAPE")), "ValidationException");
  EXPECT_EQ(refusal("StartPipelineExecution", {{"name", "new"}}), "ValidationException");
  const auto id = call("StartPipelineExecution", given("new", "COMMIT")).at("pipelineExecutionId");
  const auto execution = call("GetPipelineExecution", {{"pipelineName", "new"}, {"pipelineExecutionId", id}});
  EXPECT_EQ(execution.at("pipelineExecution").at("variables").size(), 2u);
}

TEST_F(Pipelines, KeepsTheRulesOfActionTypes) {
  call("CreateCustomActionType", type_input());
  EXPECT_EQ(refusal("CreateCustomActionType", type_input()), "ValidationException");
  const auto with = [](const std::string& provider, const Json& property) {
    auto input = type_input(provider);
    input["configurationProperties"].push_back(property);
    return input;
  };
  const Json good = {{"name", "Group"}, {"required", true}, {"key", true}, {"secret", false}, {"queryable", true}};
  auto optional = good, secret = good;
  optional["required"] = false;
  secret["secret"] = true;
  EXPECT_EQ(refusal("CreateCustomActionType", with("A", optional)), "ValidationException");
  EXPECT_EQ(refusal("CreateCustomActionType", with("B", secret)), "ValidationException");
  EXPECT_EQ(refusal("CreateCustomActionType", with("C", good)), "accepted");
  auto url = type_input("D");
  url["settings"] = {{"entityUrlTemplate", "https://x/{Config:Token}"}};
  EXPECT_EQ(refusal("CreateCustomActionType", url), "ValidationException");
  call("DeleteCustomActionType", {{"category", "Source"}, {"provider", "Git"}, {"version", "1"}});
  EXPECT_EQ(refusal("CreateCustomActionType", type_input()), "ValidationException");
}

TEST_F(Pipelines, ShowSecretsToWorkersOnly) {
  create("p");
  const auto execution = start("p");
  EXPECT_EQ(call("GetPipeline", {{"name", "p"}}).dump().find("hush"), std::string::npos);
  EXPECT_EQ(call("ListActionExecutions", {{"pipelineName", "p"}}).dump().find("hush"), std::string::npos);
  EXPECT_EQ(service_->dump("").dump().find("hush"), std::string::npos);
  EXPECT_NE(poll()[0].dump().find("hush"), std::string::npos);
}

TEST_F(Pipelines, NameEveryViolation) {
  try {
    call("PutJobFailureResult", {{"jobId", "X"}, {"failureDetails", {{"type", "Bad"}, {"message", ""}}}});
    FAIL();
  } catch (const ServiceError& error) {
    EXPECT_EQ(error.code, "ValidationException");
    const std::string message = error.what();
    EXPECT_NE(message.find("3 validation errors"), std::string::npos) << message;
    EXPECT_NE(message.find("'failureDetails.type'"), std::string::npos) << message;
  }
  EXPECT_EQ(refusal("AcknowledgeJob", {{"jobId", 7}, {"nonce", "1"}}), "SerializationException");
  EXPECT_EQ(refusal("NoSuchThing", Json::object()), "UnknownOperationException");
}

TEST_F(Pipelines, KeepWebhooksAndListThemInPagesWithoutTheirSecrets) {
  call("CreateCustomActionType", type_input());
  call("CreatePipeline", {{"pipeline", declaration("p")}});
  const auto webhook = [](const std::string& name) -> Json {
    return {{"name", name},
            {"targetPipeline", "p"},
            {"targetAction", "Fetch"},
            {"filters", Json::array({{{"jsonPath", "$.ref"}, {"matchEquals", "refs/heads/{Branch}"}}})},
            {"authentication", "GITHUB_HMAC"},
            {"authenticationConfiguration", {{"SecretToken", "hush"}}}};
  };
  for (const char* name : {"a", "b", "c"}) {
    const Json made = call("PutWebhook", {{"webhook", webhook(name)}}).at("webhook");
    EXPECT_EQ(made.at("definition").at("authenticationConfiguration").at("SecretToken"), "****");
  }
  const Json first = call("ListWebhooks", {{"MaxResults", 2}});
  EXPECT_EQ(first.at("webhooks").size(), 2u);
  EXPECT_EQ(first.dump().find("hush"), std::string::npos);
  open();
  const Json second = call("ListWebhooks", {{"MaxResults", 2}, {"NextToken", first.at("NextToken")}});
  EXPECT_EQ(second.at("webhooks").size(), 1u);
  EXPECT_FALSE(second.contains("NextToken"));
  // Again is a change of the same one, whose address stays.
  const Json url = second.at("webhooks")[0].at("url");
  EXPECT_EQ(call("PutWebhook", {{"webhook", webhook("c")}}).at("webhook").at("url"), url);
  for (int i = 0; i < 2; ++i) call("DeleteWebhook", {{"name", "a"}});
  EXPECT_EQ(call("ListWebhooks", Json::object()).at("webhooks").size(), 2u);

  Json wrong = webhook("d");
  wrong["authentication"] = "IP";
  EXPECT_EQ(refusal("PutWebhook", {{"webhook", wrong}}), "InvalidWebhookAuthenticationParametersException");
  wrong = webhook("d");
  wrong["targetPipeline"] = "none";
  EXPECT_EQ(refusal("PutWebhook", {{"webhook", wrong}}), "PipelineNotFoundException");
  wrong = webhook("d");
  wrong["targetAction"] = "Ship";
  EXPECT_EQ(refusal("PutWebhook", {{"webhook", wrong}}), "ValidationException");
}

}  // namespace
}  // namespace penstock::sandbox
