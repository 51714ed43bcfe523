// The jobs stage on a real store, real git repositories and the sandbox in this process.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/aws/environment.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/ids.h"
#include "core/base/process.h"
#include "core/http/curl_transport.h"
#include "core/jobs/git_source.h"
#include "core/jobs/worker_pool.h"
#include "core/json/json.h"
#include "core/store/store.h"
#include "tests/sandbox/sandbox.h"

namespace penstock::jobs {

// A repository made with git's own program, with fixed authors and dates.
class GitRepository {
 public:
  explicit GitRepository(std::filesystem::path path) : path_(std::move(path)) {
    std::filesystem::create_directories(path_);
    git({"init", "-q", "-b", "main"});
    git({"config", "uploadpack.allowAnySHA1InWant", "true"});
  }
  std::string commit(const std::string& name, const std::string& content, const std::string& message = "Change it") {
    std::filesystem::create_directories((path_ / name).parent_path());
    write_file_atomically(path_ / name, content);
    git({"add", "-A"});
    git({"commit", "-q", "--allow-empty", "-m", message});
    return git({"rev-parse", "HEAD"});
  }
  std::string git(const std::vector<std::string>& arguments) {
    ProcessOptions options;
    options.argv = {"git"};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.working_directory = path_;
    options.environment = {{"PATH", std::getenv("PATH")},
                           {"HOME", path_.string()},
                           {"GIT_CONFIG_NOSYSTEM", "1"},
                           {"GIT_AUTHOR_NAME", "Ada"},
                           {"GIT_AUTHOR_EMAIL", "ada@example.com"},
                           {"GIT_AUTHOR_DATE", "2026-03-01T10:00:00Z"},
                           {"GIT_COMMITTER_NAME", "Ada"},
                           {"GIT_COMMITTER_EMAIL", "ada@example.com"},
                           {"GIT_COMMITTER_DATE", "2026-03-01T10:00:00Z"}};
    const ProcessResult result = run_process(options);
    if (!result.succeeded()) throw Error(ErrorKind::kInternal, "git: " + result.standard_error);
    std::string output = result.standard_output;
    while (!output.empty() && output.back() == '\n') output.pop_back();
    return output;
  }
  std::string url() const { return "file://" + path_.string(); }

 private:
  const std::filesystem::path path_;
};

// Does what the test says.
class FunctionHandler final : public Handler {
 public:
  explicit FunctionHandler(std::function<Result(Context&)> function) : function_(std::move(function)) {}
  std::string_view name() const noexcept override { return "test"; }
  Result run(Context& context) override { return function_(context); }

