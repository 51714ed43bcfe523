#include "server/credential_expiry.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace penstock::server {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;

TEST(DescribeExpiry, CountsWholeDays) {
  const Timestamp now = *parse_rfc3339("2026-11-21T09:30:00Z");
  const struct {
    Timestamp ends;
    bool soon;
    const char* text;
  } rows[] = {
      {now + days(15), false, "expires in 15 days (2026-12-06T09:30:00.000Z)"},
      {now + days(14), true,
       "expires in 14 days (2026-12-05T09:30:00.000Z); make a new one, and let workers name both until this one has "
       "ended"},
      {now + days(1) + hours(23), true,
       "expires in 1 day (2026-11-23T08:30:00.000Z); make a new one, and let workers name both until this one has "
       "ended"},
      {now + milliseconds(1), true,
       "expires within a day (2026-11-21T09:30:00.001Z); make a new one, and let workers name both until this one has "
       "ended"},
      {now, true, "has expired (2026-11-21T09:30:00.000Z); make a new one"},
      {now - days(3), true, "has expired (2026-11-18T09:30:00.000Z); make a new one"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(describe_expiry(row.ends, now), row.text);
    EXPECT_EQ(ends_soon(row.ends, now), row.soon) << row.text;
  }
  EXPECT_EQ(days_left(now - hours(1), now), -1);
}

TEST(CredentialExpiryWatch, ShowsWhatIsKnownNow) {
  testing::FakeClock clock;
  telemetry::Metrics metrics;
  const telemetry::Log log = telemetry::Log::silent();
  CredentialExpiryWatch watch(metrics, log, clock);
  watch.tell(CredentialExpiryWatch::Occasion::kStart, {{"old", from_milliseconds(1'795'253'400'000)}});
  EXPECT_NE(metrics.expose().find("penstock_credential_expiry_seconds{name=\"old\"} 1795253400"), std::string::npos)
      << metrics.expose();
  watch.tell(CredentialExpiryWatch::Occasion::kDaily, {{"new", clock.now() + days(100)}});
  EXPECT_EQ(metrics.expose().find("\"old\""), std::string::npos);
  EXPECT_NE(metrics.expose().find("{name=\"new\"}"), std::string::npos);
}

}  // namespace
}  // namespace penstock::server
