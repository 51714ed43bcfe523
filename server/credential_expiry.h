// Tells of credentials that end soon: in the log, as metrics, and to `penstock check`.
#pragma once

#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/telemetry/log.h"
#include "core/telemetry/metrics.h"

namespace penstock::server {

struct CredentialExpiry {
  std::string name;
  Timestamp ends;
};

// Whole days from now on, rounded down; negative when it is over.
std::int64_t days_left(Timestamp ends, Timestamp now) noexcept;
// Within 14 days, or over.
bool ends_soon(Timestamp ends, Timestamp now) noexcept;
// "expires in 3 days (2027-01-31T00:00:00.000Z); make a new one and put it beside this one"
std::string describe_expiry(Timestamp ends, Timestamp now);

// Not thread-safe; read from any thread through the Metrics.
class CredentialExpiryWatch {
 public:
  CredentialExpiryWatch(telemetry::Metrics& metrics, const telemetry::Log& log, const Clock& clock)
      : metrics_(metrics), log_(log), clock_(clock) {}

  enum class Occasion { kStart, kDaily };
  // What is known now takes the place of what was known. Logs a warning for each that ends soon, and at a start or
  // reload a line for each of the others.
  void tell(Occasion occasion, const std::vector<CredentialExpiry>& expiries);

 private:
  telemetry::Metrics& metrics_;
  const telemetry::Log& log_;
  const Clock& clock_;
  std::vector<telemetry::Metrics::Watch> watches_;
};

}  // namespace penstock::server
