#include "core/azure/authorization.h"

#include <gtest/gtest.h>

namespace penstock::azure {
namespace {

TEST(Authorization, SendsThePatAsPasswordWithoutAUserName) {
  EXPECT_EQ(authorization_for_pat(Secret("pat\n")).reveal(), "Basic OnBhdA==");
}

TEST(Authorization, SendsABearerToken) {
  EXPECT_EQ(authorization_for_bearer(Secret("jwt")).reveal(), "Bearer jwt");
}

}  // namespace
}  // namespace penstock::azure
