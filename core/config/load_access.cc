// Who may read the history and change something.

#include <algorithm>
#include <set>
#include <utility>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/config/loaders.h"
#include "core/config/values.h"

namespace penstock::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kMaxProviders = 10;
constexpr std::size_t kMaxPermissions = 500;
const std::vector<std::string> kRouteScopes = {"history.read", "history.redeliver", "history.delete", "metrics.read"};
const std::vector<std::string> kAlgorithms = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                              "PS512", "ES256", "ES384", "ES512", "EdDSA"};

std::optional<std::string> expect_scope(const std::string& text) {
  // RFC 6749 section 3.3.
  const bool good = !text.empty() && text.size() <= 256 && std::all_of(text.begin(), text.end(), [](char c) {
    return c >= 0x21 && c <= 0x7e && c != '"' && c != '\\';
  });
  return good ? std::nullopt : std::optional<std::string>("a scope: visible ASCII without quotes and backslashes");
}

std::optional<std::string> expect_verb(const std::string& text) {
  return text == "*" || consists_of(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 20)
             ? std::nullopt
             : std::optional<std::string>("a verb such as GET, or * for any");
}

std::optional<std::string> expect_resource(const std::string& text) {
  return !text.empty() && text.size() <= 1024 && text.find_first_of("?#") == std::string::npos
             ? std::nullopt
             : std::optional<std::string>("a path such as /api/v1/*, without a query");
}

std::optional<std::string> expect_pattern(const std::string& text) {
  try {
    Regex compiled(text);
    return std::nullopt;
  } catch (const Error& error) {
    return "a regular expression in RE2's syntax (" + std::string(error.what()) + ")";
  }
}

// Keys that came over an open line would be anybody's.
std::optional<std::string> expect_keys(const std::string& text) {
  constexpr std::string_view kFile = "file:";
  if (text.starts_with(kFile) && text.size() > kFile.size()) return std::nullopt;
  const auto url = parse_url(text);
  const bool good =
      url && !url->has_user && (url->scheme == "https" || (url->scheme == "http" && is_loopback_host(url->host)));
  return good ? std::nullopt
              : std::optional<std::string>(
                    "https://… of a JWK set without user information, or file:PATH of a set or PEM");
}

// As a browser sends it in Origin, which is compared byte by byte.
std::optional<std::string> expect_origin(const std::string& text) {
  const auto url = parse_url(text);
  const bool good = url && !url->has_user && to_lower(text) == text && text.find('*') == std::string::npos &&
                    text.find('/', text.find("://") + 3) == std::string::npos && text.find('?') == std::string::npos &&
                    text.find('#') == std::string::npos && !url->host.empty() &&
                    (url->scheme == "https" || (url->scheme == "http" && is_loopback_host(url->host)));
  return good ? std::nullopt
              : std::optional<std::string>(
                    "an origin such as https://portal.example.com: lower case, without a path, never *");
}

// One text, or a list of them.
void read_texts(Section& section, std::string_view key, std::vector<std::string>& target,
                const Section::TextCheck& check = expect_some_text) {
  const YamlNode* node = section.take(key);
  if (node != nullptr && node->kind == YamlNode::Kind::kScalar) {
    std::string text;
    section.read(key, text, check);
    if (!text.empty()) target = {text};
  } else {
    section.read_list(key, target, check);
  }
}

std::vector<Permission> load_permissions(Section& section) {
  std::vector<Permission> permissions;
  section.for_each_item("permissions", [&](Section item) {
    Permission permission;
    item.require("scope", permission.scope, expect_scope);
    item.require("httpVerb", permission.http_verb, expect_verb);
    item.require("resource", permission.resource, expect_resource);
    std::string effect = "allow";
    item.read_choice("effect", effect, {"allow", "deny"});
    permission.deny = effect == "deny";
    if (permission.scope == "*" && !permission.deny) {
      item.problem("scope", "expected a scope, found \"*\", which stands for everybody only with effect: deny");
    }
    item.finish();
    permissions.push_back(std::move(permission));
  });
  if (permissions.size() > kMaxPermissions) {
    section.problem("permissions", "expected at most 500, found " + std::to_string(permissions.size()));
  }
  return permissions;
}

// Scopes of our own making are either those of the routes or something that a permission speaks of.
void load_scopes(Section& item, std::string_view key, const std::vector<Permission>& permissions,
                 std::vector<std::string>& scopes) {
  std::vector<std::string> known = kRouteScopes;
  for (const Permission& permission : permissions) known.push_back(permission.scope);
  item.read_list(key, scopes, [&](const std::string& scope) -> std::optional<std::string> {
    if (std::find(known.begin(), known.end(), scope) != known.end()) return std::nullopt;
    const auto nearest = nearest_name(scope, known);
    return std::string("one of \"history.read\", \"history.redeliver\", \"history.delete\", \"metrics.read\"") +
           (permissions.empty() ? "" : " or a scope of access.permissions") +
           (nearest ? " (did you mean " + in_quotes(*nearest) + "?)" : "");
  });
}

