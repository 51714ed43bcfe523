// X.509 certificates in PEM text: how long they are valid, and signatures with the key of one of them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/secret.h"
#include "core/base/time.h"

namespace penstock {

struct Certificate {
  std::string subject;  // "CN=example, O=…"
  Timestamp not_before, not_after;
  std::string der;
};

// All certificates of the text, in their order; what is no certificate is passed over. Error{kConfiguration} when there
// is none, and for one that is damaged.
std::vector<Certificate> parse_certificates(std::string_view pem);

// A certificate with its RSA private key, both in one PEM text in any order. Immutable, thread-safe.
class SigningCertificate {
 public:
  // Takes the first certificate that fits the key; others, of a chain, are passed over. Error{kConfiguration} without a
  // word of the content: no certificate, no key, a key with a passphrase, not RSA, below 2048 bits, key and certificate
  // that do not belong together.
  explicit SigningCertificate(const Secret& pem);
  SigningCertificate(SigningCertificate&&) noexcept;
  SigningCertificate& operator=(SigningCertificate&&) noexcept;
  ~SigningCertificate();

  const Certificate& certificate() const noexcept;
  // RSASSA-PSS with SHA-256 and a salt of 32 bytes (RFC 7518 section 3.5); raw bytes.
  std::string sign_ps256(std::string_view data) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace penstock
