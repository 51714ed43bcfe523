#include "core/authz/open_id.h"

#include <algorithm>
#include <utility>

#include "core/authz/claims.h"
#include "core/authz/jws.h"
#include "core/authz/key_loader.h"
#include "core/authz/strict_json.h"
#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/http/url.h"

namespace penstock::authz {
namespace {

constexpr auto kEndpointsTtl = std::chrono::hours(1);
constexpr std::size_t kMaxAnswerBytes = 256u << 10;
constexpr std::size_t kMaxNameCharacters = 200;

std::shared_ptr<Provider> make_provider(const OpenIdSettings& settings, std::shared_ptr<http::HttpTransport> transport,
                                        const Clock& clock, const telemetry::Log& log) {
  ProviderSettings provider;
  provider.issuer = settings.issuer;
  provider.audiences = {settings.client_id};
  provider.keys = {.kind = KeySource::Kind::kDiscovery, .location = settings.issuer, .timeout = settings.timeout};
  provider.scope_claim = settings.scope_claim;
  provider.cache_ttl = std::chrono::milliseconds(0);  // each is seen once
  KeyRing::Options keys;
  keys.name = settings.issuer;
  keys.patience = settings.timeout;
  return std::make_shared<Provider>(
      provider,
      std::make_shared<KeyRing>(std::move(keys), make_key_loader(provider.keys, std::move(transport)), clock, log),
      clock);
}

std::string text_or_empty(json::Value object, std::string_view name) {
  const auto member = object.find(name);
  const auto text = member ? member->string() : std::nullopt;
  return std::string(text.value_or(""));
}

std::string address(json::Value metadata, std::string_view name) {
  std::string url = text_or_empty(metadata, name);
  if (!is_acceptable_key_url(url)) {
    throw Error(ErrorKind::kUnavailable, "reading the provider's metadata: \"" + std::string(name) +
                                             "\": expected https, or http to a loopback address");
  }
  return url;
}

http::Request make_request(const OpenIdSettings& settings, std::string url) {
  http::Request request;
  request.url = std::move(url);
  request.headers.add("Accept", "application/json");
  request.connect_timeout = settings.timeout;
  request.total_timeout = settings.timeout;
  request.max_response_bytes = kMaxAnswerBytes;
  return request;
}

void add_parameter(std::string& to, std::string_view name, std::string_view value) {
  if (!to.empty() && to.back() != '?' && to.back() != '&') to += '&';
  to.append(name).append("=").append(percent_encode(value));
}

}  // namespace

OpenIdClient::OpenIdClient(OpenIdSettings settings, std::shared_ptr<http::HttpTransport> transport, const Clock& clock,
                           const telemetry::Log& log)
    : settings_(std::move(settings)),
      transport_(std::move(transport)),
      clock_(clock),
      provider_(make_provider(settings_, transport_, clock, log)) {}

OpenIdClient::Endpoints OpenIdClient::endpoints() {
  {
    std::lock_guard lock(mutex_);
    if (endpoints_ && clock_.steady_now() < endpoints_until_) return *endpoints_;
  }
  std::string issuer = settings_.issuer;
  while (issuer.ends_with('/')) issuer.pop_back();
  const http::Response response =
      transport_->send(make_request(settings_, issuer + "/.well-known/openid-configuration"));
  if (response.status != 200) {
    throw Error(ErrorKind::kUnavailable, "reading the provider's metadata: HTTP " + std::to_string(response.status));
  }
  const json::Document document = parse_strict_object(response.body, "the provider's metadata", ErrorKind::kUnavailable,
                                                      {.max_bytes = kMaxAnswerBytes, .max_depth = 16});
  const json::Value root = document.root();
  if (text_or_empty(root, "issuer") != settings_.issuer) {
    throw Error(ErrorKind::kUnavailable, "reading the provider's metadata: its \"issuer\" is another");
  }
  Endpoints found{.authorization = address(root, "authorization_endpoint"), .token = address(root, "token_endpoint")};
  // Without the member a password it is (Discovery 1.0 section 3).
  if (const auto methods = root.find("token_endpoint_auth_methods_supported")) {
    found.takes_secret_in_body = true;
    methods->for_each_element([&](json::Value method) {
      if (method.string() == "client_secret_basic") found.takes_secret_in_body = false;
    });
  }
  std::lock_guard lock(mutex_);
  endpoints_ = found;
  endpoints_until_ = clock_.steady_now() + kEndpointsTtl;
  return found;
}

std::string OpenIdClient::authorization_url(const std::string& state, const std::string& nonce,
                                            const std::string& verifier) {
  std::string url = endpoints().authorization;
  url += url.find('?') == std::string::npos ? '?' : '&';
  std::string scopes;
  for (const std::string& scope : settings_.scopes) scopes += (scopes.empty() ? "" : " ") + scope;
  add_parameter(url, "response_type", "code");
  add_parameter(url, "client_id", settings_.client_id);
  add_parameter(url, "redirect_uri", settings_.redirect_uri);
  add_parameter(url, "scope", scopes);
  add_parameter(url, "state", state);
  add_parameter(url, "nonce", nonce);
  add_parameter(url, "code_challenge", to_base64url(hash(HashAlgorithm::kSha256, verifier)));
  add_parameter(url, "code_challenge_method", "S256");
  return url;
}

SignedIn OpenIdClient::redeem(const std::string& code, const std::string& verifier, const std::string& nonce) {
  const Endpoints where = endpoints();
  http::Request request = make_request(settings_, where.token);
  request.method = "POST";
  request.headers.add("Content-Type", "application/x-www-form-urlencoded");
  add_parameter(request.body, "grant_type", "authorization_code");
  add_parameter(request.body, "code", code);
  add_parameter(request.body, "redirect_uri", settings_.redirect_uri);
  add_parameter(request.body, "code_verifier", verifier);
  if (settings_.client_secret.empty() || where.takes_secret_in_body) {
    add_parameter(request.body, "client_id", settings_.client_id);
    if (!settings_.client_secret.empty())
      add_parameter(request.body, "client_secret", settings_.client_secret.reveal());
  } else {
    // RFC 6749 section 2.3.1: both encoded as in a form.
    request.headers.add("Authorization", "Basic " + to_base64(percent_encode(settings_.client_id) + ":" +
                                                              percent_encode(settings_.client_secret.reveal())));
  }
  const http::Response response = transport_->send(request);
  wipe(request.body);
  if (response.status >= 500) {
    throw Error(ErrorKind::kUnavailable, "redeeming the code: HTTP " + std::to_string(response.status));
  }
  if (response.status != 200) {
    throw Error(ErrorKind::kUnauthenticated,
                "redeeming the code: the provider refuses it, HTTP " + std::to_string(response.status));
  }
  const json::Document answer = parse_strict_object(response.body, "the provider's answer", ErrorKind::kUnauthenticated,
                                                    {.max_bytes = kMaxAnswerBytes, .max_depth = 16});
  const std::string id_token = text_or_empty(answer.root(), "id_token");
  if (id_token.empty()) throw Error(ErrorKind::kUnauthenticated, "redeeming the code: the answer has no ID token");
  return verify(id_token, nonce);
}

SignedIn OpenIdClient::verify(const std::string& id_token, const std::string& nonce) {
  const Jws jws = parse_jws(id_token);
  const Provider::Result result = provider_->verify(jws, hash(HashAlgorithm::kSha256, id_token));
  if (!result.grant) {
    throw Error(result.come_again ? ErrorKind::kUnavailable : ErrorKind::kUnauthenticated,
                "verifying the ID token: " + result.fault);
  }
  Claims claims = parse_claims(jws.payload, settings_.scope_claim);
  const json::Document document = parse_strict_object(jws.payload, "the token's claims", ErrorKind::kUnauthenticated,
                                                      {.max_bytes = kMaxTokenBytes, .max_depth = 16});
  const json::Value root = document.root();
  if (!equal_in_constant_time(text_or_empty(root, "nonce"), nonce)) {
    throw Error(ErrorKind::kUnauthenticated, "verifying the ID token: its nonce is not that of this sign-in");
  }
  const auto party = root.find("azp");
  if (party ? party->string() != settings_.client_id : claims.audiences.size() > 1) {
    throw Error(ErrorKind::kUnauthenticated, "verifying the ID token: it was made for another party");
  }
  SignedIn signed_in{.subject = text_or_empty(root, "sub"), .name = "", .scopes = std::move(claims.scopes)};
  if (signed_in.subject.empty()) throw Error(ErrorKind::kUnauthenticated, "verifying the ID token: it names nobody");
  for (const std::string_view name : {"preferred_username", "email", "name", "sub"}) {
    if (signed_in.name.empty()) signed_in.name = text_or_empty(root, name);
  }
  signed_in.name = truncate_utf8(signed_in.name, kMaxNameCharacters, 4 * kMaxNameCharacters);
  return signed_in;
}

}  // namespace penstock::authz
