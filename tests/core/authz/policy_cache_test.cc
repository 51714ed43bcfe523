#include "core/authz/policy_cache.h"

#include <string>

#include <gtest/gtest.h>

#include "core/base/digest.h"

namespace penstock::authz {
namespace {

using std::chrono::seconds;

std::string digest(int number) {
  return hash(HashAlgorithm::kSha256, std::to_string(number));
}

PolicyCache::Moment moment(std::int64_t civil, std::int64_t steady) {
  return {from_milliseconds(civil * 1000), PolicyCache::TimePoint(seconds(steady))};
}

TEST(PolicyCache, EndsWithTheTokenOrTheTimeToLiveWhicheverIsFirst) {
  const auto grant = std::make_shared<const Grant>();
  const Timestamp end = from_milliseconds(1'000'000);
  const PolicyCache::TimePoint live_until(seconds(50));
  PolicyCache cache;
  const auto found = [&](std::int64_t civil, std::int64_t steady) {
    cache.put(digest(1), grant, end, live_until);
    return cache.find(digest(1), moment(civil, steady)) != nullptr;
  };
  EXPECT_TRUE(found(999, 49));
  EXPECT_FALSE(found(1'000, 49));
  EXPECT_FALSE(found(999, 50));
  EXPECT_FALSE(found(2'000, 0));  // the civil clock jumped
  EXPECT_TRUE(found(0, 0));
}

TEST(PolicyCache, IsBoundedAndForgetsWhatWasNotUsedForLongest) {
  PolicyCache cache(80);
  const auto put = [&](int number) {
    cache.put(digest(number), std::make_shared<const Grant>(Grant{.principal = std::to_string(number)}),
              from_milliseconds(1'000'000), PolicyCache::TimePoint(seconds(50)));
  };
  const auto find = [&](int number) { return cache.find(digest(number), moment(0, 0)); };
  put(0);
  for (int i = 1; i < 1'000; ++i) {
    put(i);
    ASSERT_TRUE(find(0)) << i;  // used all the time
  }
  EXPECT_EQ(cache.size(), 80u);
  EXPECT_TRUE(find(999));
  EXPECT_FALSE(find(1));
  put(999);
  EXPECT_EQ(cache.size(), 80u);
  EXPECT_EQ(find(999)->principal, "999");
}

}  // namespace
}  // namespace penstock::authz
