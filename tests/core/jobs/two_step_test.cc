// Jobs in two steps, against the sandbox: the first job is answered while its work runs, continued ones join it.

#include <atomic>

#include "tests/core/jobs/jobs_fixture.h"

namespace penstock::jobs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class TwoStepTest : public JobsTest {
 protected:
  void SetUp() override {
    JobsTest::SetUp();
    admin("settings", {{"continuationDelaySeconds", 0.05}, {"reofferSeconds", 0.2}});
  }

  Worker::Options two_step(std::function<Result(Context&)> function) {
    Worker::Options options = worker(std::make_shared<FunctionHandler>(std::move(function)));
    options.runner.details_first =
        JobRunner::DetailsFirst{.continue_after = seconds(60), .unclaimed_after = seconds(60)};
    return options;
  }

  std::unique_ptr<WorkerPool> start(Worker::Options options) {
    std::vector<Worker::Options> workers;
    workers.push_back(std::move(options));
    auto pool = std::make_unique<WorkerPool>(shared_parts(), std::move(workers));
    pool->start();
    return pool;
  }
  // As after a restart: the same key, the same node.
  Parts shared_parts() {
    Parts made = parts();
    made.tokens = tokens_;
    return made;
  }

  std::vector<store::Job> jobs_of(const std::string& execution) {  // oldest first
    store::JobQuery query;
    query.pipeline_execution_id = execution;
    std::vector<store::Job> jobs = store_->list_jobs(query).jobs;
    return {jobs.rbegin(), jobs.rend()};
  }
  store::Job first_of(const std::string& execution) { return jobs_of(execution).at(0); }
  bool work_reaches(const std::string& execution, std::string_view state) {
    return eventually([&] {
      const auto jobs = jobs_of(execution);
      return !jobs.empty() && jobs[0].work_state == state;
    });
  }

  static Result wait_for_stop(Context& context) {
    while (!context.stop().stop_requested()) std::this_thread::sleep_for(milliseconds(2));
    throw Error(ErrorKind::kCancelled, "cancelled");
  }

  const std::shared_ptr<ContinuationTokens> tokens_ = std::make_shared<ContinuationTokens>();
};

TEST_F(TwoStepTest, FirstJobIsAnsweredWhileTheWorkRunsAndTheNextOneReportsIt) {
  create_pipeline("two");
  std::atomic<bool> release = false;
  std::atomic<int> runs = 0;
  const auto pool = start(two_step([&](Context& context) -> Result {
    ++runs;
    context.log("working");
    context.set_progress({40, "compiling"});
    while (!release && !context.stop().stop_requested()) std::this_thread::sleep_for(milliseconds(2));
    Success success;
    success.output_variables["Made"] = "it";
    return success;
  }));
  const std::string execution = start_execution("two");
  ASSERT_TRUE(eventually([&] {
    const auto jobs = jobs_of(execution);
    return jobs.size() == 2 && jobs[1].state == store::JobState::kRunning;
  }));
  // The link is there, the action goes on.
  const store::Job first = first_of(execution);
  const json::Json action = source_action("two", execution);
  EXPECT_EQ(action.at("status"), "InProgress");
  EXPECT_EQ(action.at("output").at("executionResult").at("externalExecutionId"), first.id);
  EXPECT_EQ(first.state, store::JobState::kSucceeded);
  EXPECT_EQ(first.work_state, store::kWorkRunning);
  EXPECT_TRUE(eventually([&] { return log_of(first) == "working\n"; }));
  EXPECT_TRUE(eventually(
      [&] { return first_of(execution).progress_json == R"({"percentComplete":40,"summary":"compiling"})"; }));

  release = true;
  ASSERT_TRUE(ends_as("two", execution, "Succeeded"));
  ASSERT_TRUE(eventually([&] { return jobs_of(execution)[1].state == store::JobState::kSucceeded; }));
  const auto jobs = jobs_of(execution);
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(source_action("two", execution).at("output").at("outputVariables").at("Made"), "it");
  EXPECT_EQ(jobs[0].work_state, store::kWorkSucceeded);
  EXPECT_FALSE(jobs[0].continuation_of);
  EXPECT_EQ(jobs[1].continuation_of, jobs[0].id);
  EXPECT_TRUE(eventually([&] { return first_of(execution).work_result_json.empty(); }));
  EXPECT_NE(log_of(jobs[1]).find("its log is that of job " + first.id), std::string::npos);
}

