#include "core/intake/admission.h"

#include <algorithm>

namespace penstock::intake {
namespace {

bool is_in(const std::vector<hooks::IpRange>& ranges, const hooks::IpAddress& address) {
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(),
                                       [&](const hooks::IpRange& range) { return range.contains(address); });
}

}  // namespace

Admission admit(const IntakeSettings& settings, const std::string& endpoint, const hooks::IpAddress& remote,
                const hooks::HeaderLookup& header, std::string_view body) {
  using hooks::AuthenticationResult;
  Admission admission;
  const auto found = settings.endpoints.find(endpoint);
  if (found == settings.endpoints.end()) return admission;

  const AuthenticationResult own = hooks::authenticate(found->second, remote, header, body);
  bool allowed = own == AuthenticationResult::kAllowed;
  bool only_addresses = own == AuthenticationResult::kAddressNotAllowed;
  AuthenticationResult refusal = own;
  for (const WebhookSettings& item : settings.webhooks) {
    if (item.webhook->definition().endpoint != endpoint) continue;
    if (!item.authentication) {
      if (own == AuthenticationResult::kAllowed && is_in(item.allowed_ip_ranges, remote)) {
        admission.webhooks.push_back(item.webhook.get());
      }
      continue;
    }
    const AuthenticationResult result = hooks::authenticate(*item.authentication, remote, header, body);
    if (result == AuthenticationResult::kAllowed) {
      allowed = true;
      admission.webhooks.push_back(item.webhook.get());
    } else if (result != AuthenticationResult::kAddressNotAllowed) {
      only_addresses = false;
      if (refusal == AuthenticationResult::kAddressNotAllowed) refusal = result;
    }
  }
  if (allowed) {
    admission.result = AuthenticationResult::kAllowed;
  } else {
    admission.result = only_addresses ? AuthenticationResult::kAddressNotAllowed : refusal;
  }
  return admission;
}

std::vector<const hooks::Webhook*> readmit(const IntakeSettings& settings, const std::string& endpoint,
                                           const std::vector<std::string>& reached_before) {
  const auto was_reached = [&](const WebhookSettings& item) {
    return std::find(reached_before.begin(), reached_before.end(), item.webhook->definition().name) !=
           reached_before.end();
  };
  const auto brings_its_own = [&](const std::string& name) {
    return std::any_of(settings.webhooks.begin(), settings.webhooks.end(), [&](const WebhookSettings& item) {
      return item.authentication && item.webhook->definition().name == name;
    });
  };
  const bool endpoint_passed =
      reached_before.empty() || !std::all_of(reached_before.begin(), reached_before.end(), brings_its_own);
  std::vector<const hooks::Webhook*> webhooks;
  for (const WebhookSettings& item : settings.webhooks) {
    if (item.webhook->definition().endpoint != endpoint) continue;
    if (was_reached(item) || (!item.authentication && endpoint_passed)) webhooks.push_back(item.webhook.get());
  }
  return webhooks;
}

MinuteQuota::Grant MinuteQuota::take(std::chrono::steady_clock::time_point now) {
  std::lock_guard lock(mutex_);
  Grant grant;
  if (!begun_ || now - minute_begin_ >= std::chrono::minutes(1) || now < minute_begin_) {
    begun_ = true;
    minute_begin_ = now;
    taken_ = 0;
    grant.refused_before = refused_;
    refused_ = 0;
  }
  if (taken_ < per_minute_) {
    ++taken_;
    grant.granted = true;
  } else {
    ++refused_;
  }
  return grant;
}

}  // namespace penstock::intake