void require_scopes(Section& item, const std::vector<Permission>& permissions, std::vector<std::string>& scopes) {
  load_scopes(item, "scopes", permissions, scopes);
  if (!item.has("scopes")) item.problem("scopes", "expected a list of scopes such as [history.read], found nothing");
}

void load_token(Section item, Access& target) {
  AccessToken token;
  item.require("name", token.name);
  if (item.has("sha256")) {
    item.ignore({"token"});
    if (item.has("token")) item.problem("sha256", "expected either token or sha256, found both");
    // Not through read(), which would show what stands there: it may be the token itself.
    const YamlNode* digest = item.take("sha256");
    if (digest->kind == YamlNode::Kind::kScalar && digest->scalar.size() == 64 && from_hex(digest->scalar)) {
      token.sha256 = to_lower(digest->scalar);
      item.note_value("sha256", "(not shown)");
    } else {
      item.problem("sha256", "expected the token's SHA-256 as 64 hexadecimal digits, found something else (not shown)");
    }
  } else {
    item.ignore({"sha256"});
    token.token = item.require_secret("token");
  }
  require_scopes(item, target.permissions, token.scopes);
  if (std::any_of(target.tokens.begin(), target.tokens.end(),
                  [&](const auto& other) { return other.name == token.name; })) {
    item.problem("name", "expected a name of its own, found " + in_quotes(token.name) + " again");
  }
  item.finish();
  target.tokens.push_back(std::move(token));
}

void load_person(Section item, Access& target) {
  PersonAccess person;
  person.path = item.path();
  person.line = item.line();
  item.require("username", person.username, [](const std::string& text) {
    return text.empty() || text.find(':') != std::string::npos
               ? std::optional<std::string>("a user name without a colon")
               : std::nullopt;
  });
  // Not through read(), which would print it: a password at the wrong place would be seen.
  const YamlNode* digest = item.take("digest");
  if (digest == nullptr || digest->kind != YamlNode::Kind::kScalar || !digest->scalar.starts_with("$scrypt$")) {
    item.problem("digest", "expected what `penstock password-digest` prints, found something else (not shown)");
  } else {
    person.password_digest = digest->scalar;
    item.note_value("digest", "(not shown)");
  }
  require_scopes(item, target.permissions, person.scopes);
  if (std::any_of(target.basic.begin(), target.basic.end(),
                  [&](const auto& other) { return other.username == person.username; })) {
    item.problem("username", "expected a name of its own, found " + in_quotes(person.username) + " again");
  }
  item.finish();
  target.basic.push_back(std::move(person));
}

void load_keys(Section keys, JwtAccess& target) {
  keys.read_duration("refresh", target.keys_refresh, seconds(30), hours(24 * 7));
  keys.read_duration("expire", target.keys_expire, minutes(1), hours(24 * 90));
  keys.read_duration("timeout", target.keys_timeout, milliseconds(100), seconds(30));
  if (target.keys_expire < target.keys_refresh) {
    keys.problem("expire",
                 "expected at least as long as refresh, found " + in_quotes(format_duration(target.keys_expire)));
  }
  keys.finish();
}

void load_jwt(Section jwt, Access& target) {
  JwtAccess provider;
  provider.path = jwt.path();
  provider.line = jwt.line_of("jwks");
  jwt.require("issuer", provider.issuer, expect_some_text);
  read_texts(jwt, "audience", provider.audiences);
  if (provider.audiences.empty()) {
    jwt.problem("audience", "expected what tokens for this program have as \"aud\", found nothing");
  }
  jwt.read("jwks", provider.jwks, expect_keys);
  if (!jwt.has("jwks") && !provider.issuer.empty() && expect_keys(provider.issuer)) {
    jwt.problem("jwks", "expected where the keys are; without it the issuer must be an https address, for discovery");
  }
  load_keys(jwt.section("keys"), provider);
  jwt.read_list("algorithms", provider.algorithms, [](const std::string& name) -> std::optional<std::string> {
    if (std::find(kAlgorithms.begin(), kAlgorithms.end(), name) != kAlgorithms.end()) return std::nullopt;
    const auto nearest = nearest_name(name, kAlgorithms);
    return "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA" +
           (nearest ? " (did you mean " + in_quotes(*nearest) + "?)" : "");
  });
  jwt.read("scopeClaim", provider.scope_claim, expect_some_text);
  jwt.read("tokenPattern", provider.token_pattern, expect_pattern);
  if (jwt.has("leeway")) {
    milliseconds leeway{0};
    jwt.read_duration("leeway", leeway, milliseconds(0), minutes(5));
    provider.leeway = leeway;
  } else {
    jwt.ignore({"leeway"});
  }
  jwt.read_duration("cacheTtl", provider.cache_ttl, milliseconds(0), hours(1));
  if (jwt.has("permissions")) {
    provider.permissions = load_permissions(jwt);
  } else {
    jwt.ignore({"permissions"});
  }
  auto revoked = jwt.section("revoked");
  revoked.read_list("jti", provider.revoked_ids, expect_some_text);
  revoked.read_list("subjects", provider.revoked_subjects, expect_some_text);
  revoked.finish();
  jwt.finish();
  target.jwt.push_back(std::move(provider));
}

