// Passwords of people, kept as scrypt digests in the form "$scrypt$ln=15,r=8,p=1$SALT$HASH" (the PHC string format, as
// other programs write it: base64 without padding).
//
// Source: RFC 7914; OpenSSL 3.0 EVP_KDF (argon2 came with 3.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::authz {

// Immutable and thread-safe.
class PasswordDigest {
 public:
  // Nothing for another form, and for costs that are too low to protect or too high to bear: 2^14 to 2^17, r 8, p 1 to
  // 4, salt of 8 to 64 bytes, hash of 32 to 64.
  static std::optional<PasswordDigest> parse(std::string_view text);
  // With a random salt and today's cost: 32 MiB, and about 0.1 s of one core.
  static PasswordDigest make(std::string_view password);

  // Costs what the digest says, whether it fits or not. Error{kInternal} when OpenSSL refuses (out of memory).
  bool matches(std::string_view password) const;
  std::string to_string() const;

 private:
  PasswordDigest() = default;
  std::string derive(std::string_view password, std::size_t size) const;
  unsigned log_cost_ = 15;
  std::uint32_t block_size_ = 8, parallel_ = 1;
  std::string salt_, hash_;
};

}  // namespace penstock::authz
