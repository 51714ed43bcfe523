#include "core/authz/algorithm.h"

namespace penstock::authz {

std::optional<Algorithm> parse_algorithm(std::string_view name) noexcept {
  for (const Algorithm algorithm : kAlgorithms) {
    if (to_string(algorithm) == name) return algorithm;
  }
  if (name == "Ed25519") return Algorithm::kEdDsa;
  return std::nullopt;
}

std::string_view to_string(Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::kRs256:
      return "RS256";
    case Algorithm::kRs384:
      return "RS384";
    case Algorithm::kRs512:
      return "RS512";
    case Algorithm::kPs256:
      return "PS256";
    case Algorithm::kPs384:
      return "PS384";
    case Algorithm::kPs512:
      return "PS512";
    case Algorithm::kEs256:
      return "ES256";
    case Algorithm::kEs384:
      return "ES384";
    case Algorithm::kEs512:
      return "ES512";
    case Algorithm::kEdDsa:
      return "EdDSA";
  }
  return "";
}

KeyType key_type_of(Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::kRs256:
    case Algorithm::kRs384:
    case Algorithm::kRs512:
    case Algorithm::kPs256:
    case Algorithm::kPs384:
    case Algorithm::kPs512:
      return KeyType::kRsa;
    case Algorithm::kEs256:
      return KeyType::kP256;
    case Algorithm::kEs384:
      return KeyType::kP384;
    case Algorithm::kEs512:
      return KeyType::kP521;
    case Algorithm::kEdDsa:
      return KeyType::kEd25519;
  }
  return KeyType::kRsa;
}

std::string_view to_string(KeyType type) noexcept {
  switch (type) {
    case KeyType::kRsa:
      return "RSA";
    case KeyType::kP256:
      return "P-256";
    case KeyType::kP384:
      return "P-384";
    case KeyType::kP521:
      return "P-521";
    case KeyType::kEd25519:
      return "Ed25519";
  }
  return "";
}

}  // namespace penstock::authz