std::optional<std::string> expect_issuer(const std::string& text) {
  return text.starts_with("file:") || expect_keys(text)
             ? std::optional<std::string>("an https address, where the provider's metadata are")
             : std::nullopt;
}

std::optional<std::string> expect_header(const std::string& text) {
  const bool is_token = !text.empty() && text.size() <= 100 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
  // What everybody sends, or what means something else here.
  for (const char* taken : {"authorization", "cookie", "host", "x-forwarded-for", "origin", "user-agent"}) {
    if (to_lower(text) == taken) return "a header that only the proxy sets";
  }
  return is_token ? std::nullopt : std::optional<std::string>("the name of a header such as X-Auth-Request-User");
}

// A document of its own, when there is one, and the scopes that everybody has.
void load_scope_rules(Section& section, const std::vector<Permission>& common,
                      std::optional<std::vector<Permission>>& permissions, std::vector<std::string>& everybody_has) {
  if (section.has("permissions")) {
    permissions = load_permissions(section);
  } else {
    section.ignore({"permissions"});
  }
  load_scopes(section, "everybodyHas", permissions ? *permissions : common, everybody_has);
}

void load_sign_in(Section section, Access& target) {
  SignInAccess& sign_in = target.sign_in.emplace();
  section.require("issuer", sign_in.issuer, expect_issuer);
  section.require("clientId", sign_in.client_id, expect_some_text);
  if (section.has("clientSecret")) {
    sign_in.client_secret = section.require_secret("clientSecret");
  } else {
    section.ignore({"clientSecret"});
  }
  section.read_list("scopes", sign_in.scopes, expect_scope);
  if (std::find(sign_in.scopes.begin(), sign_in.scopes.end(), "openid") == sign_in.scopes.end()) {
    section.problem("scopes", "expected openid among them, without which there is no ID token");
  }
  section.read("scopeClaim", sign_in.scope_claim, expect_some_text);
  load_scope_rules(section, target.permissions, sign_in.permissions, sign_in.everybody_has);
  section.read_duration("sessionLifetime", sign_in.session_lifetime, minutes(1), hours(24 * 30));
  auto revoked = section.section("revoked");
  revoked.read_list("subjects", sign_in.revoked_subjects, expect_some_text);
  revoked.finish();
  section.finish();
}

void load_proxy(Section section, Access& target) {
  ProxyAccess& proxy = target.proxy.emplace();
  section.require("user", proxy.user_header, expect_header);
  section.read("scopes", proxy.scopes_header, expect_header);
  load_scope_rules(section, target.permissions, proxy.permissions, proxy.everybody_has);
  section.finish();
}

}  // namespace

void load_access(Section access, Access& target) {
  access.read("publicMetrics", target.public_metrics);
  auto cors = access.section("cors");
  cors.read_list("origins", target.cors_origins, expect_origin);
  cors.finish();
  target.permissions = load_permissions(access);
  if (access.has("signIn")) {
    load_sign_in(access.section("signIn"), target);
  } else {
    access.ignore({"signIn"});
  }
  if (access.has("proxy")) {
    load_proxy(access.section("proxy"), target);
  } else {
    access.ignore({"proxy"});
  }
  access.for_each_item("tokens", [&](Section item) { load_token(std::move(item), target); });
  access.for_each_item("basic", [&](Section item) { load_person(std::move(item), target); });
  const YamlNode* jwt = access.take("jwt");
  if (jwt != nullptr && jwt->kind == YamlNode::Kind::kMapping) {
    load_jwt(access.section("jwt"), target);
  } else {
    access.for_each_item("jwt", [&](Section item) { load_jwt(std::move(item), target); });
  }
  if (target.jwt.size() > kMaxProviders) {
    access.problem("jwt", "expected at most 10 identity providers, found " + std::to_string(target.jwt.size()));
  }
  access.finish();
}

}  // namespace penstock::config
