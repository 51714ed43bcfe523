#include "core/aws/refreshing_credentials.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

using namespace std::chrono_literals;
using Expired = RefreshingCredentials::Expired;

class RefreshingTest : public ::testing::Test {
 protected:
  RefreshingCredentials make(Expired expired = Expired::kRefuse) {
    return RefreshingCredentials(
        [this] {
          ++loads_;
          if (failing_) throw Error(ErrorKind::kUnavailable, "broken");
          Credentials credentials = test_credentials("token-" + std::to_string(loads_));
          if (lifetime_.count() != 0) credentials.expires_at = clock_.now() + lifetime_;
          return credentials;
        },
        expired, clock_);
  }
  static std::string token(RefreshingCredentials& provider) {
    return std::string(provider.get().session_token.reveal());
  }

  testing::FakeClock clock_;
  std::atomic<int> loads_ = 0;
  std::atomic<bool> failing_ = false;
  std::chrono::milliseconds lifetime_ = 1h;
};

TEST_F(RefreshingTest, LoadsOnceWhileTheyAreFresh) {
  auto provider = make();
  EXPECT_EQ(token(provider), "token-1");
  clock_.advance(44min);
  EXPECT_EQ(token(provider), "token-1");
  clock_.advance(2min);
  EXPECT_EQ(token(provider), "token-2");
}

TEST_F(RefreshingTest, KeepsThoseThatNeverExpire) {
  lifetime_ = 0ms;
  auto provider = make();
  token(provider);
  clock_.advance(1000h);
  EXPECT_EQ(token(provider), "token-1");
}

TEST_F(RefreshingTest, ServesTheOldOnesWhileRefreshingFails) {
  auto provider = make();
  token(provider);
  clock_.advance(50min);
  failing_ = true;
  EXPECT_EQ(token(provider), "token-1");
  EXPECT_EQ(token(provider), "token-1");
  EXPECT_EQ(loads_, 2);
  clock_.advance(2min);
  EXPECT_EQ(token(provider), "token-1");
  EXPECT_EQ(loads_, 3);
  clock_.advance(10min);
  EXPECT_EQ(error_of([&] { provider.get(); }).kind(), ErrorKind::kUnavailable);
  failing_ = false;
  clock_.advance(3s);
  EXPECT_NE(token(provider), "token-1");
}

TEST_F(RefreshingTest, KeepsExpiredOnesWhenTheSourceIsKnownToLag) {
  auto provider = make(Expired::kKeepExpired);
  token(provider);
  failing_ = true;
  clock_.advance(5h);
  EXPECT_EQ(token(provider), "token-1");
  lifetime_ = -1h;
  failing_ = false;
  clock_.advance(2min);
  EXPECT_EQ(token(provider), "token-3");
  EXPECT_EQ(token(provider), "token-3");
  EXPECT_EQ(loads_, 3);
}

TEST_F(RefreshingTest, DoesNotStampedeWhenThereAreNone) {
  failing_ = true;
  auto provider = make();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(error_of([&] { provider.get(); }).kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(loads_, 1);
}

TEST_F(RefreshingTest, ReadsAnewAfterTheyWereCalledExpired) {
  lifetime_ = 0ms;
  auto provider = make();
  token(provider);
  clock_.advance(2s);
  provider.invalidate();
  EXPECT_EQ(token(provider), "token-2");
  provider.invalidate();  // by a call that had failed at the same time
  EXPECT_EQ(token(provider), "token-2");
}

TEST_F(RefreshingTest, RefusesThoseThatArriveExpired) {
  lifetime_ = -1h;
  auto provider = make();
  EXPECT_EQ(error_of([&] { provider.get(); }).kind(), ErrorKind::kUnauthenticated);
}

TEST_F(RefreshingTest, HasOneRefresherAtATime) {
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  RefreshingCredentials provider(
      [&] {
        most = std::max(most.load(), ++inside);
        std::this_thread::sleep_for(20ms);
        --inside;
        ++loads_;
        return test_credentials("t");
      },
      Expired::kRefuse, clock_);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { EXPECT_EQ(token(provider), "t"); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(most, 1);
  EXPECT_EQ(loads_, 1);
}

}  // namespace
}  // namespace penstock::aws
