#include "core/base/ids.h"

#include <algorithm>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace penstock {
namespace {

TEST(UuidV7, CarriesTimeVersionAndVariant) {
  const testing::FakeClock clock(from_milliseconds(4'000'000'000'000));  // later than any other test's clock
  const std::string id = make_uuid_v7(clock);
  EXPECT_EQ(time_of_uuid_v7(id), clock.now());
  EXPECT_EQ(time_of_uuid_v7(make_uuid_v4()), std::nullopt);
  EXPECT_EQ(time_of_uuid_v7("x"), std::nullopt);
  ASSERT_TRUE(is_uuid(id)) << id;
  EXPECT_EQ(id.substr(0, 13), "03a35294-4000");
  EXPECT_EQ(id[14], '7');
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
}

TEST(UuidV7, RisesWithinAMillisecondAndWhenTheClockJumpsBack) {
  testing::FakeClock clock;
  std::string last = make_uuid_v7(clock);
  for (int i = 0; i < 10000; ++i) {
    if (i == 5000) clock.jump(std::chrono::hours(-1));
    const std::string next = make_uuid_v7(clock);
    ASSERT_LT(last, next);
    last = next;
  }
}

TEST(UuidV7, IsUniqueAcrossThreads) {
  const SystemClock clock;
  std::vector<std::vector<std::string>> made(4);
  {
    std::vector<std::jthread> threads;
    for (auto& ids : made) {
      threads.emplace_back([&ids, &clock] {
        for (int i = 0; i < 2000; ++i) ids.push_back(make_uuid_v7(clock));
      });
    }
  }
  std::vector<std::string> all;
  for (const auto& ids : made) all.insert(all.end(), ids.begin(), ids.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST(UuidV4, HasVersionFour) {
  EXPECT_EQ(make_uuid_v4()[14], '4');
}

TEST(IsUuid, RefusesOtherShapes) {
  EXPECT_TRUE(is_uuid("00000000-0000-0000-0000-000000000000"));
  EXPECT_FALSE(is_uuid("00000000-0000-0000-0000-00000000000"));
  EXPECT_FALSE(is_uuid("00000000x0000-0000-0000-000000000000"));
  EXPECT_FALSE(is_uuid("g0000000-0000-0000-0000-000000000000"));
}

}  // namespace
}  // namespace penstock
