// What the configuration says of people with a browser: signing in at an identity provider, and proxies that have
// authenticated them already.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/authz/open_id.h"
#include "core/authz/permissions.h"
#include "core/config/settings.h"
#include "core/listener/message.h"
#include "server/sign_in_flow.h"

namespace penstock::server {

// What scopes are worth, and which of them everybody has.
struct ScopeRules {
  std::vector<authz::Permission> permissions;
  authz::Policy::RouteScopes route_scopes = authz::Policy::RouteScopes::kCount;
  std::vector<std::string> everybody_has;
};

struct SignInPolicy {
  std::shared_ptr<authz::OpenIdClient> client;
  ScopeRules rules;
  std::chrono::seconds session_lifetime{0};
  std::set<std::string> revoked_subjects;
  CookieScope cookies = CookieScope::kHost;
};

struct ProxyPolicy {
  std::string user_header, scopes_header;  // the second may be empty
  ScopeRules rules;
};

inline constexpr std::string_view kSessionCookie = "penstock-session";
inline constexpr std::string_view kPendingCookie = "penstock-sign-in";
inline constexpr std::string_view kSignInCallback = "/sign-in/callback";

// Null without `access.signIn`. Takes over the client of `former`, which may be null, when nothing of it has changed.
// Error{kConfiguration} when the secret cannot be read.
std::shared_ptr<const SignInPolicy> make_sign_in(const config::Settings& settings,
                                                 const std::function<Secret(const SecretReference&)>& resolve,
                                                 std::shared_ptr<http::HttpTransport> transport, const Clock& clock,
                                                 const telemetry::Log& log, const SignInPolicy* former);
std::optional<ProxyPolicy> make_proxy_policy(const config::Access& access);

struct ProxyUser {
  std::string name;
  std::vector<std::string> scopes;
};
// Whom a trusted proxy says that it has authenticated; nothing without the header. A header that is there twice counts
// as none: one of them could be the client's own. Only for requests whose peer is trusted.
std::optional<ProxyUser> read_proxy_user(const ProxyPolicy& policy, const listener::Request& request);

}  // namespace penstock::server
