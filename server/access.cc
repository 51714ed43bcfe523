#include "server/access.h"

#include <algorithm>
#include <utility>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"

namespace penstock::server {
namespace {

using authz::Decision;
using listener::Request;
using listener::Response;

constexpr std::string_view kRetryKeys = "2";
constexpr std::string_view kRetryPasswords = "30";

bool changes_something(const Request& request) {
  return request.method != "GET" && request.method != "HEAD";
}

authz::KeySource to_key_source(const config::JwtAccess& jwt) {
  constexpr std::string_view kFile = "file:";
  authz::KeySource source;
  source.timeout = jwt.keys_timeout;
  if (jwt.jwks.empty()) {
    source.kind = authz::KeySource::Kind::kDiscovery;
    source.location = jwt.issuer;
  } else if (jwt.jwks.starts_with(kFile)) {
    source.kind = authz::KeySource::Kind::kFile;
    source.location = jwt.jwks.substr(kFile.size());
  } else {
    source.kind = authz::KeySource::Kind::kUrl;
    source.location = jwt.jwks;
  }
  return source;
}

authz::Settings::Jwt to_jwt(const config::JwtAccess& jwt, const std::vector<authz::Permission>& common) {
  authz::Settings::Jwt made;
  authz::ProviderSettings& provider = made.provider;
  provider.issuer = jwt.issuer;
  provider.audiences = jwt.audiences;
  provider.keys = to_key_source(jwt);
  provider.keys_refresh = jwt.keys_refresh;
  provider.keys_expire = jwt.keys_expire;
  if (!jwt.algorithms.empty()) {
    provider.algorithms.clear();
    for (const std::string& name : jwt.algorithms) {
      const auto algorithm = authz::parse_algorithm(name);
      if (!algorithm)
        throw Error(ErrorKind::kConfiguration, "reading access.jwt: unknown algorithm " + in_quotes(name));
      provider.algorithms.push_back(*algorithm);
    }
  }
  provider.scope_claim = jwt.scope_claim;
  if (!jwt.token_pattern.empty()) provider.token_pattern = jwt.token_pattern;
  provider.leeway_start = jwt.leeway.value_or(provider.leeway_start);
  provider.leeway_end = jwt.leeway.value_or(provider.leeway_end);
  provider.cache_ttl = jwt.cache_ttl;
  // A document of the provider's own is complete; without one the routes' scopes count, as for static tokens.
  provider.permissions = jwt.permissions ? to_permissions(*jwt.permissions) : common;
  provider.route_scopes = jwt.permissions ? authz::Policy::RouteScopes::kIgnore : authz::Policy::RouteScopes::kCount;
  made.revoked.token_ids = jwt.revoked_ids;
  made.revoked.subjects = jwt.revoked_subjects;
  return made;
}

std::string list_of(const std::vector<std::string>& texts, std::string_view separator) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : std::string(separator)) + text;
  return list;
}

Response unauthenticated(const Request& request, bool takes_passwords) {
  Response response = problem(request, 401,
                              std::string("send a valid token: Authorization: Bearer TOKEN") +
                                  (takes_passwords ? ", or a user name and password" : ""));
  // RFC 6750 section 3.1: without a credential no error code; with one the same for whatever is wrong with it.
  std::string challenge = "Bearer realm=\"penstock\"";
  if (request.header("Authorization")) {
    challenge += ", error=\"invalid_token\", error_description=\"the token is not valid here\"";
  }
  response.headers.emplace_back("WWW-Authenticate", std::move(challenge));
  if (takes_passwords) {
    response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"penstock\", charset=\"UTF-8\"");
  }
  return response;
}

Response forbidden(const Request& request, const Decision& decision) {
  const std::vector<std::string>& missing = decision.missing_scopes;
  std::string detail = "explicit deny: ";
  if (missing.empty()) {
    detail += "a permission forbids it, or none gives access to it";
  } else {
    detail += std::string("the credential lacks ") + (missing.size() == 1 ? "the scope " : "a scope, one of ") +
              list_of(missing, ", ");
  }
  Response response = problem(request, 403, detail);
  std::string challenge = "Bearer realm=\"penstock\", error=\"insufficient_scope\"";
  if (!missing.empty()) challenge += ", scope=\"" + list_of(missing, " ") + "\"";
  response.headers.emplace_back("WWW-Authenticate", std::move(challenge));
  return response;
}

