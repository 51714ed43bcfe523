#include "core/jobs/worker.h"

#include <filesystem>

#include "core/jobs/job_result.h"
#include "tests/core/jobs/jobs_fixture.h"

namespace penstock::jobs {
namespace {

TEST_F(JobsTest, ManualStartBuildsTheHeadAndReportsEverything) {
  repository_.commit("a.txt", "old");
  const std::string head = repository_.commit("b/c.txt", "head", "Länge berichtigt\n\nSie war falsch.");
  create_pipeline("manual");
  const auto pool = start_pool({worker(git_source())});
  const std::string execution = start_execution("manual");
  pool->wake();
  ASSERT_TRUE(ends_as("manual", execution, "Succeeded"));

  const json::Json action = source_action("manual", execution);
  const json::Json& variables = action.at("output").at("outputVariables");
  EXPECT_EQ(variables.at("CommitId"), head);
  EXPECT_EQ(variables.at("BranchName"), "main");
  EXPECT_EQ(variables.at("CommitMessage"), "Länge berichtigt\n\nSie war falsch.\n");
  EXPECT_EQ(variables.at("AuthorDate"), "2026-03-01T10:00:00.000Z");
  EXPECT_EQ(variables.at("AuthorEmail"), "ada@example.com");

  ASSERT_TRUE(job_reaches(execution, store::JobState::kSucceeded));
  const store::Job job = *job_of(execution);
  EXPECT_EQ(job.commit_id, head);
  EXPECT_EQ(job.ref, "refs/heads/main");
  EXPECT_EQ(job.handler, "git-source");
  EXPECT_EQ(job.action_type, "Source/Custom/Azure/1");
  EXPECT_EQ(job.stage, "Source");
  EXPECT_EQ(job.artifact_entries, 2u);
  EXPECT_EQ(job.artifact_sha256.size(), 64u);
  EXPECT_EQ(job.artifact_bucket, "artifacts");
  for (const char* phase : {"fetch", "zip", "upload"}) EXPECT_TRUE(job.phases.contains(phase)) << phase;
  EXPECT_TRUE(job.result_json.empty());
  EXPECT_TRUE(job.finished_at);
  EXPECT_NE(log_of(job).find("building the head of refs/heads/main"), std::string::npos);
  EXPECT_NE(log_of(job).find(head), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path() / "artifacts"));
}

TEST_F(JobsTest, PushedCommitIsBuiltAlthoughTheBranchMovedOn) {
  const std::string pushed = repository_.commit("a.txt", "pushed");
  repository_.commit("a.txt", "moved on");
  create_pipeline("pushed");
  const std::string execution = start_execution("pushed");
  record_push("pushed", pushed, execution);
  const auto pool = start_pool({worker(git_source())});
  ASSERT_TRUE(ends_as("pushed", execution, "Succeeded"));
  EXPECT_EQ(built_commit("pushed", execution), pushed);
  ASSERT_TRUE(job_reaches(execution, store::JobState::kSucceeded));
  EXPECT_TRUE(job_of(execution)->delivery_id);
}

TEST_F(JobsTest, JobThatIsPolledBeforeItsStartIsRecordedWaitsForTheRecord) {
  const std::string pushed = repository_.commit("a.txt", "pushed");
  repository_.commit("a.txt", "moved on");
  create_pipeline("race");
  const std::string trigger = record_push("race", pushed, "");
  const auto pool = start_pool({worker(git_source())});
  const std::string execution = start_execution("race");
  ASSERT_TRUE(job_reaches(execution, store::JobState::kAcknowledged));
  store_->mark_trigger_started(trigger, execution, clock_.now(), std::nullopt);
  ASSERT_TRUE(ends_as("race", execution, "Succeeded"));
  EXPECT_EQ(built_commit("race", execution), pushed);
}

TEST_F(JobsTest, RevisionHeadIgnoresThePush) {
  const std::string pushed = repository_.commit("a.txt", "pushed");
  const std::string head = repository_.commit("a.txt", "moved on");
  create_pipeline("head");
  const std::string execution = start_execution("head");
  record_push("head", pushed, execution);
  Worker::Options options = worker(git_source());
  options.runner.revision = RevisionSource::kHead;
  const auto pool = start_pool({std::move(options)});
  ASSERT_TRUE(ends_as("head", execution, "Succeeded"));
  EXPECT_EQ(built_commit("head", execution), head);
}

TEST_F(JobsTest, MissingBranchFailsTheActionWithItsType) {
  repository_.commit("a.txt", "x");
  create_pipeline("missing", "no-such-branch");
  const auto pool = start_pool({worker(git_source())});
  const std::string execution = start_execution("missing");
  ASSERT_TRUE(ends_as("missing", execution, "Failed"));
  ASSERT_TRUE(job_reaches(execution, store::JobState::kFailed));
  const store::Job job = *job_of(execution);
  EXPECT_EQ(job.failure_type, "RevisionUnavailable");
  EXPECT_NE(job.failure_message.find("no-such-branch"), std::string::npos) << job.failure_message;
  EXPECT_NE(log_of(job).find("failed (RevisionUnavailable)"), std::string::npos);
}

TEST_F(JobsTest, SomebodyElsesJobIsDropped) {
  const std::string head = repository_.commit("a.txt", "x");
  create_pipeline("shared");
  const std::string execution = start_execution("shared");
  std::vector<aws::PipelineJob> jobs;
  ASSERT_TRUE(eventually([&] {
    jobs = codepipeline_->poll_for_jobs({{"Source", "Custom", "Azure", "1"}, 1, {}});
    return !jobs.empty();
  }));
  const auto other_store = open_store("other.db");
  JobRunner ours(worker(git_source()).runner, parts());
  JobRunner theirs(worker(git_source()).runner,
                   {.store = *other_store, .codepipeline = codepipeline_, .clock = clock_, .log = log_});
  EXPECT_EQ(ours.run(jobs[0], {}), JobRunner::Ending::kFinished);
  EXPECT_EQ(theirs.run(jobs[0], {}), JobRunner::Ending::kFinished);
  EXPECT_EQ(job_of(execution)->state, store::JobState::kSucceeded);
  const auto lost = other_store->find_job(jobs[0].id);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->state, store::JobState::kLost);
  EXPECT_EQ(lost->failure_message, "claimed by another worker");
  EXPECT_TRUE(ends_as("shared", execution, "Succeeded"));
}

