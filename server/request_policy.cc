#include "server/request_policy.h"

#include <algorithm>

namespace penstock::server {

bool RequestPolicy::trusts(const std::string& address) const {
  const auto parsed = hooks::IpAddress::parse(address);
  return parsed && std::any_of(trusted_proxies.begin(), trusted_proxies.end(),
                               [&](const hooks::IpRange& range) { return range.contains(*parsed); });
}

}  // namespace penstock::server
