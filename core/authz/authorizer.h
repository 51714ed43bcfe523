// Who may do what: from the Authorization header of a request to a decision, by static tokens, signed tokens of
// identity providers, and passwords of people. Default deny.
//
// The way of a bearer token: a header that has no token's form is refused without any work; a token that was verified a
// moment ago is answered from the cache of policies by its SHA-256; all others are verified (core/authz/provider.h).
// Revocation is asked for each time, cached or not.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/authz/password_digest.h"
#include "core/authz/permissions.h"
#include "core/authz/provider.h"
#include "core/base/failed_attempts.h"
#include "core/base/secret.h"
#include "core/base/time.h"
#include "core/http/transport.h"
#include "core/telemetry/log.h"

namespace penstock::authz {

struct StaticToken {
  std::string name;
  std::string sha256;  // raw bytes of the digest; the token itself is kept nowhere
  std::vector<std::string> scopes;
};
// The digest of a token; Error{kConfiguration} for an empty one, which would let everyone in who sends none.
std::string digest_of_token(const Secret& token, const std::string& name);

struct Person {
  std::string name;
  PasswordDigest password;
  std::vector<std::string> scopes;
};

struct Revocations {
  std::vector<std::string> token_ids, subjects;
};

struct Settings {
  std::vector<StaticToken> tokens;
  std::vector<Person> people;
  std::vector<Permission> permissions;  // for both; routes' own scopes count besides
  struct Jwt {
    ProviderSettings provider;
    Revocations revoked;
  };
  std::vector<Jwt> jwt;
  FailedAttempts::Options wrong_passwords = {};  // of each network; kept over a reload
};

struct Attempt {
  std::optional<std::string> authorization;  // the header's value
  Operation operation;
  FailedAttempts::Key network{};  // of the client, for the limit on wrong passwords
};

struct Decision {
  enum class Status {
    kAllowed,
    kUnauthenticated,  // no credential, or none that counts
    kForbidden,        // a good one that does not allow this
    kTooManyAttempts,  // this network has tried too many passwords
    kComeAgain,        // cannot be told now
  };
  enum class Method { kNone, kToken, kJwt, kPassword, kSession, kProxy };
  Status status = Status::kUnauthenticated;
  Method method = Method::kNone;            // of the credential that was sent, as far as its form tells
  std::string principal;                    // whose; empty unless proved
  std::string reason;                       // for the audit log only: a client that learns it can probe
  std::vector<std::string> missing_scopes;  // kForbidden: any of these would do
};

// Immutable but for its caches; thread-safe. The clock and the log must outlive it.
class Authorizer {
 public:
  struct Environment {
    std::shared_ptr<http::HttpTransport> transport;
    const Clock& clock;
    const telemetry::Log& log;
  };
  // Takes over from `former`, which may be null, the keys and policies of providers whose settings are the same, and
  // which passwords are known to be right. Error{kConfiguration} for settings that cannot be used.
  static std::shared_ptr<const Authorizer> make(Settings settings, const Environment& environment,
                                                const Authorizer* former);
  ~Authorizer();

  // May block: for keys that are not known (seconds at most), and for a password (0.1 s). Never throws on foreign
  // bytes.
  Decision decide(const Attempt& attempt) const;

  // Whether a password could be a credential, so that clients may be told.
  bool takes_passwords() const noexcept { return !settings_.people.empty(); }
  bool takes_bearer_tokens() const noexcept { return !tokens_.empty() || !providers_.empty(); }

 private:
  struct Passwords;
  struct IssuedTokens;
  struct Known {
    std::string sha256;
    Grant grant;
  };

  Authorizer(Settings settings, const Environment& environment, const Authorizer* former);
  Decision judge(const Grant& grant, Decision::Method method, const std::vector<Permission>& document,
                 Policy::RouteScopes route_scopes, const Operation& operation) const;
  const Known* find_static(std::string_view digest) const;
  Decision decide_bearer(std::string_view header, std::string_view token, const Operation& operation) const;
  Decision decide_issued(std::string_view header, std::string_view token, std::string_view digest,
                         const Operation& operation) const;
  Decision decide_password(std::string_view encoded, const Attempt& attempt) const;

  const Settings settings_;
  const Clock& clock_;
  std::vector<Known> tokens_;
  std::vector<std::unique_ptr<IssuedTokens>> providers_;
  std::shared_ptr<Passwords> passwords_;
};

}  // namespace penstock::authz
