// Which of an endpoint's webhooks a delivery may reach, and how often strangers may leave a trace. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "core/hooks/authentication.h"
#include "core/intake/settings.h"

namespace penstock::intake {

struct Admission {
  hooks::AuthenticationResult result = hooks::AuthenticationResult::kNoCredential;
  // Those whose authentication passed. May be empty although the delivery is allowed: no webhook listens.
  std::vector<const hooks::Webhook*> webhooks;
  bool allowed() const noexcept { return result == hooks::AuthenticationResult::kAllowed; }
};

// A delivery is admitted when the endpoint's authentication passes or that of some webhook which brings its own; it
// reaches the webhooks whose authentication passed. Refused: kAddressNotAllowed only when no credential could have
// helped, otherwise what the endpoint's own check said. Every check is made, whichever passed first.
Admission admit(const IntakeSettings& settings, const std::string& endpoint, const hooks::IpAddress& remote,
                const hooks::HeaderLookup& header, std::string_view body);

// For a redelivery, whose credentials are not kept: what it may reach now, by the names of the webhooks that it reached
// first. A webhook that shares the endpoint's authentication is reached when one of its kind was (also one that is gone
// or renamed since), or when nothing was decided: then only the endpoint's check can have let it in. One with an
// authentication of its own is reached only when it was before.
std::vector<const hooks::Webhook*> readmit(const IntakeSettings& settings, const std::string& endpoint,
                                           const std::vector<std::string>& reached_before);

// A fixed number of grants per minute; counts what it refused. Thread-safe.
class MinuteQuota {
 public:
  explicit MinuteQuota(std::size_t per_minute) : per_minute_(per_minute) {}
  struct Grant {
    bool granted = false;
    // Refusals of the minutes before, told once.
    std::uint64_t refused_before = 0;
  };
  Grant take(std::chrono::steady_clock::time_point now);

 private:
  const std::size_t per_minute_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point minute_begin_{};  // guarded by mutex_, as are the next two
  std::size_t taken_ = 0;
  std::uint64_t refused_ = 0;
  bool begun_ = false;
};

}  // namespace penstock::intake
