#include "server/routes.h"

#include <algorithm>

namespace penstock::server {

bool RequestPolicy::trusts(const std::string& address) const {
  const auto parsed = hooks::IpAddress::parse(address);
  return parsed && std::any_of(trusted_proxies.begin(), trusted_proxies.end(),
                               [&](const hooks::IpRange& range) { return range.contains(*parsed); });
}

std::optional<Response> refuse_without_scope(const Request& request, const RequestPolicy& policy,
                                             std::string_view scope) {
  switch (policy.access.check(request.header("Authorization"), scope)) {
    case AccessResult::kAllowed:
      return std::nullopt;
    case AccessResult::kNoCredential:
    case AccessResult::kUnknownToken: {
      Response response = problem(request, 401, "send a valid token: Authorization: Bearer TOKEN");
      response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"penstock\"");
      return response;
    }
    case AccessResult::kScopeMissing: {
      Response response = problem(request, 403, "the token lacks the scope " + std::string(scope));
      response.headers.emplace_back("WWW-Authenticate",
                                    "Bearer error=\"insufficient_scope\", scope=\"" + std::string(scope) + "\"");
      return response;
    }
  }
  return problem(request, 403, "no access");
}

}  // namespace penstock::server
