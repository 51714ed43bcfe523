// A public key and the check of a signature with it. The one place of this module that calls OpenSSL for signatures.
//
// Source: RFC 7518 sections 3.3 to 3.5 and 6, RFC 8037 sections 2 and 3; OpenSSL 3.0 EVP, no deprecated call.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "core/authz/algorithm.h"

namespace penstock::authz {

// Immutable and thread-safe; copies share the key.
class PublicKey {
 public:
  // Big-endian bytes, as a JWK holds them. All throw Error{kInvalidInput} for a key that must not be used:
  // modulus of 2048 to 8192 bits and odd; exponent odd, at least 3, at most 64 bits.
  static PublicKey from_rsa(std::string_view modulus, std::string_view exponent);
  // `type` is one of the three curves; each coordinate has the curve's full length, and the point lies on the curve.
  static PublicKey from_ec(KeyType type, std::string_view x, std::string_view y);
  static PublicKey from_ed25519(std::string_view x);
  // All of -----BEGIN PUBLIC KEY----- and the keys of all -----BEGIN CERTIFICATE----- (whose dates and issuer nobody
  // asks for: who wrote the file vouches for them), in their order. Error{kInvalidInput} when there is none, for one
  // that is damaged or of another kind, and for a private key, which has no place there.
  static std::vector<PublicKey> from_pem(std::string_view pem);

  KeyType type() const noexcept { return type_; }

  // True when `signature`, in the form that RFC 7518 gives it, is one of `data` by this key. False for everything else,
  // an algorithm of another key type and a signature of another length included. Never throws on foreign bytes.
  bool verify(Algorithm algorithm, std::string_view data, std::string_view signature) const noexcept;

 private:
  struct Key;
  PublicKey(KeyType type, std::shared_ptr<const Key> key) : type_(type), key_(std::move(key)) {}
  static PublicKey make(std::shared_ptr<Key> key);

  KeyType type_;
  std::shared_ptr<const Key> key_;
};

}  // namespace penstock::authz