std::string_view name_of(Decision::Method method) {
  switch (method) {
    case Decision::Method::kNone:
      return "none";
    case Decision::Method::kToken:
      return "token";
    case Decision::Method::kJwt:
      return "jwt";
    case Decision::Method::kPassword:
      return "password";
    case Decision::Method::kSession:
      return "session";
    case Decision::Method::kProxy:
      return "proxy";
  }
  return "none";
}

// By browsers, with each request to us, whichever page asks for it.
bool is_sent_by_itself(Decision::Method method) {
  return method == Decision::Method::kPassword || method == Decision::Method::kSession ||
         method == Decision::Method::kProxy;
}

// Whether a browser has said where the request comes from. Whoever sends a session's cookie is one, and all of today's
// say it of what changes something.
bool tells_its_origin(const Request& request) {
  return request.header("Sec-Fetch-Site") || request.header("Origin");
}

Decision decide(const ScopeRules& rules, std::vector<std::string> scopes, const authz::Operation& operation) {
  scopes.insert(scopes.end(), rules.everybody_has.begin(), rules.everybody_has.end());
  Decision decision;
  switch (authz::Policy(rules.permissions, std::move(scopes), rules.route_scopes).decide(operation)) {
    case authz::Policy::Verdict::kAllow:
      decision.status = Decision::Status::kAllowed;
      return decision;
    case authz::Policy::Verdict::kExplicitDeny:
      decision.reason = "a permission of its scopes denies it";
      break;
    case authz::Policy::Verdict::kDeny:
      decision.reason = "no scope of it allows this";
      decision.missing_scopes = authz::scopes_for(rules.permissions, rules.route_scopes, operation);
      break;
  }
  decision.status = Decision::Status::kForbidden;
  return decision;
}

}  // namespace

std::vector<authz::Permission> to_permissions(const std::vector<config::Permission>& permissions) {
  std::vector<authz::Permission> made;
  for (const config::Permission& permission : permissions) {
    made.push_back({.scope = permission.scope,
                    .http_verb = permission.http_verb,
                    .resource = permission.resource,
                    .effect = permission.deny ? authz::Effect::kDeny : authz::Effect::kAllow});
  }
  return made;
}

std::string principal_of(const std::string& name, const std::string& subject) {
  return name.empty() || name == subject ? subject : name + " (" + subject + ")";
}

authz::Settings access_settings(const config::Access& access,
                                const std::function<Secret(const SecretReference&)>& resolve) {
  authz::Settings settings;
  settings.permissions = to_permissions(access.permissions);
  for (const config::AccessToken& token : access.tokens) {
    std::string digest = token.sha256.empty() ? authz::digest_of_token(resolve(token.token), token.name)
                                              : from_hex(token.sha256).value_or("");
    settings.tokens.push_back({token.name, std::move(digest), token.scopes});
  }
  for (const config::PersonAccess& person : access.basic) {
    auto digest = authz::PasswordDigest::parse(person.password_digest);
    if (!digest) throw Error(ErrorKind::kConfiguration, "reading access.basic: a digest that is none");
    settings.people.push_back({person.username, std::move(*digest), person.scopes});
  }
  for (const config::JwtAccess& jwt : access.jwt) settings.jwt.push_back(to_jwt(jwt, settings.permissions));
  return settings;
}

