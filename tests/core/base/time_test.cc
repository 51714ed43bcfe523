#include "core/base/time.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(Rfc3339, RoundTripsMilliseconds) {
  const Timestamp time = from_milliseconds(1'795'253'400'123);
  EXPECT_EQ(format_rfc3339(time), "2026-11-21T09:30:00.123Z");
  EXPECT_EQ(parse_rfc3339("2026-11-21T09:30:00.123Z"), time);
}

TEST(Rfc3339, AcceptsWhatAzureSends) {
  EXPECT_EQ(parse_rfc3339("2023-08-09T00:45:49.3448928Z"), from_milliseconds(1'691'541'949'344));
  EXPECT_EQ(parse_rfc3339("2026-11-21T10:30:00+01:00"), from_milliseconds(1'795'253'400'000));
  EXPECT_EQ(parse_rfc3339("2026-11-21t09:30:00z"), from_milliseconds(1'795'253'400'000));
}

TEST(Rfc3339, RefusesOtherText) {
  for (const char* bad :
       {"", "0001-01-01T00:00:00", "2026-02-30T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T09:30Z",
        "2026-11-21T09:30:00.Z", "2026-11-21T09:30:00Zx", "2026-11-21T09:30:00+0100", "x"}) {
    EXPECT_FALSE(parse_rfc3339(bad)) << bad;
  }
}

TEST(HttpDate, ReadsImfFixdateOnly) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), from_milliseconds(784'111'777'000));
  EXPECT_FALSE(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"));
  EXPECT_FALSE(parse_http_date("Sun, 06 Foo 1994 08:49:37 GMT"));
}

TEST(Iso8601Basic, IsWhatSigV4Signs) {
  EXPECT_EQ(format_iso8601_basic(from_milliseconds(1'795'253'400'999)), "20261121T093000Z");
}

}  // namespace
}  // namespace penstock