 private:
  const std::function<Result(Context&)> function_;
};

inline bool eventually(const std::function<bool()>& condition, int seconds = 20) {
  for (int i = 0; i < seconds * 50; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

class JobsTest : public ::testing::Test {
 protected:
  static constexpr const char* kActionType = R"({"category":"Source","provider":"Azure","version":"1",
    "configurationProperties":[{"name":"Branch","required":true,"key":true,"secret":false,"queryable":false,"type":"String"}],
    "inputArtifactDetails":{"minimumCount":0,"maximumCount":0},"outputArtifactDetails":{"minimumCount":1,"maximumCount":1}})";

  JobsTest() : repository_(directory_.path() / "repository") {
    json::Json seed = json::Json::object();
    seed["region"] = "eu-central-1";
    seed["buckets"] = {"artifacts"};
    seed["actionTypes"] = json::Json::array({json::Json::parse(kActionType)});
    sandbox_ = std::make_unique<sandbox::Sandbox>(
        sandbox::SandboxOptions{.address = "127.0.0.1", .port = 0, .data = std::nullopt, .seed = seed.dump()});
    transport_ = std::make_shared<http::CurlTransport>();
    environment_ = std::make_unique<aws::Environment>(
        aws::EnvironmentOptions{.region = "eu-central-1",
                                .endpoint_url = sandbox_->url(),
                                .profile = std::nullopt,
                                .variable = [](const std::string& name) -> std::optional<std::string> {
                                  if (name == "AWS_ACCESS_KEY_ID") return std::string(sandbox::kDefaultAccessKeyId);
                                  if (name == "AWS_SECRET_ACCESS_KEY") {
                                    return std::string(sandbox::kDefaultSecretAccessKey);
                                  }
                                  return std::nullopt;
                                },
                                .max_attempts = 0},
        transport_, clock_);
    client_ = environment_->client("codepipeline");
    codepipeline_ = std::make_shared<aws::CodePipelineClient>(client_);
    s3_ = std::make_shared<aws::S3Client>(environment_->client("s3"), aws::S3Options{});
    git::Mirrors::Options mirrors;
    mirrors.directory = directory_.path() / "mirrors";
    mirrors.allow_file_protocol = true;
    mirrors_ = std::make_unique<git::Mirrors>(mirrors);
    lfs_ = std::make_unique<git::LfsObjects>(git::LfsObjects::Options{.transport = transport_});
    store_ = open_store("history.db");
  }

  std::unique_ptr<store::Store> open_store(const std::string& name) {
    store::Store::Options options;
    options.path = directory_.path() / name;
    options.make_request_token = [](const std::string& push_key, const std::string& webhook,
                                    const std::string& pipeline, int generation) {
      return push_key + "-" + webhook + "-" + pipeline + "-" + std::to_string(generation);
    };
    return std::make_unique<store::Store>(options, clock_);
  }

  void admin(const std::string& what, const json::Json& body) {
    http::Request request;
    request.method = "POST";
    request.url = sandbox_->url() + "/_sandbox/" + what;
    request.body = body.dump();
    ASSERT_EQ(transport_->send(request).status, 200);
  }

  json::Json call(const std::string& operation, const json::Json& input) {
    return json::parse_json(client_->call_json("CodePipeline_20150709." + operation, input.dump()), operation);
  }

  void create_pipeline(const std::string& name, const std::string& branch = "main") {
    json::Json pipeline = json::Json::parse(R"({"roleArn":"arn:aws:iam::111122223333:role/pipelines",
      "artifactStore":{"type":"S3","location":"artifacts"},"version":1,"stages":[
      {"name":"Source","actions":[{"name":"Source","namespace":"Src",
        "actionTypeId":{"category":"Source","owner":"Custom","provider":"Azure","version":"1"},
        "outputArtifacts":[{"name":"SourceOutput"}]}]},
      {"name":"Deploy","actions":[{"name":"Deploy","inputArtifacts":[{"name":"SourceOutput"}],
        "actionTypeId":{"category":"Deploy","owner":"AWS","provider":"S3","version":"1"},
        "configuration":{"BucketName":"artifacts","Extract":"false","ObjectKey":"deployed.zip"}}]}]})");
    pipeline["name"] = name;
    pipeline["stages"][0]["actions"][0]["configuration"] = {{"Branch", branch}};
    pipeline["pipelineType"] = "V2";
    pipeline["executionMode"] = "PARALLEL";
    call("CreatePipeline", {{"pipeline", pipeline}});
  }

  std::string start_execution(const std::string& pipeline) {
    return codepipeline_->start_pipeline_execution(
        {.pipeline = pipeline, .client_request_token = make_uuid_v4(), .variables = {}});
  }

  // What intake and the trigger stage leave of a push; the start is recorded when an execution is given.
  std::string record_push(const std::string& pipeline, const std::string& commit, const std::string& execution) {
    store::NewDelivery delivery;
    delivery.id = make_uuid_v7(clock_);
    delivery.received_at = clock_.now();
    delivery.outcome = store::Outcome::kTriggered;
    store::NewTrigger trigger;
    trigger.push_key = "push-" + make_uuid_v4();
    trigger.webhook = "hook";
    trigger.pipeline = pipeline;
    trigger.action = "Source";
    trigger.ref = "refs/heads/main";
    trigger.commit_id = commit;
    delivery.triggers = {trigger};
    const std::string id = store_->record_delivery(delivery).trigger_ids.at(0);
    if (!execution.empty()) store_->mark_trigger_started(id, execution, clock_.now(), std::nullopt);
    return id;
  }

