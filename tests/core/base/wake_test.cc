#include "core/base/wake.h"

#include <thread>

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(Wake, KeepsANotificationThatCameEarly) {
  Wake wake;
  wake.notify();
  wake.notify();
  EXPECT_TRUE(wake.wait_for({}, std::chrono::milliseconds(0)));
  EXPECT_FALSE(wake.wait_for({}, std::chrono::milliseconds(0)));
}

TEST(Wake, EndsTheWaitOfAnotherThread) {
  Wake wake;
  std::jthread notifier([&] { wake.notify(); });
  EXPECT_TRUE(wake.wait_for({}, std::chrono::seconds(30)));
}

TEST(Wake, ReturnsWhenStopped) {
  Wake wake;
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_FALSE(wake.wait_for(source.get_token(), std::chrono::seconds(30)));
}

}  // namespace
}  // namespace penstock
