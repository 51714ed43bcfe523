// Access tokens of a service principal for Azure DevOps, by the OAuth 2.0 client-credentials grant.
//
// Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "core/base/secret.h"
#include "core/base/time.h"
#include "core/http/transport.h"

namespace penstock::azure {

// Keeps one token and renews it five minutes before it ends. Thread-safe; callers that come while one asks wait for its
// answer.
class EntraTokens {
 public:
  struct Options {
    std::string tenant_id, client_id;
    // Asked at every renewal, so that a rotated secret is used; may throw.
    std::function<Secret()> client_secret;
    std::string authority = "https://login.microsoftonline.com";  // national clouds have others
    std::chrono::milliseconds timeout{30000};
  };
  EntraTokens(Options options, std::shared_ptr<http::HttpTransport> transport, const Clock& clock);

  // Error{kUnauthenticated | kPermission} with Entra's own code (AADSTS7000215, …) and what it means where known,
  // kConfiguration for an unknown tenant, kUnavailable. Messages hold no secret.
  Secret get();
  // The token was refused: the next get() asks for another one.
  void forget();

 private:
  Secret request_token(std::chrono::seconds& lifetime);

  const Options options_;
  const std::shared_ptr<http::HttpTransport> transport_;
  const Clock& clock_;
  std::mutex mutex_;
  Secret token_;  // guarded by mutex_, as is the next
  std::chrono::steady_clock::time_point renew_after_{};
};

}  // namespace penstock::azure