  std::shared_ptr<GitSource> git_source(const std::string& subdirectory = "") {
    GitSource::Options options;
    options.remote = repository_.url();
    options.branch = "{Branch}";
    options.artifact.subdirectory = subdirectory;
    options.artifact_directory = directory_.path() / "artifacts";
    return std::make_shared<GitSource>(
        options, *mirrors_, *lfs_, s3_,
        [](const std::string&, CredentialUse) { return git::Credential(git::NoCredential{}); }, clock_);
  }

  Worker::Options worker(std::shared_ptr<Handler> handler) {
    Worker::Options options;
    options.action_type = {"Source", "Custom", "Azure", "1"};
    options.poll = {.idle = std::chrono::milliseconds(100),
                    .busy = std::chrono::milliseconds(20),
                    .quick_window = std::chrono::milliseconds(1000),
                    .ceiling = std::chrono::milliseconds(200)};
    options.runner.handler = std::move(handler);
    options.runner.timeout = std::chrono::seconds(60);
    options.runner.retry = {std::chrono::milliseconds(20), std::chrono::milliseconds(100)};
    options.runner.reporter.backoff = options.runner.retry;
    return options;
  }

  Parts parts() { return {.store = *store_, .codepipeline = codepipeline_, .clock = clock_, .log = log_}; }

  std::unique_ptr<WorkerPool> start_pool(std::vector<Worker::Options> workers) {
    auto pool = std::make_unique<WorkerPool>(parts(), std::move(workers));
    pool->start();
    return pool;
  }

  std::string status(const std::string& pipeline, const std::string& execution) {
    return codepipeline_->get_pipeline_execution(pipeline, execution).status;
  }
  bool ends_as(const std::string& pipeline, const std::string& execution, const std::string& wanted) {
    return eventually([&] { return status(pipeline, execution) == wanted; });
  }
  json::Json source_action(const std::string& pipeline, const std::string& execution) {
    const json::Json answer =
        call("ListActionExecutions", {{"pipelineName", pipeline}, {"filter", {{"pipelineExecutionId", execution}}}});
    for (const json::Json& action : answer.at("actionExecutionDetails")) {
      if (action.at("actionName") == "Source") return action;
    }
    return json::Json::object();
  }
  std::string built_commit(const std::string& pipeline, const std::string& execution) {
    return source_action(pipeline, execution).at("output").at("outputVariables").at("CommitId");
  }
  std::optional<store::Job> job_of(const std::string& execution) {
    store::JobQuery query;
    query.pipeline_execution_id = execution;
    const auto jobs = store_->list_jobs(query).jobs;
    if (jobs.empty()) return std::nullopt;
    return jobs.front();
  }
  bool job_reaches(const std::string& execution, store::JobState state) {
    return eventually([&] {
      const auto job = job_of(execution);
      return job && job->state == state;
    });
  }
  std::string log_of(const store::Job& job) {
    std::string text;
    for (const store::LogLine& line : store_->job_log(job.id, -1, 10'000)) text += line.text + "\n";
    return text;
  }

  TemporaryDirectory directory_;
  SystemClock clock_;
  telemetry::Log log_ = telemetry::Log::silent();
  GitRepository repository_;
  std::unique_ptr<sandbox::Sandbox> sandbox_;
  std::shared_ptr<http::CurlTransport> transport_;
  std::unique_ptr<aws::Environment> environment_;
  std::shared_ptr<aws::Client> client_;
  std::shared_ptr<aws::CodePipelineClient> codepipeline_;
  std::shared_ptr<aws::S3Client> s3_;
  std::unique_ptr<git::Mirrors> mirrors_;
  std::unique_ptr<git::LfsObjects> lfs_;
  std::unique_ptr<store::Store> store_;
};

}  // namespace penstock::jobs
