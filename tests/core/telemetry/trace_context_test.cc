#include "core/telemetry/trace_context.h"

#include <gtest/gtest.h>

namespace penstock::telemetry {
namespace {

TEST(ParseTraceparent, ReadsTheTraceAndTheSpan) {
  const auto context = parse_traceparent("00-7c1f0e6a5b8d4c23915e7f08a6d2b4c1-3d9a70e15c28b64f-01");
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id, "7c1f0e6a5b8d4c23915e7f08a6d2b4c1");
  EXPECT_EQ(context->parent_id, "3d9a70e15c28b64f");
}

TEST(ParseTraceparent, ReadsLaterVersionsAsFarAsItKnowsThem) {
  EXPECT_TRUE(parse_traceparent("01-7c1f0e6a5b8d4c23915e7f08a6d2b4c1-3d9a70e15c28b64f-01"));
  EXPECT_TRUE(parse_traceparent("cc-7c1f0e6a5b8d4c23915e7f08a6d2b4c1-3d9a70e15c28b64f-01-what comes"));
  EXPECT_FALSE(parse_traceparent("cc-7c1f0e6a5b8d4c23915e7f08a6d2b4c1-3d9a70e15c28b64f-01.what comes"));
}

struct Refused {
  const char* name;
  const char* value;
};
class RefusedTraceparent : public testing::TestWithParam<Refused> {};

TEST_P(RefusedTraceparent, IsAsIfItWereNotThere) {
  EXPECT_FALSE(parse_traceparent(GetParam().value));
}

INSTANTIATE_TEST_SUITE_P(
    ParseTraceparent, RefusedTraceparent,
    testing::Values(Refused{"Empty", ""}, Refused{"Short", "00-7c1f0e6a5b8d4c23915e7f08a6d2b4c1-3d9a70e15c28b64f-0"},
                    Refused{"LongerThanItsVersion", "00-7c1f0e6a5b8d4c23915e7f08a6d2b4c1-3d9a70e15c28b64f-01-"},
                    Refused{"VersionFf", "ff-7c1f0e6a5b8d4c23915e7f08a6d2b4c1-3d9a70e15c28b64f-01"},
                    Refused{"UpperCase", "00-7C1F0E6A5B8D4C23915E7F08A6D2B4C1-3d9a70e15c28b64f-01"},
                    Refused{"NoTrace", "00-00000000000000000000000000000000-3d9a70e15c28b64f-01"},
                    Refused{"NoSpan", "00-7c1f0e6a5b8d4c23915e7f08a6d2b4c1-0000000000000000-01"},
                    Refused{"NoHex", "00-7c1f0e6a5b8d4c23915e7f08a6d2b4cg-3d9a70e15c28b64f-01"},
                    Refused{"OtherSeparator", "00_7c1f0e6a5b8d4c23915e7f08a6d2b4c1_3d9a70e15c28b64f_01"}),
    [](const auto& refused) { return refused.param.name; });

}  // namespace
}  // namespace penstock::telemetry
