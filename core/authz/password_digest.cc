#include "core/authz/password_digest.h"

#include <array>
#include <span>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/handle.h"
#include "core/base/ids.h"
#include "core/base/secret.h"
#include "core/base/text.h"

namespace penstock::authz {
namespace {

using Kdf = Handle<EVP_KDF, EVP_KDF_free>;
using KdfContext = Handle<EVP_KDF_CTX, EVP_KDF_CTX_free>;

constexpr std::uint64_t kLeastLogCost = 14, kMostLogCost = 17;
constexpr std::uint64_t kBlockSize = 8, kMostParallel = 4;
constexpr std::uint64_t kMaxMemory = 192u << 20;
constexpr std::size_t kSaltBytes = 16, kHashBytes = 32;

std::optional<std::string> decode(std::string_view text) {
  std::string padded(text);
  while (padded.size() % 4 != 0) padded += '=';
  return padded.size() - text.size() > 2 ? std::nullopt : from_base64(padded);
}

std::string encode(std::string_view bytes) {
  std::string text = to_base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::optional<std::uint64_t> number_after(std::string_view text, std::string_view name) {
  return text.starts_with(name) ? parse_unsigned(text.substr(name.size())) : std::nullopt;
}

}  // namespace

std::optional<PasswordDigest> PasswordDigest::parse(std::string_view text) {
  if (text.size() > 300) return std::nullopt;
  const std::vector<std::string> parts = split(text, '$');
  if (parts.size() != 5 || !parts[0].empty() || parts[1] != "scrypt") return std::nullopt;
  const std::vector<std::string> costs = split(parts[2], ',');
  if (costs.size() != 3) return std::nullopt;
  const auto log_cost = number_after(costs[0], "ln="), block_size = number_after(costs[1], "r="),
             parallel = number_after(costs[2], "p=");
  if (!log_cost || *log_cost < kLeastLogCost || *log_cost > kMostLogCost || block_size != kBlockSize || !parallel ||
      *parallel < 1 || *parallel > kMostParallel) {
    return std::nullopt;
  }
  auto salt = decode(parts[3]), hash = decode(parts[4]);
  if (!salt || salt->size() < 8 || salt->size() > 64 || !hash || hash->size() < 32 || hash->size() > 64) {
    return std::nullopt;
  }
  PasswordDigest digest;
  digest.log_cost_ = static_cast<unsigned>(*log_cost);
  digest.parallel_ = static_cast<std::uint32_t>(*parallel);
  digest.salt_ = std::move(*salt);
  digest.hash_ = std::move(*hash);
  return digest;
}

PasswordDigest PasswordDigest::make(std::string_view password) {
  PasswordDigest digest;
  digest.salt_.resize(kSaltBytes);
  fill_random(std::as_writable_bytes(std::span(digest.salt_)));
  digest.hash_ = digest.derive(password, kHashBytes);
  return digest;
}

std::string PasswordDigest::derive(std::string_view password, std::size_t size) const {
  static const Kdf kScrypt(EVP_KDF_fetch(nullptr, "SCRYPT", nullptr));
  const KdfContext context(kScrypt ? EVP_KDF_CTX_new(kScrypt.get()) : nullptr);
  std::uint64_t cost = std::uint64_t{1} << log_cost_, memory = kMaxMemory;
  std::uint32_t block_size = block_size_, parallel = parallel_;
  std::string secret(password), salt = salt_, derived(size, '\0');
  const std::array<OSSL_PARAM, 7> parameters = {
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, secret.data(), secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &cost),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &block_size),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &parallel),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
      OSSL_PARAM_construct_end()};
  const bool good = context && EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(derived.data()), size,
                                              parameters.data()) == 1;
  wipe(secret);
  ERR_clear_error();
  if (!good) throw Error(ErrorKind::kInternal, "deriving a password's digest: OpenSSL refused");
  return derived;
}

bool PasswordDigest::matches(std::string_view password) const {
  return equal_in_constant_time(derive(password, hash_.size()), hash_);
}

std::string PasswordDigest::to_string() const {
  return "$scrypt$ln=" + std::to_string(log_cost_) + ",r=" + std::to_string(block_size_) +
         ",p=" + std::to_string(parallel_) + "$" + encode(salt_) + "$" + encode(hash_);
}

}  // namespace penstock::authz
