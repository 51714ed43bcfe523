#include "core/events/seen_events.h"

#include <gtest/gtest.h>

namespace penstock::events {
namespace {

using TimePoint = SeenEvents::TimePoint;

TEST(SeenEvents, KnowsAnIdAgain) {
  SeenEvents seen;
  EXPECT_TRUE(seen.add("a", TimePoint{}));
  EXPECT_FALSE(seen.add("a", TimePoint{}));
  EXPECT_TRUE(seen.add("b", TimePoint{}));
  EXPECT_FALSE(seen.add("a", TimePoint{}));
}

TEST(SeenEvents, WhatIsNoIdIsAlwaysNew) {
  SeenEvents seen;
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(seen.add("", TimePoint{}));
    EXPECT_TRUE(seen.add(std::string(1000, 'x'), TimePoint{}));
  }
}

TEST(SeenEvents, ForgetsTheOldestWhenItIsFull) {
  SeenEvents seen({.max_ids = 3});
  for (const char* id : {"a", "b", "c", "d"}) EXPECT_TRUE(seen.add(id, TimePoint{}));
  EXPECT_FALSE(seen.add("b", TimePoint{}));
  EXPECT_FALSE(seen.add("d", TimePoint{}));
  EXPECT_TRUE(seen.add("a", TimePoint{}));
}

TEST(SeenEvents, ForgetsAfterItsTime) {
  SeenEvents seen({.max_ids = 3, .kept = std::chrono::hours(25)});
  EXPECT_TRUE(seen.add("a", TimePoint{}));
  EXPECT_FALSE(seen.add("a", TimePoint{} + std::chrono::hours(25)));
  EXPECT_TRUE(seen.add("a", TimePoint{} + std::chrono::hours(26)));
}

}  // namespace
}  // namespace penstock::events