TEST_F(TwoStepTest, LongWorkIsContinuedAgainAndAgainWithItsProgress) {
  create_pipeline("long");
  std::atomic<bool> release = false;
  std::atomic<int> runs = 0;
  Worker::Options options = two_step([&](Context& context) -> Result {
    ++runs;
    context.set_progress({25, "a quarter"});
    while (!release && !context.stop().stop_requested()) std::this_thread::sleep_for(milliseconds(2));
    return Fail{aws::FailureType::kConfigurationError, "as told", ""};
  });
  options.runner.details_first->continue_after = milliseconds(30);
  const auto pool = start(std::move(options));
  const std::string execution = start_execution("long");
  ASSERT_TRUE(eventually([&] { return jobs_of(execution).size() >= 4; }));
  EXPECT_EQ(source_action("long", execution).at("output").at("executionResult").at("externalExecutionSummary"),
            "a quarter");
  release = true;
  ASSERT_TRUE(ends_as("long", execution, "Failed"));
  EXPECT_EQ(runs, 1);
  ASSERT_TRUE(eventually([&] { return jobs_of(execution).back().state == store::JobState::kFailed; }));
  const auto jobs = jobs_of(execution);
  for (std::size_t i = 0; i + 1 < jobs.size(); ++i) EXPECT_EQ(jobs[i].state, store::JobState::kSucceeded);
  EXPECT_EQ(jobs.back().failure_message, "as told");
  EXPECT_EQ(jobs[0].work_state, store::kWorkFailed);
  EXPECT_EQ(jobs[0].failure_message, "as told");
}

TEST_F(TwoStepTest, TimeOutIsThatOfTheWork) {
  create_pipeline("slow");
  Worker::Options options = two_step(wait_for_stop);
  options.runner.details_first->continue_after = milliseconds(100);
  options.runner.timeout = milliseconds(700);
  const auto pool = start(std::move(options));
  const std::string execution = start_execution("slow");
  ASSERT_TRUE(ends_as("slow", execution, "Failed"));
  ASSERT_TRUE(work_reaches(execution, store::kWorkFailed));
  EXPECT_NE(first_of(execution).failure_message.find("took longer than"), std::string::npos);
  EXPECT_GE(jobs_of(execution).size(), 3u);
}

TEST_F(TwoStepTest, StoppedExecutionEndsWorkThatNoJobHasJoined) {
  admin("settings", {{"continuationDelaySeconds", 3600}});
  create_pipeline("stopped");
  Worker::Options options = two_step(wait_for_stop);
  options.runner.execution_look = milliseconds(50);
  const auto pool = start(std::move(options));
  const std::string execution = start_execution("stopped");
  ASSERT_TRUE(job_reaches(execution, store::JobState::kSucceeded));
  codepipeline_->stop_pipeline_execution("stopped", execution, "by a person");
  ASSERT_TRUE(work_reaches(execution, store::kWorkEnded));
  EXPECT_NE(log_of(first_of(execution)).find("execution is Stop"), std::string::npos);
  EXPECT_TRUE(pool->drain(std::chrono::steady_clock::now() + seconds(20)));
}

TEST_F(TwoStepTest, StoppedExecutionEndsWorkThatAJobHasJoined) {
  create_pipeline("stopped");
  Worker::Options options = two_step(wait_for_stop);
  options.runner.execution_look = milliseconds(50);
  const auto pool = start(std::move(options));
  const std::string execution = start_execution("stopped");
  ASSERT_TRUE(eventually([&] {
    const auto jobs = jobs_of(execution);
    return jobs.size() == 2 && jobs[1].state == store::JobState::kRunning;
  }));
  codepipeline_->stop_pipeline_execution("stopped", execution, "by a person");
  ASSERT_TRUE(eventually([&] { return jobs_of(execution)[1].state == store::JobState::kLost; }));
  EXPECT_EQ(first_of(execution).work_state, store::kWorkEnded);
}

