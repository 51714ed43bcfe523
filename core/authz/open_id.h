// Signing people in with their browser: the part of a client in OpenID Connect's authorization code flow, with PKCE.
//
// Source: OpenID Connect Core 1.0 section 3.1, Discovery 1.0, RFC 6749 section 4.1, RFC 7636 (S256), RFC 9700.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/authz/provider.h"
#include "core/base/secret.h"
#include "core/base/time.h"
#include "core/http/transport.h"
#include "core/telemetry/log.h"

namespace penstock::authz {

struct OpenIdSettings {
  std::string issuer;
  std::string client_id;
  Secret client_secret;  // empty = a public client, which has only PKCE
  std::string redirect_uri;
  std::vector<std::string> scopes{"openid", "profile", "email"};  // that are asked for
  std::string scope_claim;                                        // of the ID token; empty = scp, scope and roles
  std::chrono::milliseconds timeout{5000};                        // of each request to the provider
};

// Who has signed in.
struct SignedIn {
  std::string subject;
  std::string name;  // for people: preferred_username, email or name, else the subject; not unique, may change
  std::vector<std::string> scopes;
};

// Thread-safe.
class OpenIdClient {
 public:
  // Begins to load the provider's keys, and does not wait for them. The clock and the log must outlive it.
  OpenIdClient(OpenIdSettings settings, std::shared_ptr<http::HttpTransport> transport, const Clock& clock,
               const telemetry::Log& log);

  // Where the browser is sent. May block for a request to the provider. Error{kUnavailable} and others of the transport
  // when it does not tell where its pages are.
  std::string authorization_url(const std::string& state, const std::string& nonce, const std::string& verifier);

  // What the code that came back is worth. Blocks for one or two requests. Throws Error{kUnauthenticated} when the
  // provider refuses the code, or for an ID token that does not hold: signature, issuer, audience, authorized party,
  // nonce, times; kUnavailable and others when that cannot be told now.
  SignedIn redeem(const std::string& code, const std::string& verifier, const std::string& nonce);

  const OpenIdSettings& settings() const noexcept { return settings_; }

 private:
  struct Endpoints {
    std::string authorization, token;
    bool takes_secret_in_body = false;  // it does not take it as a password
  };
  Endpoints endpoints();
  SignedIn verify(const std::string& id_token, const std::string& nonce);

  const OpenIdSettings settings_;
  const std::shared_ptr<http::HttpTransport> transport_;
  const Clock& clock_;
  const std::shared_ptr<Provider> provider_;
  std::mutex mutex_;  // guards the rest
  std::optional<Endpoints> endpoints_;
  std::chrono::steady_clock::time_point endpoints_until_{};
};

}  // namespace penstock::authz
