#include "core/store/jobs.h"

#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

class Jobs : public StoreTest {
 protected:
  Job make_job(const std::string& pipeline = "shop", const std::string& execution = "e1") {
    Job job;
    job.id = make_uuid_v7(clock_);
    job.job_id = make_uuid_v4();
    job.nonce = "3";
    job.action_type = "Source/Custom/AzureDevOpsRepo/1";
    job.handler = "git-source";
    job.pipeline = pipeline;
    job.pipeline_execution_id = execution;
    job.stage = "Source";
    job.action = "Fetch";
    job.claimed_at = clock_.now();
    return job;
  }
};

TEST_F(Jobs, AreReadBackByEitherId) {
  Job job = make_job();
  EXPECT_EQ(store().journal_job(job), job.id);
  job.state = JobState::kSucceeded;
  job.nonce = "4";
  job.delivery_id = make_uuid_v7(clock_);
  job.commit_id = std::string(40, 'a');
  job.ref = "refs/heads/main";
  job.finished_at = clock_.now() + 3s;
  job.phases = {{"fetch", 1.25}, {"zip", 0.5}};
  job.artifact_bucket = "bucket";
  job.artifact_key = "a/b c.zip";
  job.artifact_sha256 = "ff";
  job.artifact_bytes = 5'000'000'000;
  job.artifact_entries = 40'000;
  job.failure_type = "JobFailed";
  job.failure_message = "none";
  job.result_json = R"({"x":1})";
  store().update_job(job);
  reopen();
  for (const auto& id : {job.id, job.job_id}) {
    std::optional<Job> found = store().find_job(id);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->id, job.id);
    EXPECT_EQ(found->job_id, job.job_id);
    EXPECT_EQ(found->nonce, "4");
    EXPECT_EQ(found->action_type, job.action_type);
    EXPECT_EQ(found->handler, job.handler);
    EXPECT_EQ(found->stage, "Source");
    EXPECT_EQ(found->action, "Fetch");
    EXPECT_EQ(found->delivery_id, job.delivery_id);
    EXPECT_EQ(found->commit_id, job.commit_id);
    EXPECT_EQ(found->ref, job.ref);
    EXPECT_EQ(found->state, JobState::kSucceeded);
    EXPECT_EQ(found->claimed_at, job.claimed_at);
    EXPECT_EQ(found->finished_at, job.finished_at);
    EXPECT_EQ(found->phases, job.phases);
    EXPECT_EQ(found->artifact_bucket, job.artifact_bucket);
    EXPECT_EQ(found->artifact_key, job.artifact_key);
    EXPECT_EQ(found->artifact_bytes, job.artifact_bytes);
    EXPECT_EQ(found->artifact_entries, job.artifact_entries);
    EXPECT_EQ(found->failure_type, job.failure_type);
    EXPECT_EQ(found->result_json, job.result_json);
  }
  EXPECT_FALSE(store().find_job("nothing"));
}

TEST_F(Jobs, AJobThatIsOfferedAgainKeepsItsRowAndTakesTheNonce) {
  Job job = make_job();
  store().journal_job(job);
  job.state = JobState::kRunning;
  store().update_job(job);
  Job again = job;
  again.id = make_uuid_v7(clock_);
  again.nonce = "9";
  again.state = JobState::kClaimed;
  EXPECT_EQ(store().journal_job(again), job.id);
  EXPECT_EQ(store().find_job(job.id)->nonce, "9");
  EXPECT_EQ(store().find_job(job.id)->state, JobState::kRunning);
  EXPECT_EQ(store().list_jobs({}).jobs.size(), 1u);
}

TEST_F(Jobs, GetAnIdWhenTheyBringNone) {
  Job job = make_job();
  job.id.clear();
  std::string id = store().journal_job(job);
  EXPECT_TRUE(is_uuid(id));
  EXPECT_EQ(store().find_job(job.job_id)->id, id);
}

TEST_F(Jobs, UnknownOnesAreNotFound) {
  Job job = make_job();
  EXPECT_EQ(error_of([&] { store().update_job(job); }).kind(), ErrorKind::kNotFound);
  EXPECT_EQ(error_of([&] { store().append_job_log(job.id, {LogLine{}}); }).kind(), ErrorKind::kNotFound);
  EXPECT_TRUE(store().job_log(job.id, 0, 10).empty());
}

