// The public keys of an issuer: a JWK Set, or PEM.
//
// Source: RFC 7517 sections 4 and 5, RFC 7518 section 6, RFC 8037 section 2.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/authz/public_key.h"

namespace penstock::authz {

inline constexpr std::size_t kMaxKeySetBytes = 512u << 10;
inline constexpr std::size_t kMaxKeys = 100;

struct Jwk {
  std::optional<std::string> key_id;
  std::optional<Algorithm> algorithm;  // the only one that the key is for, if the set says so
  PublicKey key;
};

// Immutable and thread-safe.
class JwkSet {
 public:
  JwkSet() = default;

  // Throws Error{kInvalidInput} for what is no set: more than kMaxKeySetBytes or kMaxKeys, no JSON object of depth 8,
  // duplicate members, no list "keys". A key that cannot be used for checking signatures is left out (RFC 7517 section
  // 5) and counted: another "kty", "use", "key_ops" or "alg", values out of range, a symmetric or private key.
  static JwkSet parse(std::string_view text);
  // All keys without an id. Errors as PublicKey::from_pem().
  static JwkSet from_pem(std::string_view pem);
  // PEM when the text holds a line -----BEGIN …, else JSON.
  static JwkSet parse_any(std::string_view text);

  // The keys that a token with this header may be signed with, at most kMaxCandidates: those of its `key_id`; the ones
  // without any id when none has it; all when the token names none. Each fits the algorithm and may be used for it.
  static constexpr std::size_t kMaxCandidates = 4;
  std::vector<const Jwk*> candidates(Algorithm algorithm, const std::optional<std::string>& key_id) const;
  // True when a key has this id, whatever it may be used for.
  bool knows(const std::string& key_id) const noexcept;

  std::size_t size() const noexcept { return keys_.size(); }
  // Why keys were left out, one text each; not of their content.
  const std::vector<std::string>& left_out() const noexcept { return left_out_; }

 private:
  std::vector<Jwk> keys_;
  std::vector<std::string> left_out_;
};

// "jwks_uri" of an OpenID provider's metadata, when the document is that of `issuer`. Throws Error{kInvalidInput}
// otherwise (OpenID Connect Discovery 1.0 sections 3 and 4.3).
std::string parse_discovery(std::string_view text, const std::string& issuer);

}  // namespace penstock::authz
