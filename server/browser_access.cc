#include "server/browser_access.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"
#include "server/access.h"

namespace penstock::server {
namespace {

constexpr std::size_t kMaxUserBytes = 256;
constexpr std::size_t kMaxProxyScopes = 500;

ScopeRules make_rules(const std::optional<std::vector<config::Permission>>& own,
                      const std::vector<config::Permission>& common, const std::vector<std::string>& everybody_has) {
  // A document of its own is complete; without one the routes' scopes count, as for static tokens.
  return {.permissions = to_permissions(own ? *own : common),
          .route_scopes = own ? authz::Policy::RouteScopes::kIgnore : authz::Policy::RouteScopes::kCount,
          .everybody_has = everybody_has};
}

bool is_same(const authz::OpenIdSettings& a, const authz::OpenIdSettings& b) {
  return a.issuer == b.issuer && a.client_id == b.client_id && a.client_secret.equals(b.client_secret.reveal()) &&
         a.redirect_uri == b.redirect_uri && a.scopes == b.scopes && a.scope_claim == b.scope_claim;
}

// The only line of that name; nothing when there is none, or more than one.
std::optional<std::string> only_line(const listener::Request& request, std::string_view name) {
  std::optional<std::string> found;
  for (const auto& [field, value] : request.headers) {
    if (!equals_ignoring_case(field, name)) continue;
    if (found) return std::nullopt;
    found = std::string(trim(value));
  }
  return found;
}

}  // namespace

std::shared_ptr<const SignInPolicy> make_sign_in(const config::Settings& settings,
                                                 const std::function<Secret(const SecretReference&)>& resolve,
                                                 std::shared_ptr<http::HttpTransport> transport, const Clock& clock,
                                                 const telemetry::Log& log, const SignInPolicy* former) {
  if (!settings.access.sign_in) return nullptr;
  const config::SignInAccess& configured = *settings.access.sign_in;
  authz::OpenIdSettings client{
      .issuer = configured.issuer,
      .client_id = configured.client_id,
      .client_secret = configured.client_secret ? resolve(*configured.client_secret) : Secret(),
      .redirect_uri = settings.server.public_url + std::string(kSignInCallback),
      .scopes = configured.scopes,
      .scope_claim = configured.scope_claim};
  auto policy = std::make_shared<SignInPolicy>();
  policy->rules = make_rules(configured.permissions, settings.access.permissions, configured.everybody_has);
  policy->session_lifetime = std::chrono::duration_cast<std::chrono::seconds>(configured.session_lifetime);
  policy->revoked_subjects.insert(configured.revoked_subjects.begin(), configured.revoked_subjects.end());
  policy->cookies = settings.server.public_url.starts_with("https://") ? CookieScope::kHost : CookieScope::kInsecure;
  policy->client = former != nullptr && is_same(former->client->settings(), client)
                       ? former->client
                       : std::make_shared<authz::OpenIdClient>(std::move(client), std::move(transport), clock, log);
  return policy;
}

std::optional<ProxyPolicy> make_proxy_policy(const config::Access& access) {
  if (!access.proxy) return std::nullopt;
  return ProxyPolicy{.user_header = access.proxy->user_header,
                     .scopes_header = access.proxy->scopes_header,
                     .rules = make_rules(access.proxy->permissions, access.permissions, access.proxy->everybody_has)};
}

std::optional<ProxyUser> read_proxy_user(const ProxyPolicy& policy, const listener::Request& request) {
  const auto name = only_line(request, policy.user_header);
  if (!name || name->empty() || name->size() > kMaxUserBytes || !is_valid_utf8(*name)) return std::nullopt;
  ProxyUser user{.name = *name, .scopes = {}};
  if (policy.scopes_header.empty()) return user;
  const std::string list = only_line(request, policy.scopes_header).value_or("");
  std::string word;
  for (const char c : list + ",") {
    if (c != ',' && c != ' ' && c != ';') {
      word.push_back(c);
    } else if (!word.empty() && user.scopes.size() < kMaxProxyScopes) {
      user.scopes.push_back(std::move(word));
      word.clear();
    }
  }
  return user;
}

}  // namespace penstock::server