std::vector<config::Problem> check_access(const config::Access& access) {
  std::vector<config::Problem> problems;
  for (const config::PersonAccess& person : access.basic) {
    if (!authz::PasswordDigest::parse(person.password_digest)) {
      problems.push_back({.line = person.line,
                          .path = person.path + ".digest",
                          .message = "expected what `penstock password-digest` prints ($scrypt$ln=15,r=8,p=1$…)"});
    }
  }
  for (const config::JwtAccess& jwt : access.jwt) {
    const authz::KeySource source = to_key_source(jwt);
    if (source.kind != authz::KeySource::Kind::kFile) continue;
    try {
      const authz::JwkSet keys = authz::JwkSet::parse_any(read_file(source.location, authz::kMaxKeySetBytes));
      if (keys.size() > 0) continue;
      problems.push_back({.line = jwt.line,
                          .path = jwt.path + ".jwks",
                          .message = "expected a file with a key, found none that can be used" +
                                     (keys.left_out().empty() ? "" : ": " + keys.left_out().front())});
    } catch (const Error& error) {
      problems.push_back({.line = jwt.line,
                          .path = jwt.path + ".jwks",
                          .message = "expected a file with a JWK set or PEM keys: " + std::string(error.what())});
    }
  }
  return problems;
}

std::optional<Response> refuse(const Request& request, const Decision& decision, bool takes_passwords) {
  switch (decision.status) {
    case Decision::Status::kAllowed:
      return std::nullopt;
    case Decision::Status::kUnauthenticated:
      return unauthenticated(request, takes_passwords);
    case Decision::Status::kForbidden:
      return forbidden(request, decision);
    case Decision::Status::kTooManyAttempts: {
      Response response = problem(request, 429, "too many wrong passwords from this address; wait a little");
      response.headers.emplace_back("Retry-After", kRetryPasswords);
      return response;
    }
    case Decision::Status::kComeAgain: {
      Response response = problem(request, 503, "the credential cannot be checked at the moment");
      response.headers.emplace_back("Retry-After", kRetryKeys);
      return response;
    }
  }
  return problem(request, 403, "no access");
}

bool is_cross_site(const Request& request, std::string_view own_origin) {
  // Browsers that send it say more by it than by Origin, and no script can set it.
  if (const auto site = request.header("Sec-Fetch-Site")) return *site != "same-origin" && *site != "none";
  const auto origin = request.header("Origin");
  if (!origin) return false;
  if (!own_origin.empty() && *origin == own_origin) return false;
  const std::string host = request.header("Host").value_or("");
  return host.empty() || (*origin != "https://" + host && *origin != "http://" + host);
}

struct AccessControl::Judged {
  Decision decision;
  std::shared_ptr<const BrowserSession> session;
  std::string remote;
  FailedAttempts::Key network;
};

AccessControl::Judged AccessControl::judge(const RequestPolicy& policy, const Request& request,
                                           const Asked& asked) const {
  const auto peer = hooks::IpAddress::parse(request.peer_address).value_or(hooks::IpAddress());
  const hooks::IpAddress remote =
      hooks::client_address(peer, request.header("X-Forwarded-For"), policy.trusted_proxies);
  const std::string resource = authz::canonical_path(asked.resource);
  authz::Attempt attempt;
  attempt.authorization = request.header("Authorization");
  attempt.operation = {.verb = asked.verb, .resource = resource, .route_scope = asked.route_scope};
  attempt.network = remote.network();
  Decision decision;
  const std::shared_ptr<const BrowserSession> session = attempt.authorization ? nullptr : find_session(policy, request);
  const std::optional<ProxyUser> proxied =
      attempt.authorization || session || !policy.proxy || !policy.trusts(request.peer_address)
          ? std::nullopt
          : read_proxy_user(*policy.proxy, request);
  if (session) {
    decision = decide(policy.sign_in->rules, session->scopes, attempt.operation);
    decision.method = Decision::Method::kSession;
    decision.principal = principal_of(session->name, session->subject);
  } else if (proxied) {
    decision = decide(policy.proxy->rules, proxied->scopes, attempt.operation);
    decision.method = Decision::Method::kProxy;
    decision.principal = proxied->name;
  } else if (policy.access) {
    decision = policy.access->decide(attempt);
  } else {
    decision.reason = "nobody may";
  }
  if (decision.status == Decision::Status::kAllowed && changes_something(request) &&
      is_sent_by_itself(decision.method) &&
      (is_cross_site(request, policy.public_origin) || (session && !tells_its_origin(request)))) {
    decision.status = Decision::Status::kForbidden;
    decision.reason = "another site's page has sent it";
    decision.missing_scopes.clear();
  }
  return {
      .decision = std::move(decision), .session = session, .remote = remote.to_string(), .network = attempt.network};
}

