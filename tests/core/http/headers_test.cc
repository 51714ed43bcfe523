#include <gtest/gtest.h>

#include "core/http/transport.h"

namespace penstock::http {
namespace {

TEST(Headers, FindsTheFirstWithoutCase) {
  Headers headers;
  headers.add("ETag", "a");
  headers.add("etag", "b");
  EXPECT_EQ(headers.find("ETAG"), "a");
  EXPECT_EQ(headers.find("missing"), std::nullopt);
}

TEST(Headers, SetReplacesAllOfTheName) {
  Headers headers;
  headers.add("X", "1");
  headers.add("Y", "2");
  headers.add("x", "3");
  headers.set("X", "4");
  ASSERT_EQ(headers.fields().size(), 2u);
  EXPECT_EQ(headers.find("x"), "4");
  headers.remove("y");
  EXPECT_EQ(headers.fields().size(), 1u);
}

}  // namespace
}  // namespace penstock::http
