// Keys made at run time, and tokens signed with them by OpenSSL's own way of signing.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/authz/algorithm.h"
#include "core/authz/jwk_set.h"

namespace penstock::authz::testing {

class Signer {
 public:
  // `bits` counts for RSA only; `curve` only for kinds that no KeyType stands for ("secp256k1", "ED448").
  explicit Signer(KeyType type, int bits = 2048);
  static Signer of_group(const std::string& group);
  static Signer ed448();

  // In the form of RFC 7518 section 3: R || S for ECDSA. `salt` is the length of a PSS salt, -1 = that of the digest.
  std::string sign(Algorithm algorithm, std::string_view data, int salt = -1) const;
  // As OpenSSL gives it: DER for ECDSA.
  std::string sign_raw(Algorithm algorithm, std::string_view data, int salt = -1) const;
  std::string public_pem() const;
  std::string private_pem() const;
  // {"kty":…,"kid":…} and whatever `more` adds (",\"use\":\"sig\"").
  std::string jwk(const std::string& key_id, const std::string& more = "") const;
  // The group's order, big-endian; for ECDSA only.
  std::string order() const;

 private:
  struct Key;
  Signer() = default;
  std::string parameter(const char* name, std::size_t size = 0) const;
  KeyType type_ = KeyType::kRsa;
  std::shared_ptr<Key> key_;
};

std::string encode(std::string_view header, std::string_view payload);  // "HEADER.PAYLOAD"
// {"alg":…,"kid":…} in front, signed.
std::string make_token(const Signer& signer, Algorithm algorithm, std::string_view payload,
                       const std::string& key_id = "k");
std::string make_token_with_header(const Signer& signer, Algorithm algorithm, std::string_view header,
                                   std::string_view payload);
std::string set_of(const std::string& jwks);  // {"keys":[…]}

// One of each type, made once.
const Signer& signer_of(KeyType type);

}  // namespace penstock::authz::testing
