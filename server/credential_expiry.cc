#include "server/credential_expiry.h"

#include <chrono>

namespace penstock::server {
namespace {

constexpr std::int64_t kSoonDays = 14;

}  // namespace

std::int64_t days_left(Timestamp ends, Timestamp now) noexcept {
  return std::chrono::floor<std::chrono::days>(ends - now).count();
}

bool ends_soon(Timestamp ends, Timestamp now) noexcept {
  return ends - now <= std::chrono::days(kSoonDays);
}

std::string describe_expiry(Timestamp ends, Timestamp now) {
  const std::string when = " (" + format_rfc3339(ends) + ")";
  if (ends <= now) return "has expired" + when + "; make a new one";
  const std::int64_t days = days_left(ends, now);
  const std::string left = days == 0 ? "within a day" : "in " + std::to_string(days) + (days == 1 ? " day" : " days");
  return "expires " + left + when +
         (ends_soon(ends, now) ? "; make a new one, and let workers name both until this one has ended" : "");
}

void CredentialExpiryWatch::tell(Occasion occasion, const std::vector<CredentialExpiry>& expiries) {
  watches_.clear();
  const Timestamp now = clock_.now();
  for (const CredentialExpiry& expiry : expiries) {
    const double seconds = static_cast<double>(to_milliseconds(expiry.ends)) / 1000;
    watches_.push_back(
        metrics_.watch(telemetry::Metrics::Kind::kGauge, "penstock_credential_expiry_seconds",
                       "When a credential of the configuration ends, as Unix time; only those of which it is known.",
                       [seconds] { return seconds; }, {{"name", expiry.name}}));
    const std::int64_t days = days_left(expiry.ends, now);
    if (ends_soon(expiry.ends, now)) {
      log_.warning(expiry.ends <= now ? "a credential has expired" : "a credential expires soon",
                   {{"credential", expiry.name}, {"daysLeft", days}, {"expires", format_rfc3339(expiry.ends)}});
    } else if (occasion == Occasion::kStart) {
      log_.info("a credential expires",
                {{"credential", expiry.name}, {"daysLeft", days}, {"expires", format_rfc3339(expiry.ends)}});
    }
  }
}

}  // namespace penstock::server
