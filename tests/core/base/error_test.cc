#include "core/base/error.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(Error, ContextKeepsKindCodeAndDoubt) {
  const Error inner = Error(ErrorKind::kRateLimited, "HTTP 400 ThrottlingException")
                          .with_code("ThrottlingException")
                          .with_may_have_happened(true);
  const Error outer = inner.with_context("starting pipeline \"shop\"");
  EXPECT_STREQ(outer.what(), "starting pipeline \"shop\": HTTP 400 ThrottlingException");
  EXPECT_EQ(outer.kind(), ErrorKind::kRateLimited);
  EXPECT_EQ(outer.code(), "ThrottlingException");
  EXPECT_TRUE(outer.may_have_happened());
}

TEST(Error, OnlyPassingFaultsAreTransient) {
  EXPECT_TRUE(is_transient(ErrorKind::kUnavailable));
  EXPECT_TRUE(is_transient(ErrorKind::kRateLimited));
  EXPECT_TRUE(is_transient(ErrorKind::kTimeout));
  EXPECT_FALSE(is_transient(ErrorKind::kPermission));
  EXPECT_FALSE(is_transient(ErrorKind::kExhausted));
}

}  // namespace
}  // namespace penstock
