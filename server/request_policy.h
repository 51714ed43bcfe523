// What judges requests, and a reload replaces as a whole.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/authz/authorizer.h"
#include "core/hooks/ip_range.h"
#include "server/browser_access.h"

namespace penstock::server {

struct RequestPolicy {
  std::vector<hooks::IpRange> trusted_proxies;
  std::shared_ptr<const authz::Authorizer> access;  // null = nobody may
  std::shared_ptr<const SignInPolicy> sign_in;      // null = not configured
  std::optional<ProxyPolicy> proxy;
  bool public_metrics = false;
  std::vector<std::string> cors_origins;  // may call the API from a page; usually none
  std::string public_origin;              // "https://penstock.example"; empty = not configured

  bool trusts(const std::string& address) const;  // as a proxy
};

// Thread-safe holder of the current policy.
class CurrentPolicy {
 public:
  void set(std::shared_ptr<const RequestPolicy> policy) {
    std::lock_guard lock(mutex_);
    policy_.swap(policy);  // the former one ends after the lock: it may wait for a thread of its own
  }
  std::shared_ptr<const RequestPolicy> get() const {
    std::lock_guard lock(mutex_);
    return policy_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const RequestPolicy> policy_ = std::make_shared<const RequestPolicy>();
};

}  // namespace penstock::server
