#include "core/aws/pipeline_catalog.h"

#include <atomic>
#include <condition_variable>
#include <thread>

#include <gtest/gtest.h>

#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

using namespace std::chrono_literals;
using Sent = FakeTransport::Sent;

class PipelineCatalogTest : public ::testing::Test {
 protected:
  std::unique_ptr<PipelineCatalog> make(PipelineCatalog::Options options = {}) {
    ClientOptions client{.service = "codepipeline", .endpoint = {.url = "https://h", .region = "r"}, .max_attempts = 1};
    return std::make_unique<PipelineCatalog>(
        options,
        std::make_shared<CodePipelineClient>(std::make_shared<Client>(
            client, transport_, std::make_shared<StaticCredentials>(test_credentials()), clock_)),
        clock_);
  }
  http::Response handle() {
    std::unique_lock lock(mutex_);
    ++calls_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    if (failing_) return answer(400, R"({"__type":"PipelineNotFoundException"})");
    return answer(200, R"({"pipeline":{"name":"p","version":)" + std::to_string(calls_) +
                           R"(,"stages":[{"name":"S","actions":[{"name":"A","configuration":{"Branch":"main"}}]}]}})");
  }
  void hold(bool held) {
    std::lock_guard guard(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  void wait_for_calls(int calls) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, 10s, [&] { return calls_ >= calls; }));
  }

  testing::FakeClock clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int calls_ = 0;
  bool held_ = false;
  std::atomic<bool> failing_ = false;
  std::shared_ptr<FakeTransport> transport_ =
      std::make_shared<FakeTransport>([this](const Sent&, int) { return handle(); });
};

TEST_F(PipelineCatalogTest, LoadsAndKeeps) {
  auto catalog = make();
  EXPECT_EQ(catalog->load("p").version, 1);
  EXPECT_EQ(catalog->load("p").version, 1);
  EXPECT_EQ(catalog->find("p")->version, 1);
  EXPECT_EQ(catalog->find_configuration("p", "A")->at("Branch"), "main");
  EXPECT_FALSE(catalog->find_configuration("p", "B"));
  clock_.advance(61s);
  EXPECT_EQ(catalog->load("p").version, 2);
}

TEST_F(PipelineCatalogTest, FindsNothingAtOnceAndReadsInTheBackground) {
  auto catalog = make();
  hold(true);
  EXPECT_FALSE(catalog->find("p"));
  wait_for_calls(1);
  EXPECT_FALSE(catalog->find("p"));
  hold(false);
  EXPECT_EQ(catalog->load("p").version, 1);
  // An old description is better than none while the next one is read.
  clock_.advance(61s);
  EXPECT_EQ(catalog->find("p")->version, 1);
  wait_for_calls(2);
}

TEST_F(PipelineCatalogTest, SharesOneCallAmongManyCallers) {
  auto catalog = make();
  hold(true);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { EXPECT_EQ(catalog->load("p").version, 1); });
  wait_for_calls(1);
  hold(false);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(calls_, 1);
}

TEST_F(PipelineCatalogTest, BacksOffAfterFailures) {
  auto catalog = make();
  failing_ = true;
  EXPECT_EQ(error_of([&] { catalog->load("p"); }).code(), "PipelineNotFoundException");
  EXPECT_EQ(error_of([&] { catalog->load("p"); }).code(), "PipelineNotFoundException");
  EXPECT_FALSE(catalog->find("p"));
  EXPECT_EQ(calls_, 1);
  EXPECT_NE(catalog->last_error("p")->find("PipelineNotFoundException"), std::string::npos);
  failing_ = false;
  clock_.advance(5s);
  EXPECT_EQ(catalog->load("p").version, 2);
  EXPECT_FALSE(catalog->last_error("p"));
  EXPECT_FALSE(catalog->last_error("unknown"));
}

TEST_F(PipelineCatalogTest, KeepsTheOldDescriptionWhenARefreshFails) {
  auto catalog = make();
  catalog->load("p");
  clock_.advance(61s);
  failing_ = true;
  EXPECT_EQ(error_of([&] { catalog->load("p"); }).kind(), ErrorKind::kNotFound);
  EXPECT_EQ(catalog->find("p")->version, 1);
}

TEST_F(PipelineCatalogTest, ForgetsTheLeastAskedFor) {
  auto catalog = make({.refresh_after = 3600s, .max_pipelines = 2});
  for (const char* name : {"a", "b", "c"}) {
    catalog->load(name);
    clock_.advance(1s);
  }
  catalog->load("b");
  catalog->load("c");
  EXPECT_EQ(calls_, 3);
  catalog->load("a");
  EXPECT_EQ(calls_, 4);
}

TEST_F(PipelineCatalogTest, EndsWithWorkInItsQueue) {
  auto catalog = make();
  for (int i = 0; i < 100; ++i) catalog->find("p" + std::to_string(i));
  catalog.reset();
}

}  // namespace
}  // namespace penstock::aws
