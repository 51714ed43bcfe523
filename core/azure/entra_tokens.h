// Access tokens of a service principal for Azure DevOps, by the OAuth 2.0 client-credentials grant.
//
// Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include "core/base/error.h"
#include "core/base/secret.h"
#include "core/base/time.h"
#include "core/http/transport.h"

namespace penstock::azure {

// Keeps one token and renews it five minutes before it ends; while Entra cannot be reached it serves the old one until
// its end. Thread-safe; callers that come while one asks wait for its answer, failure included.
class EntraTokens {
 public:
  // How the application proves who it is. Each is asked at every renewal, so that what was rotated is used; may throw.
  struct ClientSecret {
    std::function<Secret()> read;
  };
  struct ClientCertificate {
    std::function<Secret()> read;  // PEM: certificate and RSA key
  };
  struct FederatedToken {
    std::function<Secret()> read;  // a JWT of somebody whom the application trusts
  };
  using Proof = std::variant<ClientSecret, ClientCertificate, FederatedToken>;

  struct Options {
    std::string tenant_id, client_id;
    Proof proof;
    std::string authority = "https://login.microsoftonline.com";  // national clouds have others
    std::chrono::milliseconds timeout{30000};
  };
  // Error{kConfiguration} unless the authority is https, or http on a loopback address.
  EntraTokens(Options options, std::shared_ptr<http::HttpTransport> transport, const Clock& clock);

  // Error{kUnauthenticated} when the proof was refused, kPermission and kConfiguration for what a person must change,
  // with Entra's own code (AADSTS7000215, …) and its remedy where known; kUnavailable, kTimeout, kRateLimited; the
  // proof's own errors. Messages hold no secret.
  Secret get();
  // The token was refused: the next get() asks for another one, unless this one is only seconds old, which another
  // would not better.
  void forget();

 private:
  struct Token {
    Secret value;
    std::chrono::steady_clock::time_point asked_at, renew_after, ends;
  };
  Token request_token() const;
  std::string proof_parameters(const std::string& endpoint) const;

  const Options options_;
  const std::shared_ptr<http::HttpTransport> transport_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::optional<Token> token_;    // guarded by mutex_, as are the next three
  std::optional<Error> failure_;  // of the last round
  bool asking_ = false;
  std::uint64_t round_ = 0;
};

}  // namespace penstock::azure
