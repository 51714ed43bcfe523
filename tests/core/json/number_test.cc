#include "core/json/number.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace penstock::json {
namespace {

std::string printed(std::string_view text) {
  std::string out;
  Number::parse(text).append_to(out);
  return out;
}

TEST(NumberOrder, FollowsTheMathematicalValue) {
  // Strictly ascending.
  const char* const ascending[] = {"-1e400",
                                   "-1e300",
                                   "-9223372036854775809e1",
                                   "-9223372036854775808",
                                   "-9223372036854775807",
                                   "-1.5",
                                   "-1",
                                   "-5e-324",
                                   "0",
                                   "5e-324",
                                   "1",
                                   "1.0000000000000002",
                                   "9007199254740992",
                                   "9007199254740993",
                                   "9007199254740994.0",
                                   "9223372036854775807",
                                   "9223372036854775808.0",
                                   "9223372036854775809",
                                   "18446744073709551615",
                                   "18446744073709551616",
                                   "1e300",
                                   "1e400"};
  for (std::size_t i = 0; i < std::size(ascending); ++i) {
    for (std::size_t j = 0; j < std::size(ascending); ++j) {
      EXPECT_EQ(Number::parse(ascending[i]) <=> Number::parse(ascending[j]), i <=> j)
          << ascending[i] << " and " << ascending[j];
    }
  }
  for (const auto& [a, b] : {std::pair{"0", "-0"},
                             {"0", "-0.0"},
                             {"1", "1.0"},
                             {"100", "1e2"},
                             {"9223372036854775808", "9223372036854775808.0"}}) {
    EXPECT_EQ(Number::parse(a), Number::parse(b)) << a << " and " << b;
  }
}

TEST(NumberText, ReadsBackAsTheSameNumber) {
  for (const char* text : {"0", "-1", "9223372036854775807", "-9223372036854775808", "18446744073709551615", "0.1",
                           "-0.0", "1e+300", "5e-324", "1.0", "123456.75"}) {
    EXPECT_EQ(printed(text), text);
    EXPECT_EQ(printed(printed(text)), text);
  }
}

TEST(NumberText, OverflowsToTheLargestAndUnderflowsToZero) {
  constexpr double kMax = std::numeric_limits<double>::max();
  EXPECT_EQ(Number::parse("1e309").to_double(), kMax);
  EXPECT_EQ(Number::parse("-1e309").to_double(), -kMax);
  EXPECT_EQ(Number::parse(std::string(400, '9')).to_double(), kMax);
  EXPECT_EQ(Number::parse("0." + std::string(400, '0') + "1").to_double(), 0.0);
  EXPECT_EQ(Number::parse("0." + std::string(400, '0') + "1e401").to_double(), 1.0);
  EXPECT_EQ(Number::parse("1" + std::string(500, '0') + "e-100").to_double(), kMax);
  EXPECT_EQ(Number::parse("1" + std::string(500, '0') + "e-500").to_double(), 1.0);
  EXPECT_EQ(Number::parse("0e99999").to_double(), 0.0);
}

}  // namespace
}  // namespace penstock::json