AccessControl::Admission AccessControl::admit(const Request& request, std::string_view route_scope) {
  return admit(request, {.verb = request.method, .resource = request.path, .route_scope = route_scope});
}

AccessControl::Admission AccessControl::admit(const Request& request, const Asked& asked) {
  const std::shared_ptr<const RequestPolicy> policy = policy_.get();
  Judged judged = judge(*policy, request, asked);
  audit(request, judged);
  Decision& decision = judged.decision;
  Admission admission;
  admission.refusal = refuse(request, decision, policy->access && policy->access->takes_passwords());
  admission.status = decision.status;
  if (judged.session) {
    admission.credential = "session:" + judged.session->id;
    admission.name = judged.session->name;
    admission.is_session = true;
  } else if (!decision.principal.empty()) {
    admission.credential = std::string(name_of(decision.method)) + ":" + decision.principal;
    admission.name = decision.principal;
  }
  admission.principal = std::move(decision.principal);
  return admission;
}

std::shared_ptr<const BrowserSession> AccessControl::find_session(const RequestPolicy& policy,
                                                                  const Request& request) const {
  if (sessions_ == nullptr || !policy.sign_in) return nullptr;
  const auto cookie = find_cookie(request, cookie_name(kSessionCookie, policy.sign_in->cookies));
  auto session = cookie ? sessions_->find(*cookie) : nullptr;
  if (!session || session->issuer != policy.sign_in->client->settings().issuer) return nullptr;
  return policy.sign_in->revoked_subjects.count(session->subject) > 0 ? nullptr : session;
}

bool AccessControl::may(const Request& request, const Asked& asked) const {
  return judge(*policy_.get(), request, asked).decision.status == Decision::Status::kAllowed;
}

void AccessControl::audit(const Request& request, const Judged& judged) {
  const Decision& decision = judged.decision;
  const bool allowed = decision.status == Decision::Status::kAllowed;
  if (allowed && !changes_something(request)) return;
  if (!allowed) {
    const FailedAttempts::Verdict verdict = refusals_.note(judged.network, clock_.steady_now());
    if (verdict.to_report > 0) {
      log_.audit("requests were refused without a record each: their addresses are refused too often",
                 {{"count", verdict.to_report}, {"lastRemote", judged.remote}});
    }
    if (!verdict.within_limit) return;
  }
  log_.audit(allowed ? "request allowed" : "request refused",
             {{"requestId", request.request_id},
              {"principal", truncate_utf8(decision.principal, 200, 800)},
              {"credential", name_of(decision.method)},
              {"verb", request.method},
              {"resource", truncate_utf8(request.path, 500, 1000)},
              {"remote", judged.remote},
              {"verdict", allowed ? "allow" : "deny"},
              {"reason", decision.reason},
              {"missingScopes", list_of(decision.missing_scopes, " ")}});
}

void AccessControl::audit_browser(const Request& request, std::string_view what, const std::string& principal,
                                  const std::string& reason) {
  const auto peer = hooks::IpAddress::parse(request.peer_address).value_or(hooks::IpAddress());
  const hooks::IpAddress remote =
      hooks::client_address(peer, request.header("X-Forwarded-For"), policy_.get()->trusted_proxies);
  // Who is not known could write as many as he likes.
  if (principal.empty() && !refusals_.note(remote.network(), clock_.steady_now()).within_limit) return;
  log_.audit(what, {{"requestId", request.request_id},
                    {"principal", truncate_utf8(principal, 200, 800)},
                    {"credential", name_of(Decision::Method::kSession)},
                    {"remote", remote.to_string()},
                    {"reason", reason}});
}

}  // namespace penstock::server
