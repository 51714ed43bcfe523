#include "core/intake/recent_redeliveries.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::intake {
namespace {

using namespace std::chrono_literals;

class RecentRedeliveriesTest : public ::testing::Test {
 protected:
  HookAnswer run(const std::string& delivery, const std::string& webhook, std::chrono::milliseconds at) {
    return recent_.run({delivery, webhook, settings_}, std::chrono::steady_clock::time_point(at), [this] {
      HookAnswer answer;
      answer.delivery_id = std::to_string(++made_);
      return answer;
    });
  }

  RecentRedeliveries recent_{10s};
  std::shared_ptr<const int> settings_ = std::make_shared<const int>(1);
  std::atomic<int> made_ = 0;
};

TEST_F(RecentRedeliveriesTest, TheSecondClickGetsTheAnswerOfTheFirst) {
  const HookAnswer first = run("d", "", 0ms), second = run("d", "", 9999ms);
  EXPECT_EQ(second.delivery_id, first.delivery_id);
  EXPECT_FALSE(first.is_repetition);
  EXPECT_TRUE(second.is_repetition);
  // The pause counts from the first, or a busy script would hold it up for ever.
  EXPECT_FALSE(run("d", "", 10000ms).is_repetition);
  EXPECT_EQ(made_, 2);
}

TEST_F(RecentRedeliveriesTest, AnotherDeliveryWebhookOrConfigurationIsAnother) {
  run("d", "", 0ms);
  EXPECT_FALSE(run("e", "", 0ms).is_repetition);
  EXPECT_FALSE(run("d", "w", 0ms).is_repetition);
  settings_ = std::make_shared<const int>(1);
  EXPECT_FALSE(run("d", "", 0ms).is_repetition);
  EXPECT_EQ(made_, 4);
}

TEST_F(RecentRedeliveriesTest, AFailureIsToldToAllAndForgotten) {
  const auto failing = [&] {
    return recent_.run({"d", "", settings_}, {},
                       []() -> HookAnswer { throw Error(ErrorKind::kUnavailable, "the disk is full"); });
  };
  EXPECT_THROW(failing(), Error);
  EXPECT_FALSE(run("d", "", 1ms).is_repetition);
}

TEST_F(RecentRedeliveriesTest, ManyAtOnceAreOne) {
  std::atomic<int> repetitions = 0;
  std::vector<std::jthread> clicks;
  for (int i = 0; i < 8; ++i) {
    clicks.emplace_back([&] { repetitions += run("d", "", 1ms).is_repetition ? 1 : 0; });
  }
  clicks.clear();
  EXPECT_EQ(made_, 1);
  EXPECT_EQ(repetitions, 7);
}

}  // namespace
}  // namespace penstock::intake