TEST_F(TwoStepTest, WorkWithoutAContinuedJobIsEndedAndALateJobIsTold) {
  admin("settings", {{"continuationDelaySeconds", 4}});
  create_pipeline("unclaimed");
  std::atomic<int> runs = 0;
  Worker::Options options = two_step([&](Context& context) -> Result {
    ++runs;
    return wait_for_stop(context);
  });
  options.runner.details_first->unclaimed_after = milliseconds(100);
  const auto pool = start(std::move(options));
  const std::string execution = start_execution("unclaimed");
  ASSERT_TRUE(work_reaches(execution, store::kWorkFailed));
  EXPECT_EQ(first_of(execution).failure_type, "SystemUnavailable");
  EXPECT_NE(first_of(execution).failure_message.find("did not come"), std::string::npos);
  ASSERT_TRUE(ends_as("unclaimed", execution, "Failed"));
  EXPECT_EQ(runs, 1);
}

TEST_F(TwoStepTest, WorkOfAProcessThatIsGoneIsBegunAgain) {
  admin("settings", {{"continuationDelaySeconds", 1}});
  create_pipeline("crash");
  std::string execution;
  {
    const auto pool = start(two_step(wait_for_stop));
    execution = start_execution("crash");
    ASSERT_TRUE(job_reaches(execution, store::JobState::kSucceeded));
  }
  EXPECT_EQ(first_of(execution).work_state, store::kWorkInterrupted);
  std::atomic<bool> resumed = false;
  const auto pool = start(two_step([&](Context& context) -> Result {
    resumed = context.attempt() == Attempt::kResumed && context.job().continuation_token.empty();
    context.log("again");
    return Success{};
  }));
  ASSERT_TRUE(ends_as("crash", execution, "Succeeded"));
  EXPECT_TRUE(resumed);
  ASSERT_TRUE(work_reaches(execution, store::kWorkSucceeded));
  EXPECT_NE(log_of(first_of(execution)).find("again"), std::string::npos);
}

TEST_F(TwoStepTest, JobThatHadJoinedWhenTheProcessEndedGoesOnAfterwards) {
  create_pipeline("crash");
  std::string execution;
  {
    const auto pool = start(two_step(wait_for_stop));
    execution = start_execution("crash");
    ASSERT_TRUE(eventually([&] {
      const auto jobs = jobs_of(execution);
      return jobs.size() == 2 && jobs[1].state == store::JobState::kRunning;
    }));
  }
  EXPECT_EQ(jobs_of(execution)[1].state, store::JobState::kRunning);
  const auto pool = start(two_step([](Context&) -> Result { return Success{}; }));
  ASSERT_TRUE(ends_as("crash", execution, "Succeeded"));
  EXPECT_EQ(jobs_of(execution).size(), 2u);
}

TEST_F(TwoStepTest, ResultOfAProcessThatIsGoneIsReportedWithoutWorkingAgain) {
  admin("settings", {{"continuationDelaySeconds", 2}});
  create_pipeline("finished");
  std::string execution;
  {
    const auto pool = start(two_step([](Context&) -> Result {
      Success success;
      success.output_variables["Made"] = "before";
      return success;
    }));
    execution = start_execution("finished");
    ASSERT_TRUE(work_reaches(execution, store::kWorkSucceeded));
    ASSERT_TRUE(job_reaches(execution, store::JobState::kSucceeded));
  }
  std::atomic<int> runs = 0;
  const auto pool = start(two_step([&](Context&) -> Result {
    ++runs;
    return Success{};
  }));
  ASSERT_TRUE(ends_as("finished", execution, "Succeeded"));
  EXPECT_EQ(source_action("finished", execution).at("output").at("outputVariables").at("Made"), "before");
  EXPECT_EQ(runs, 0);
}

TEST_F(TwoStepTest, DrainingWaitsForTheContinuedJob) {
  admin("settings", {{"continuationDelaySeconds", 0.5}});
  create_pipeline("drain");
  const auto pool = start(two_step([](Context&) -> Result { return Success{}; }));
  const std::string execution = start_execution("drain");
  ASSERT_TRUE(job_reaches(execution, store::JobState::kSucceeded));
  EXPECT_TRUE(pool->drain(std::chrono::steady_clock::now() + seconds(20)));
  EXPECT_TRUE(ends_as("drain", execution, "Succeeded"));
}

