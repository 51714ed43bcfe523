// Hashes, message authentication codes and their text forms. The one place that calls OpenSSL's EVP for them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {

enum class HashAlgorithm { kMd5, kSha1, kSha256, kSha384, kSha512 };

// Raw bytes of the digest.
std::string hash(HashAlgorithm algorithm, std::string_view data);
std::string hmac(HashAlgorithm algorithm, std::string_view key, std::string_view data);

// Lower-case hexadecimal SHA-256.
std::string sha256_hex(std::string_view data);

// Incremental; finish() may be called once. Not thread-safe.
class Hasher {
 public:
  explicit Hasher(HashAlgorithm algorithm);
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();
  void update(std::string_view data);
  std::string finish();  // raw bytes

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string to_hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view text);  // either case; empty for anything else

std::string to_base64(std::string_view bytes);
// Standard alphabet, padding required, no white space (RFC 4648 section 4). Empty for anything else.
std::optional<std::string> from_base64(std::string_view text);
// "-_" for "+/" and no padding (section 5, as RFC 7515 wants it).
std::string to_base64url(std::string_view bytes);
// The one spelling that RFC 7515 section 2 allows: no padding, no white space, unused bits zero. Empty for anything
// else.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace penstock