TEST_F(JobsTest, TimeOutIsReportedAsAFailureThatNamesIt) {
  create_pipeline("slow");
  Worker::Options options = worker(std::make_shared<FunctionHandler>([](Context& context) -> Result {
    context.log("waiting");
    while (!context.stop().stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    throw Error(ErrorKind::kCancelled, "cancelled");
  }));
  options.runner.timeout = std::chrono::milliseconds(300);
  const auto pool = start_pool({std::move(options)});
  const std::string execution = start_execution("slow");
  ASSERT_TRUE(job_reaches(execution, store::JobState::kFailed));
  EXPECT_EQ(job_of(execution)->failure_type, "JobFailed");
  EXPECT_NE(job_of(execution)->failure_message.find("took longer than"), std::string::npos);
  EXPECT_EQ(status("slow", execution), "Failed");
}

TEST_F(JobsTest, HandlerThatHangsIsReportedWithoutIt) {
  create_pipeline("hung");
  std::atomic<bool> release = false;
  Worker::Options options = worker(std::make_shared<FunctionHandler>([&](Context&) -> Result {
    for (int i = 0; i < 2000 && !release; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return Success{};
  }));
  options.runner.timeout = std::chrono::milliseconds(100);
  options.runner.hang_grace = std::chrono::milliseconds(100);
  const auto pool = start_pool({std::move(options)});
  const std::string execution = start_execution("hung");
  ASSERT_TRUE(job_reaches(execution, store::JobState::kFailed));
  EXPECT_EQ(status("hung", execution), "Failed");
  release = true;
}

TEST_F(JobsTest, StoppedExecutionCancelsItsJob) {
  create_pipeline("stopped");
  std::atomic<bool> cancelled = false;
  Worker::Options options = worker(std::make_shared<FunctionHandler>([&](Context& context) -> Result {
    while (!context.stop().stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    cancelled = true;
    throw Error(ErrorKind::kCancelled, "cancelled");
  }));
  options.runner.execution_look = std::chrono::milliseconds(50);
  const auto pool = start_pool({std::move(options)});
  const std::string execution = start_execution("stopped");
  ASSERT_TRUE(job_reaches(execution, store::JobState::kRunning));
  codepipeline_->stop_pipeline_execution("stopped", execution, "by a person");
  ASSERT_TRUE(job_reaches(execution, store::JobState::kLost));
  EXPECT_TRUE(cancelled);
  EXPECT_NE(job_of(execution)->failure_message.find("execution is Stop"), std::string::npos);
}

TEST_F(JobsTest, HintThatAnExecutionIsOverIsLookedIntoAtOnce) {
  create_pipeline("told");
  std::atomic<int> cancelled = 0;
  Worker::Options options = worker(std::make_shared<FunctionHandler>([&](Context& context) -> Result {
    while (!context.stop().stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ++cancelled;
    throw Error(ErrorKind::kCancelled, "cancelled");
  }));
  options.runner.execution_look = std::chrono::hours(1);
  const auto pool = start_pool({std::move(options)});
  const std::string execution = start_execution("told"), other = start_execution("told");
  ASSERT_TRUE(job_reaches(execution, store::JobState::kRunning));
  ASSERT_TRUE(job_reaches(other, store::JobState::kRunning));
  codepipeline_->stop_pipeline_execution("told", execution, "by a person");
  EXPECT_EQ(pool->look_at("somebody else's"), 0);
  ASSERT_TRUE(eventually([&] { return pool->look_at(execution) == 1 || cancelled == 1; }));
  ASSERT_TRUE(job_reaches(execution, store::JobState::kLost));
  EXPECT_EQ(cancelled, 1);
  // What was said of the other one is not true.
  ASSERT_TRUE(eventually([&] { return pool->look_at(other) == 1; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(job_of(other)->state, store::JobState::kRunning);
}

TEST_F(JobsTest, HintsDoNotDecideHowOftenCodePipelineIsAsked) {
  create_pipeline("told");
  std::atomic<bool> release = false;
  Worker::Options options = worker(std::make_shared<FunctionHandler>([&](Context& context) -> Result {
    while (!release && !context.stop().stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return Success{};
  }));
  options.poll = {
      .idle = std::chrono::hours(1), .busy = std::chrono::hours(1), .woken = std::chrono::milliseconds(200)};
  options.runner.execution_look = std::chrono::hours(1);
  const std::string execution = start_execution("told");
  const auto pool = start_pool({std::move(options)});
  ASSERT_TRUE(job_reaches(execution, store::JobState::kRunning));
  const auto calls = [&](const char* operation) {
    http::Request request;
    request.method = "GET";
    request.url = sandbox_->url() + "/_sandbox/state";
    const json::Json state = json::parse_json(transport_->send(request).body, "the state");
    return state.at("calls").value(operation, 0);
  };
  const int polls = calls("PollForJobs"), looks = calls("GetPipelineExecution");
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 500; ++i) {
    pool->look_at(execution);
    EXPECT_EQ(pool->wake([](const aws::ActionTypeId& type) { return type.provider == "Azure"; }), 1);
    EXPECT_EQ(pool->wake([](const aws::ActionTypeId& type) { return type.provider == "Other"; }), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  const auto tenths = (std::chrono::steady_clock::now() - begin) / std::chrono::milliseconds(100);
  EXPECT_GE(calls("PollForJobs") - polls, 1);
  EXPECT_LE(calls("PollForJobs") - polls, tenths / 2 + 3);
  EXPECT_GE(calls("GetPipelineExecution") - looks, 1);
  EXPECT_LE(calls("GetPipelineExecution") - looks, tenths / 10 + 2);
  release = true;
}

TEST_F(JobsTest, ExecutionThatStopsAndWaitsGetsItsResult) {
  create_pipeline("patient");
  std::atomic<bool> release = false;
  Worker::Options options = worker(std::make_shared<FunctionHandler>([&](Context& context) -> Result {
    while (!release && !context.stop().stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (context.stop().stop_requested()) throw Error(ErrorKind::kCancelled, "cancelled");
    return Success{};
  }));
  options.runner.execution_look = std::chrono::milliseconds(50);
  const auto pool = start_pool({std::move(options)});
  const std::string execution = start_execution("patient");
  ASSERT_TRUE(job_reaches(execution, store::JobState::kRunning));
  call("StopPipelineExecution", {{"pipelineName", "patient"}, {"pipelineExecutionId", execution}});
  EXPECT_EQ(status("patient", execution), "Stopping");
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  release = true;
  ASSERT_TRUE(job_reaches(execution, store::JobState::kSucceeded));
  EXPECT_TRUE(ends_as("patient", execution, "Stopped"));
}

TEST_F(JobsTest, LogIsReadableWhileTheJobRuns) {
  create_pipeline("log");
  std::atomic<bool> release = false;
  const auto pool = start_pool({worker(std::make_shared<FunctionHandler>([&](Context& context) -> Result {
    context.log("first\nsecond\twith a tab\r\n\nthird \xff");
    while (!release && !context.stop().stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return Fail{aws::FailureType::kConfigurationError, "as told", ""};
  }))});
  const std::string execution = start_execution("log");
  ASSERT_TRUE(job_reaches(execution, store::JobState::kRunning));
  EXPECT_TRUE(
      eventually([&] { return log_of(*job_of(execution)) == "first\nsecond with a tab\nthird \xEF\xBF\xBD\n"; }));
  release = true;
  ASSERT_TRUE(job_reaches(execution, store::JobState::kFailed));
  EXPECT_EQ(job_of(execution)->failure_type, "ConfigurationError");
}

// A crash is simulated by ending the stage without draining it; what is journalled is then set to each point at which
// the process can have died.
TEST_F(JobsTest, JobIsResumedFromEveryPointAtWhichTheProcessCanHaveDied) {
  const std::string pushed = repository_.commit("a.txt", "pushed");
  repository_.commit("a.txt", "moved on");
  struct Case {
    std::string name;
    store::JobState state;
    bool acknowledged = true;
    std::optional<Result> result = std::nullopt;
    std::string ends_as = "Succeeded";
  };
  Success other;
  other.current_revision = aws::CurrentRevision{"journalled", "x", "", {}};
  other.output_variables = {{"CommitId", "journalled"}};
  const std::vector<Case> cases = {
      {"before-acknowledge", store::JobState::kClaimed, false},
      {"after-acknowledge-before-its-record", store::JobState::kClaimed},
      {"acknowledged", store::JobState::kAcknowledged},
      {"running", store::JobState::kRunning},
      {"reporting", store::JobState::kReporting, true, other, ""},
      {"reporting-a-failure", store::JobState::kReporting, true, Fail{aws::FailureType::kJobFailed, "told", ""},
       "Failed"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    create_pipeline(c.name);
    const std::string execution = start_execution(c.name);
    record_push(c.name, pushed, execution);
    std::vector<aws::PipelineJob> jobs;
    ASSERT_TRUE(eventually([&] {
      jobs = codepipeline_->poll_for_jobs({{"Source", "Custom", "Azure", "1"}, 1, {}});
      return !jobs.empty();
    }));
    store::Job row;
    row.job_id = jobs[0].id;
    row.nonce = jobs[0].nonce;
    row.action_type = "Source/Custom/Azure/1";
    row.pipeline = c.name;
    row.pipeline_execution_id = execution;
    row.claimed_at = clock_.now();
    row.state = c.state;
    if (c.result) row.result_json = result_to_json(*c.result);
    store_->journal_job(row);
    if (c.acknowledged) {
      ASSERT_EQ(codepipeline_->acknowledge_job(row.job_id, row.nonce), "InProgress");
    }

    const auto pool = start_pool({worker(git_source())});
    const auto wanted = c.ends_as == "Failed" ? store::JobState::kFailed : store::JobState::kSucceeded;
    ASSERT_TRUE(job_reaches(execution, wanted)) << store::to_string(job_of(execution)->state);
    if (!c.ends_as.empty()) {
      EXPECT_TRUE(ends_as(c.name, execution, c.ends_as));
    }
    if (c.result && c.ends_as.empty()) {
      EXPECT_EQ(built_commit(c.name, execution), "journalled");
    } else if (!c.result) {
      EXPECT_EQ(built_commit(c.name, execution), pushed);
    }
  }
}

TEST_F(JobsTest, ResultThatWasAcceptedBeforeTheCrashCountsAsReported) {
  const std::string commit = repository_.commit("a.txt", "x");
  create_pipeline("twice");
  const std::string execution = start_execution("twice");
  {
    const auto pool = start_pool({worker(git_source())});
    ASSERT_TRUE(job_reaches(execution, store::JobState::kSucceeded));
  }
  store::Job row = *job_of(execution);
  row.state = store::JobState::kReporting;
  row.finished_at.reset();
  row.result_json = result_to_json(Success{});
  store_->update_job(row);
  const auto pool = start_pool({worker(git_source())});
  EXPECT_TRUE(job_reaches(execution, store::JobState::kSucceeded));
}

TEST_F(JobsTest, EndingWithoutDrainingLeavesTheJobForTheNextStart) {
  const std::string head = repository_.commit("a.txt", "x");
  create_pipeline("interrupted");
  const std::string execution = start_execution("interrupted");
  {
    const auto pool = start_pool({worker(std::make_shared<FunctionHandler>([](Context& context) -> Result {
      while (!context.stop().stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      throw Error(ErrorKind::kCancelled, "cancelled");
    }))});
    ASSERT_TRUE(job_reaches(execution, store::JobState::kRunning));
  }
  EXPECT_EQ(job_of(execution)->state, store::JobState::kRunning);
  EXPECT_EQ(status("interrupted", execution), "InProgress");
  const auto pool = start_pool({worker(git_source())});
  EXPECT_TRUE(ends_as("interrupted", execution, "Succeeded"));
}

TEST_F(JobsTest, DrainingWaitsForRunningJobsAndPollsNoMore) {
  create_pipeline("drained");
  const std::string execution = start_execution("drained");
  std::atomic<bool> release = false;
  const auto pool = start_pool({worker(std::make_shared<FunctionHandler>([&](Context& context) -> Result {
    while (!release && !context.stop().stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return Fail{aws::FailureType::kJobFailed, "done", ""};
  }))});
  ASSERT_TRUE(job_reaches(execution, store::JobState::kRunning));
  std::jthread releaser([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    release = true;
  });
  EXPECT_TRUE(pool->drain(std::chrono::steady_clock::now() + std::chrono::seconds(20)));
  EXPECT_EQ(job_of(execution)->state, store::JobState::kFailed);
  const std::string later = start_execution("drained");
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_FALSE(job_of(later));
}

TEST_F(JobsTest, DrainingGivesUpAtItsDeadlineAndKeepsTheJob) {
  create_pipeline("undrained");
  const std::string execution = start_execution("undrained");
  const auto pool = start_pool({worker(std::make_shared<FunctionHandler>([&](Context& context) -> Result {
    while (!context.stop().stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    throw Error(ErrorKind::kCancelled, "cancelled");
  }))});
  ASSERT_TRUE(job_reaches(execution, store::JobState::kRunning));
  EXPECT_FALSE(pool->drain(std::chrono::steady_clock::now() + std::chrono::milliseconds(50)));
  EXPECT_TRUE(job_reaches(execution, store::JobState::kRunning));
}

TEST_F(JobsTest, JournalledJobWithoutAWorkerIsReported) {
  create_pipeline("orphan");
  const std::string execution = start_execution("orphan");
  {
    const auto pool = start_pool({worker(std::make_shared<FunctionHandler>([](Context& context) -> Result {
      while (!context.stop().stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      throw Error(ErrorKind::kCancelled, "cancelled");
    }))});
    ASSERT_TRUE(job_reaches(execution, store::JobState::kRunning));
  }
  const auto pool = start_pool({});
  ASSERT_TRUE(job_reaches(execution, store::JobState::kFailed));
  EXPECT_EQ(job_of(execution)->failure_type, "ConfigurationError");
  EXPECT_EQ(status("orphan", execution), "Failed");
}

TEST_F(JobsTest, ReplacedWorkersFinishTheirJobsBesideTheNewOnes) {
  const std::string head = repository_.commit("a.txt", "x");
  create_pipeline("replaced");
  std::atomic<bool> release = false;
  const auto pool = start_pool({worker(std::make_shared<FunctionHandler>([&](Context& context) -> Result {
    while (!release && !context.stop().stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return Fail{aws::FailureType::kJobFailed, "by the old worker", ""};
  }))});
  const std::string before = start_execution("replaced");
  ASSERT_TRUE(job_reaches(before, store::JobState::kRunning));
  pool->replace({worker(git_source())});
  const std::string after = start_execution("replaced");
  EXPECT_TRUE(ends_as("replaced", after, "Succeeded"));
  release = true;
  EXPECT_TRUE(job_reaches(before, store::JobState::kFailed));
}

TEST_F(JobsTest, JobsThatWaitForASlotDoNotWaitForTheNextInterval) {
  create_pipeline("shop");
  std::vector<std::string> executions;
  for (int i = 0; i < 6; ++i) executions.push_back(start_execution("shop"));
  auto options = worker(std::make_shared<FunctionHandler>([](Context&) -> Result { return Success{}; }));
  options.concurrency = 2;
  options.poll = {.idle = std::chrono::hours(1), .busy = std::chrono::hours(1)};
  const auto pool = start_pool({options});
  for (const std::string& execution : executions) EXPECT_TRUE(job_reaches(execution, store::JobState::kSucceeded));
}

TEST_F(JobsTest, JobThatIsOfferedAgainAndAgainIsNoReasonToHurry) {
  create_pipeline("shop");
  admin("settings", {{"reofferSeconds", 0}});
  admin("faults", {{"throttle", 1.0}, {"operations", {"AcknowledgeJob"}}});
  const std::string execution = start_execution("shop");
  auto options = worker(std::make_shared<FunctionHandler>([](Context&) -> Result { return Success{}; }));
  options.poll = {.idle = std::chrono::milliseconds(400), .busy = std::chrono::milliseconds(400)};
  const auto pool = start_pool({options});
  std::this_thread::sleep_for(std::chrono::seconds(1));
  http::Request request;
  request.method = "GET";
  request.url = sandbox_->url() + "/_sandbox/state";
  const json::Json state = json::parse_json(transport_->send(request).body, "the state");
  EXPECT_LE(state.at("calls").at("PollForJobs").get<int>(), 6);
  admin("reset-faults", json::Json::object());
  EXPECT_TRUE(eventually([&] { return status("shop", execution) == "Succeeded"; }));
}

TEST_F(JobsTest, LostAnswersToAcknowledgeAndReportAreRecognisedAsOurOwn) {
  const std::string head = repository_.commit("a.txt", "x");
  create_pipeline("echo");
  for (const char* operation : {"AcknowledgeJob", "PutJobSuccessResult"}) {
    SCOPED_TRACE(operation);
    admin("faults", {{"dropAfter", 1.0}, {"operations", {operation}}, {"times", 2}});
    const auto pool = start_pool({worker(git_source())});
    const std::string execution = start_execution("echo");
    EXPECT_TRUE(ends_as("echo", execution, "Succeeded"));
    EXPECT_TRUE(job_reaches(execution, store::JobState::kSucceeded));
  }
}

TEST_F(JobsTest, AllJobsEndWellWhenAwsMisbehaves) {
  const std::string head = repository_.commit("a.txt", "x");
  create_pipeline("faulty");
  // A poll whose answer is lost takes its jobs along until they are offered again.
  admin("settings", {{"reofferSeconds", 0.5}});
  admin("faults",
        {{"throttle", 0.2},
         {"serverError", 0.1},
         {"drop", 0.05},
         {"dropAfter", 0.05},
         {"seed", 7},
         {"operations", {"PollForJobs", "AcknowledgeJob", "GetJobDetails", "PutJobSuccessResult", "PutObject"}}});
  const auto pool = start_pool({worker(git_source())});
  std::vector<std::string> executions;
  for (int i = 0; i < 4; ++i) executions.push_back(start_execution("faulty"));
  for (const std::string& execution : executions) {
    EXPECT_TRUE(ends_as("faulty", execution, "Succeeded"))
        << status("faulty", execution) << " " << source_action("faulty", execution).dump() << " "
        << (job_of(execution) ? log_of(*job_of(execution)) + std::string(store::to_string(job_of(execution)->state)) +
                                    job_of(execution)->failure_message
                              : "no job");
  }
}

TEST_F(JobsTest, ExpiredArtifactCredentialsAreReadAnew) {
  const std::string head = repository_.commit("a.txt", "x");
  create_pipeline("expired");
  admin("settings", {{"credentialLifetimeSeconds", 0.5}});
  const auto inner = git_source();
  const auto pool = start_pool({worker(std::make_shared<FunctionHandler>([&](Context& context) -> Result {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));  // as a long fetch would
    admin("settings", {{"credentialLifetimeSeconds", 60}});
    return inner->run(context);
  }))});
  const std::string execution = start_execution("expired");
  ASSERT_TRUE(ends_as("expired", execution, "Succeeded"));
}

}  // namespace
}  // namespace penstock::jobs