TEST_F(TwoStepTest, WorkKeepsItsSlot) {
  create_pipeline("slots");
  std::atomic<int> now = 0, most = 0;
  Worker::Options options = two_step([&](Context&) -> Result {
    most = std::max(most.load(), ++now);
    std::this_thread::sleep_for(milliseconds(60));
    --now;
    return Success{};
  });
  options.concurrency = 2;
  const auto pool = start(std::move(options));
  std::vector<std::string> executions;
  for (int i = 0; i < 6; ++i) executions.push_back(start_execution("slots"));
  for (const std::string& execution : executions) EXPECT_TRUE(ends_as("slots", execution, "Succeeded"));
  EXPECT_LE(most, 2);
}

TEST_F(TwoStepTest, AHandlersOwnContinuationBeginsAnotherRoundOfWork) {
  create_pipeline("rounds");
  std::vector<std::string> states;
  auto pool = start(two_step([&](Context& context) -> Result {
    states.push_back(context.job().continuation_token);
    if (states.size() < 3) return Continue{"step " + std::to_string(states.size()), "", "", std::nullopt};
    return Success{};
  }));
  const std::string execution = start_execution("rounds");
  ASSERT_TRUE(ends_as("rounds", execution, "Succeeded"));
  pool.reset();
  EXPECT_EQ(states, (std::vector<std::string>{"", "step 1", "step 2"}));
}

TEST_F(TwoStepTest, ContinuedJobBringsFreshCredentials) {
  create_pipeline("fresh");
  std::string before, after;
  Worker::Options options = two_step([&](Context& context) -> Result {
    before = context.job().artifact_credentials->access_key_id;
    // The first job has been answered, and its credentials are too old.
    while (store_->find_job(context.id())->state != store::JobState::kSucceeded)
      std::this_thread::sleep_for(milliseconds(5));
    context.credentials().invalidate();
    after = context.credentials().get().access_key_id;
    return Success{};
  });
  auto pool = start(std::move(options));
  const std::string execution = start_execution("fresh");
  ASSERT_TRUE(ends_as("fresh", execution, "Succeeded"));
  pool.reset();
  EXPECT_FALSE(after.empty());
  EXPECT_NE(before, after);
}

TEST_F(TwoStepTest, ContinuedJobIsLeftToTheServerThatHasTheWork) {
  admin("settings", {{"continuationDelaySeconds", 0}});
  const std::vector<Secret> keys = {Secret("a key of at least thirty-two bytes")};
  create_pipeline("several");
  const std::string execution = start_execution("several");
  const auto poll = [&] {
    std::vector<aws::PipelineJob> jobs;
    EXPECT_TRUE(eventually([&] {
      jobs = codepipeline_->poll_for_jobs({{"Source", "Custom", "Azure", "1"}, 1, {}});
      return !jobs.empty();
    }));
    return jobs.at(0);
  };
  const auto other_store = open_store("other.db");
  Parts ours = parts(), theirs = parts(), restarted = parts();
  ours.tokens = std::make_shared<ContinuationTokens>(keys, "node-one");
  theirs.tokens = std::make_shared<ContinuationTokens>(keys, "node-two");
  restarted.tokens = ours.tokens;
  JobRunner one(two_step(wait_for_stop).runner, ours), two(two_step(wait_for_stop).runner, theirs);
  JobRunner again(two_step(wait_for_stop).runner, restarted);
  const aws::PipelineJob first = poll();
  EXPECT_EQ(two.judge(first), JobRunner::Claim::kBegin);
  ASSERT_EQ(one.run(first, {}), JobRunner::Ending::kFinished);
  const aws::PipelineJob next = poll();
  EXPECT_EQ(one.judge(next), JobRunner::Claim::kJoin);
  EXPECT_EQ(two.judge(next), JobRunner::Claim::kLeave);
  EXPECT_EQ(again.judge(next), JobRunner::Claim::kBegin);
  aws::PipelineJob forged = next;
  forged.continuation_token = "forged";
  EXPECT_EQ(one.judge(forged), JobRunner::Claim::kBegin);  // and refused then
}

}  // namespace
}  // namespace penstock::jobs
