// One identity provider whose tokens are accepted: its keys, what its tokens must say, what their scopes are worth, and
// the policies of the tokens that it has seen.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/authz/algorithm.h"
#include "core/authz/claims.h"
#include "core/authz/jws.h"
#include "core/authz/key_loader.h"
#include "core/authz/key_ring.h"
#include "core/authz/permissions.h"
#include "core/authz/policy_cache.h"
#include "core/base/regex.h"

namespace penstock::authz {

// What a bearer token in an Authorization header looks like, unless the configuration says otherwise.
inline constexpr std::string_view kDefaultTokenPattern =
    R"(^(?:[Bb]earer )[a-zA-Z0-9\-_]+\.[a-zA-Z0-9\-_]+\.[a-zA-Z0-9\-_]+$)";

// The same as a function, an eighth of the time; for whatever stands in a header.
bool has_default_token_form(std::string_view authorization) noexcept;

struct ProviderSettings {
  std::string issuer;
  std::vector<std::string> audiences;
  KeySource keys;
  std::chrono::milliseconds keys_refresh{3'600'000}, keys_expire{86'400'000};
  std::vector<Algorithm> algorithms{kAlgorithms.begin(), kAlgorithms.end()};
  std::string scope_claim;                          // empty = scp, scope and roles
  std::string token_pattern{kDefaultTokenPattern};  // of the whole Authorization header, RE2
  std::chrono::milliseconds leeway_start{30000}, leeway_end{0};
  std::chrono::milliseconds cache_ttl{300'000};  // 0 = each token is verified each time
  std::vector<Permission> permissions;
  // Whether scopes named as routes want them count without being in `permissions`.
  Policy::RouteScopes route_scopes = Policy::RouteScopes::kCount;
  bool operator==(const ProviderSettings&) const = default;

  // What its keys depend on.
  bool has_same_keys(const ProviderSettings& other) const {
    return keys == other.keys && keys_refresh == other.keys_refresh && keys_expire == other.keys_expire;
  }
};

// Thread-safe.
class Provider {
 public:
  // Error{kInvalidInput} for a token pattern that is none. The clock must outlive it.
  Provider(ProviderSettings settings, std::shared_ptr<KeyRing> keys, const Clock& clock);

  // True when the header has the form of a token at all: for anything else nothing is computed.
  bool has_token_form(std::string_view authorization) const {
    return pattern_ ? pattern_->matches_whole(authorization) : has_default_token_form(authorization);
  }

  // The grant of a token that was verified a moment ago and has not ended; null otherwise.
  std::shared_ptr<const Grant> find_cached(std::string_view digest);

  struct Result {
    std::shared_ptr<const Grant> grant;  // null when the token is not accepted
    std::string fault;                   // why, for the log; without a word of the token
    bool come_again = false;             // cannot be said now: the keys are not known
  };
  // `jws` was parsed from the token with this digest. Blocks for at most the key
  // ring's patience, and only for a key that is not known. Never throws on foreign bytes.
  Result verify(const Jws& jws, std::string_view digest);

  const ProviderSettings& settings() const noexcept { return settings_; }
  const std::shared_ptr<KeyRing>& keys() const noexcept { return keys_; }

 private:
  enum class Signature { kGood, kBad, kKeyUnknown };
  Signature check(const JwkSet& keys, const Jws& jws) const;
  PolicyCache::Moment now() const { return {clock_.now(), clock_.steady_now()}; }

  const ProviderSettings settings_;
  const std::optional<Regex> pattern_;  // nothing for the default
  const std::shared_ptr<KeyRing> keys_;
  const Clock& clock_;
  PolicyCache cache_;
};

}  // namespace penstock::authz
