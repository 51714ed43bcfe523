// The signature algorithms that a token may be signed with. "none" and the HMAC family are no members: a verifier that
// knows public keys only must not be talked into taking one for a shared secret.
//
// Source: RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 8725 sections 3.1 and 3.2.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace penstock::authz {

enum class Algorithm { kRs256, kRs384, kRs512, kPs256, kPs384, kPs512, kEs256, kEs384, kEs512, kEdDsa };
enum class KeyType { kRsa, kP256, kP384, kP521, kEd25519 };

inline constexpr std::array<Algorithm, 10> kAlgorithms = {
    Algorithm::kRs256, Algorithm::kRs384, Algorithm::kRs512, Algorithm::kPs256, Algorithm::kPs384,
    Algorithm::kPs512, Algorithm::kEs256, Algorithm::kEs384, Algorithm::kEs512, Algorithm::kEdDsa};

// "RS256", …; exactly as registered, case included; "Ed25519", the later name for what is meant here by "EdDSA" (RFC
// 9864), counts as the same. Nothing for anything else.
std::optional<Algorithm> parse_algorithm(std::string_view name) noexcept;
std::string_view to_string(Algorithm algorithm) noexcept;

// The one type of key that the algorithm goes with; ES256 is P-256 alone.
KeyType key_type_of(Algorithm algorithm) noexcept;
std::string_view to_string(KeyType type) noexcept;

}  // namespace penstock::authz
