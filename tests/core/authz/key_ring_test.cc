#include "core/authz/key_ring.h"

#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/core/authz/signer.h"
#include "tests/support/fake_clock.h"

namespace penstock::authz {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A provider that answers when the test lets it, with what the test gives it.
class Provider {
 public:
  KeyRing::Load load() {
    return [this](const std::stop_token& stop) {
      std::unique_lock lock(mutex_);
      ++asked_;
      changed_.notify_all();
      changed_.wait(lock, stop, [this] { return open_; });
      if (stop.stop_requested()) throw Error(ErrorKind::kCancelled, "stopped");
      if (!set_) throw Error(ErrorKind::kUnavailable, "the provider is down");
      return JwkSet::parse(*set_);
    };
  }
  // Keys with these ids from now on; none = it is down.
  void serve(const std::vector<std::string>& ids) {
    std::lock_guard lock(mutex_);
    set_.reset();
    if (ids.empty()) return;
    std::string keys;
    for (const std::string& id : ids) keys += (keys.empty() ? "" : ",") + testing::signer_of(KeyType::kEd25519).jwk(id);
    set_ = testing::set_of(keys);
  }
  void answer(bool open) {
    std::lock_guard lock(mutex_);
    open_ = open;
    changed_.notify_all();
  }
  int asked() const {
    std::lock_guard lock(mutex_);
    return asked_;
  }
  void wait_until_asked(int times) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return asked_ >= times; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<std::string> set_;
  bool open_ = true;
  int asked_ = 0;
};

class KeyRingTest : public ::testing::Test {
 protected:
  void make(milliseconds patience = seconds(60)) {
    KeyRing::Options options;
    options.name = "https://id.example";
    options.patience = patience;
    options.max_waiting = 2;
    ring_.emplace(options, provider_.load(), clock_, log_);
  }
  // Asks as a token with this key id does.
  bool knows(const std::string& id) {
    const auto keys = ring_->keys();
    if (keys && keys->knows(id)) return true;
    const auto newer = ring_->newer_than(keys);
    come_again_ = newer.come_again;
    return newer.keys && newer.keys->knows(id);
  }

  penstock::testing::FakeClock clock_;
  const telemetry::Log log_ = telemetry::Log::silent();
  Provider provider_;
  std::optional<KeyRing> ring_;
  bool come_again_ = false;
};

TEST_F(KeyRingTest, FetchesAnUnknownKeyAtOnceAndThenOnlyAfterAPause) {
  provider_.serve({"one"});
  make();
  EXPECT_TRUE(knows("one"));
  EXPECT_EQ(provider_.asked(), 1);
  provider_.serve({"one", "two"});
  EXPECT_FALSE(knows("two"));  // asked for less than ten seconds ago
  EXPECT_FALSE(come_again_);
  clock_.advance(seconds(10));
  EXPECT_TRUE(knows("two"));
  EXPECT_EQ(provider_.asked(), 2);
  for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(knows("made-up-" + std::to_string(i)));
  EXPECT_EQ(provider_.asked(), 2);
}

TEST_F(KeyRingTest, AsksOnceForManyWhoWait) {
  provider_.serve({"one"});
  provider_.answer(false);
  make();
  provider_.wait_until_asked(1);
  std::vector<std::future<bool>> waiting;
  for (int i = 0; i < 2; ++i) {
    waiting.push_back(std::async(std::launch::async, [this] {
      const auto newer = ring_->newer_than(nullptr);
      return newer.keys != nullptr && newer.keys->knows("one");
    }));
  }
  provider_.answer(true);
  for (auto& each : waiting) EXPECT_TRUE(each.get());
  EXPECT_EQ(provider_.asked(), 1);
}

TEST_F(KeyRingTest, KeepsKnownKeysWhileTheProviderIsDownUntilTheyExpire) {
  provider_.serve({"one"});
  make();
  ASSERT_TRUE(knows("one"));
  provider_.serve({});
  clock_.advance(std::chrono::hours(2));  // a refresh is due, and fails
  EXPECT_TRUE(ring_->keys()->knows("one"));
  provider_.wait_until_asked(2);
  EXPECT_TRUE(ring_->keys()->knows("one"));
  clock_.advance(std::chrono::hours(21));
  EXPECT_TRUE(ring_->keys()->knows("one"));
  clock_.advance(std::chrono::hours(1));
  EXPECT_FALSE(knows("one"));
  EXPECT_TRUE(come_again_);
  provider_.serve({"one"});
  clock_.advance(std::chrono::minutes(10));
  EXPECT_TRUE(knows("one"));
}

TEST_F(KeyRingTest, HoldersOfKnownKeysNeverWait) {
  provider_.serve({"one"});
  make();
  ASSERT_TRUE(knows("one"));
  provider_.answer(false);
  clock_.advance(std::chrono::hours(2));
  EXPECT_TRUE(ring_->keys()->knows("one"));
  provider_.wait_until_asked(2);  // the refresh hangs
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(ring_->keys()->knows("one"));
}  // and ends with the ring

TEST_F(KeyRingTest, DropsKeysThatTheProviderHasWithdrawn) {
  provider_.serve({"one", "two"});
  make();
  ASSERT_TRUE(knows("two"));
  provider_.serve({"one"});
  clock_.advance(std::chrono::hours(1));
  const auto before = ring_->keys();
  EXPECT_FALSE(ring_->newer_than(before).keys->knows("two"));
}

TEST_F(KeyRingTest, GivesUpWaitingAfterItsPatience) {
  provider_.answer(false);
  make(milliseconds(20));
  EXPECT_FALSE(knows("one"));
  EXPECT_TRUE(come_again_);
}

TEST_F(KeyRingTest, LetsNoMoreThanAFewWait) {
  provider_.answer(false);
  make();
  std::atomic<int> ended = 0;
  std::vector<std::jthread> waiting;
  for (int i = 0; i < 5; ++i) {
    waiting.emplace_back([&] {
      EXPECT_TRUE(ring_->newer_than(nullptr).come_again);
      ++ended;
    });
  }
  while (ended < 3) std::this_thread::yield();  // all but the two that may wait
  provider_.answer(true);                       // and these have the answer: there are no keys
}

TEST_F(KeyRingTest, AsksLessOftenWhileRequestsFail) {
  make();
  provider_.wait_until_asked(1);
  int failures = 1;
  for (int seconds_passed = 0; seconds_passed < 600; ++seconds_passed) {
    clock_.advance(seconds(1));
    const int before = provider_.asked();
    knows("one");  // waits for the answer when it asked
    failures += provider_.asked() - before;
    EXPECT_TRUE(come_again_);
  }
  EXPECT_EQ(failures, provider_.asked());
  EXPECT_LE(failures, 7);
  EXPECT_GE(failures, 4);
}

}  // namespace
}  // namespace penstock::authz