TEST_F(Jobs, UnfinishedOnesAreThoseToResume) {
  std::vector<std::string> unfinished;
  for (JobState state : {JobState::kClaimed, JobState::kAcknowledged, JobState::kRunning, JobState::kReporting,
                         JobState::kSucceeded, JobState::kFailed, JobState::kLost}) {
    Job job = make_job();
    job.state = state;
    store().journal_job(job);
    if (state < JobState::kSucceeded) unfinished.push_back(job.id);
  }
  std::vector<std::string> found;
  for (const auto& job : store().unfinished_jobs()) found.push_back(job.id);
  EXPECT_EQ(found, unfinished);
}

TEST_F(Jobs, ListsByPipelineExecutionAndState) {
  for (int i = 0; i < 24; ++i) {
    Job job = make_job(i % 2 ? "shop" : "web", "e" + std::to_string(i % 3));
    job.state = i % 4 < 2 ? JobState::kSucceeded : JobState::kFailed;
    store().journal_job(job);
  }
  auto count = [&](std::optional<std::string> pipeline, std::optional<std::string> execution,
                   std::optional<JobState> state) {
    JobQuery query;
    query.limit = 2;
    query.pipeline = std::move(pipeline);
    query.pipeline_execution_id = std::move(execution);
    query.state = state;
    int jobs = 0;
    std::string before = "~";
    do {
      JobPage page = store().list_jobs(query);
      for (const auto& job : page.jobs) {
        ++jobs;
        EXPECT_LT(job.id, before);
        before = job.id;
        EXPECT_EQ(job.pipeline, query.pipeline.value_or(job.pipeline));
        EXPECT_EQ(job.pipeline_execution_id, query.pipeline_execution_id.value_or(job.pipeline_execution_id));
        EXPECT_EQ(job.state, query.state.value_or(job.state));
      }
      query.cursor = page.next_cursor;
    } while (!query.cursor.empty());
    return jobs;
  };
  EXPECT_EQ(count({}, {}, {}), 24);
  EXPECT_EQ(count("shop", {}, {}), 12);
  EXPECT_EQ(count({}, "e1", {}), 8);
  EXPECT_EQ(count({}, {}, JobState::kFailed), 12);
  EXPECT_EQ(count("shop", "e1", {}), 4);
  EXPECT_EQ(count("shop", {}, JobState::kFailed), 6);
  EXPECT_EQ(count({}, "e1", JobState::kFailed), 4);
  EXPECT_EQ(count("shop", "e1", JobState::kFailed), 2);
  EXPECT_EQ(count("nothing", {}, {}), 0);
}

TEST_F(Jobs, LogLinesAreNumberedAndReadInPieces) {
  Job job = make_job();
  store().journal_job(job);
  store().append_job_log(job.id, {{.sequence = 77, .time = clock_.now(), .text = "one"}, {.text = "two"}});
  store().append_job_log(job.job_id, {{.text = "three\xff"}, {.text = std::string(100'000, 'x')}});
  std::vector<LogLine> lines = store().job_log(job.id, 0, 100);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0].sequence, 1);
  EXPECT_EQ(lines[0].time, clock_.now());
  EXPECT_EQ(lines[2].text, "three\xef\xbf\xbd");
  EXPECT_EQ(lines[3].sequence, 4);
  EXPECT_LE(lines[3].text.size(), kMaxLogLineBytes);
  ASSERT_EQ(store().job_log(job.id, 2, 1).size(), 1u);
  EXPECT_EQ(store().job_log(job.id, 2, 1)[0].sequence, 3);
}

TEST_F(Jobs, ALogThatIsTooLongSaysThatItEnds) {
  Job job = make_job();
  store().journal_job(job);
  std::vector<LogLine> lines(3000, LogLine{.text = "line"});
  for (int i = 0; i < 5; ++i) store().append_job_log(job.id, lines);
  std::vector<LogLine> kept = store().job_log(job.id, 9'990, 100);
  ASSERT_EQ(kept.size(), 11u);
  EXPECT_EQ(kept[9].text, "line");
  EXPECT_EQ(kept[10].sequence, 10'001);
  EXPECT_EQ(kept[10].text, "the log ends here: it has 10000 lines, more are not kept");
}

}  // namespace
}  // namespace penstock::store
