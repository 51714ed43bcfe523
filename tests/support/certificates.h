// Certificates and keys that are made when a test runs.
#pragma once

#include <chrono>
#include <string>

namespace penstock::testing {

struct MadeCertificate {
  std::string certificate, private_key;  // PEM
};

enum class KeyKind { kRsa2048, kRsa1024, kEcP256 };

// Self-signed, valid from an hour ago until `valid_for` from now (which may be negative).
MadeCertificate make_certificate(KeyKind kind = KeyKind::kRsa2048,
                                 std::chrono::seconds valid_for = std::chrono::hours(24));

// The private key's PEM, protected by a passphrase.
std::string encrypt_private_key(const std::string& private_key, const std::string& passphrase);

// Whether it is an RSASSA-PSS signature with SHA-256 and a salt of 32 bytes.
bool verifies_ps256(const std::string& certificate, const std::string& data, const std::string& signature);

}  // namespace penstock::testing
