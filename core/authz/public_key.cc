#include "core/authz/public_key.h"

#include <array>
#include <optional>
#include <string>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "core/base/error.h"
#include "core/base/handle.h"

namespace penstock::authz {
namespace {

using Bio = Handle<BIO, BIO_free_all>;
using BigNumber = Handle<BIGNUM, BN_free>;
using KeyHandle = Handle<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using ParameterBuilder = Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = Handle<OSSL_PARAM, OSSL_PARAM_free>;
using EcdsaSignature = Handle<ECDSA_SIG, ECDSA_SIG_free>;
using X509Handle = Handle<X509, X509_free>;

constexpr int kLeastRsaBits = 2048;
constexpr int kMostRsaBits = 8192;
constexpr int kMostExponentBits = 64;
constexpr std::size_t kMaxPemBytes = 512u << 10;
constexpr std::size_t kMaxPemKeys = 100;

[[noreturn]] void refuse(std::string_view cause) {
  ERR_clear_error();
  throw Error(ErrorKind::kInvalidInput, "reading a public key: " + std::string(cause));
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

BigNumber to_number(std::string_view bytes) {
  return BigNumber(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

KeyHandle make_key(const char* type, OSSL_PARAM* parameters) {
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || parameters == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    refuse("its numbers are no " + std::string(type) + " key");
  }
  return KeyHandle(key);
}

struct Curve {
  const char* group;
  std::size_t field_bytes;
};
Curve curve_of(KeyType type) {
  switch (type) {
    case KeyType::kP256:
      return {"P-256", 32};
    case KeyType::kP384:
      return {"P-384", 48};
    case KeyType::kP521:
      return {"P-521", 66};
    case KeyType::kRsa:
    case KeyType::kEd25519:
      break;
  }
  return {"", 0};
}

void check_rsa(const EVP_PKEY* key) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &raw) != 1) refuse("it has no modulus");
  const BigNumber modulus(raw);
  raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &raw) != 1) refuse("it has no exponent");
  const BigNumber exponent(raw);
  const int bits = BN_num_bits(modulus.get());
  if (bits < kLeastRsaBits) refuse("an RSA key of fewer than 2048 bits");
  if (bits > kMostRsaBits) refuse("an RSA key of more than 8192 bits");
  if (!BN_is_odd(modulus.get())) refuse("an RSA key whose modulus is even");
  if (!BN_is_odd(exponent.get()) || BN_is_one(exponent.get()) || BN_num_bits(exponent.get()) > kMostExponentBits) {
    refuse("an RSA key whose exponent is even, 1 or longer than 64 bits");
  }
}

std::optional<KeyType> type_of(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "RSA") == 1) return KeyType::kRsa;
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return KeyType::kEd25519;
  if (EVP_PKEY_is_a(key, "EC") != 1) return std::nullopt;
  std::array<char, 64> group{};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) != 1) return std::nullopt;
  const std::string_view name(group.data(), size);
  if (name == "prime256v1" || name == "P-256") return KeyType::kP256;
  if (name == "secp384r1" || name == "P-384") return KeyType::kP384;
  if (name == "secp521r1" || name == "P-521") return KeyType::kP521;
  return std::nullopt;
}

// Fetched once: OpenSSL would look for them at every use.
const EVP_MD* digest_of(Algorithm algorithm) {
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  static const EVP_MD* const sha384 = EVP_MD_fetch(nullptr, "SHA384", nullptr);
  static const EVP_MD* const sha512 = EVP_MD_fetch(nullptr, "SHA512", nullptr);
  switch (algorithm) {
    case Algorithm::kRs256:
    case Algorithm::kPs256:
    case Algorithm::kEs256:
      return sha256;
    case Algorithm::kRs384:
    case Algorithm::kPs384:
    case Algorithm::kEs384:
      return sha384;
    case Algorithm::kRs512:
    case Algorithm::kPs512:
    case Algorithm::kEs512:
      return sha512;
    case Algorithm::kEdDsa:
      break;  // it has its own
  }
  return nullptr;
}

bool is_pss(Algorithm algorithm) {
  return algorithm == Algorithm::kPs256 || algorithm == Algorithm::kPs384 || algorithm == Algorithm::kPs512;
}

// R || S, each of the field's full length, into the DER that OpenSSL reads. Whether they are in range is for OpenSSL's
// own check (SEC 1 section 4.1.4).
std::string to_der(std::string_view signature, std::size_t field_bytes) {
  if (signature.size() != 2 * field_bytes) return "";
  BigNumber r = to_number(signature.substr(0, field_bytes));
  BigNumber s = to_number(signature.substr(field_bytes));
  const EcdsaSignature both(ECDSA_SIG_new());
  if (!both || !r || !s || ECDSA_SIG_set0(both.get(), r.get(), s.get()) != 1) return "";
  (void)r.release();  // they belong to `both` now
  (void)s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(both.get(), &der);
  if (size <= 0) return "";
  std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

}  // namespace

struct PublicKey::Key {
  KeyHandle handle;
};

PublicKey PublicKey::make(std::shared_ptr<Key> key) {
  const auto type = type_of(key->handle.get());
  if (!type) refuse("expected RSA, EC on P-256, P-384 or P-521, or Ed25519, found another kind");
  if (*type == KeyType::kRsa) {
    check_rsa(key->handle.get());
  } else {
    const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key->handle.get(), nullptr));
    if (!context || EVP_PKEY_public_check(context.get()) != 1) refuse("it is no point of its curve");
  }
  ERR_clear_error();
  return {*type, std::move(key)};
}

PublicKey PublicKey::from_rsa(std::string_view modulus, std::string_view exponent) {
  // Before anything is computed with them; a zero in front, which some writers leave, does not count.
  if (modulus.size() > kMostRsaBits / 8 + 1 || exponent.size() > kMostExponentBits / 8 + 1) {
    refuse("an RSA key whose modulus or exponent is too long");
  }
  const BigNumber n = to_number(modulus), e = to_number(exponent);
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    refuse("its numbers cannot be taken");
  }
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  return make(std::make_shared<Key>(Key{make_key("RSA", parameters.get())}));
}

PublicKey PublicKey::from_ec(KeyType type, std::string_view x, std::string_view y) {
  const Curve curve = curve_of(type);
  if (curve.field_bytes == 0) refuse("it is on no known curve");
  if (x.size() != curve.field_bytes || y.size() != curve.field_bytes) {
    refuse("a coordinate does not have the length of the curve " + std::string(curve.group));
  }
  const std::string point = "\x04" + std::string(x) + std::string(y);  // uncompressed, SEC 1 section 2.3.3
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.group, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    refuse("its numbers cannot be taken");
  }
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  return make(std::make_shared<Key>(Key{make_key("EC", parameters.get())}));
}

PublicKey PublicKey::from_ed25519(std::string_view x) {
  KeyHandle key(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, bytes_of(x), x.size()));
  if (!key) refuse("an Ed25519 key is 32 bytes");
  return make(std::make_shared<Key>(Key{std::move(key)}));
}

std::vector<PublicKey> PublicKey::from_pem(std::string_view pem) {
  if (pem.size() > kMaxPemBytes) refuse("the PEM text is larger than 512 KiB");
  if (pem.find("PRIVATE KEY-----") != std::string_view::npos) {
    refuse("the PEM text holds a private key; keep that with who signs, and give this program the public one");
  }
  std::vector<PublicKey> keys;
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // Block by block, as keys and certificates may follow each other in any order.
  while (bio) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    ERR_clear_error();
    if (PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1) {
      const unsigned long error = ERR_peek_last_error();
      const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
      if (!at_end) refuse("the block after " + std::to_string(keys.size()) + " keys is damaged");
      break;
    }
    const std::string kind(name);
    const unsigned char* position = data;
    KeyHandle key;
    if (kind == "PUBLIC KEY") {
      key.reset(d2i_PUBKEY_ex(nullptr, &position, size, nullptr, nullptr));
    } else if (kind == "CERTIFICATE") {
      const X509Handle certificate(d2i_X509(nullptr, &position, size));
      if (certificate) key.reset(X509_get_pubkey(certificate.get()));
    }
    const bool is_whole = position == data + size;
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    if (kind != "PUBLIC KEY" && kind != "CERTIFICATE") {
      refuse("expected -----BEGIN PUBLIC KEY----- or -----BEGIN CERTIFICATE-----, found another kind of block");
    }
    if (!key || !is_whole) refuse("the block after " + std::to_string(keys.size()) + " keys is damaged");
    if (keys.size() >= kMaxPemKeys) refuse("the PEM text holds more than 100 keys");
    keys.push_back(make(std::make_shared<Key>(Key{std::move(key)})));
  }
  if (keys.empty()) refuse("expected PEM text with -----BEGIN PUBLIC KEY-----, found none");
  ERR_clear_error();
  return keys;
}

bool PublicKey::verify(Algorithm algorithm, std::string_view data, std::string_view signature) const noexcept try {
  if (key_type_of(algorithm) != type_) return false;
  std::string der;
  switch (type_) {
    case KeyType::kP256:
    case KeyType::kP384:
    case KeyType::kP521:
      der = to_der(signature, curve_of(type_).field_bytes);
      if (der.empty()) return false;
      signature = der;
      break;
    case KeyType::kRsa:
      if (signature.size() != static_cast<std::size_t>(EVP_PKEY_get_size(key_->handle.get()))) return false;
      break;
    case KeyType::kEd25519:
      if (signature.size() != 64) return false;
      break;
  }
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;  // belongs to the context
  const bool good =
      context &&
      EVP_DigestVerifyInit(context.get(), &options, digest_of(algorithm), nullptr, key_->handle.get()) == 1 &&
      (!is_pss(algorithm) || (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                              EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
      EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(data), data.size()) == 1;
  ERR_clear_error();
  return good;
} catch (const std::exception&) {
  return false;  // out of memory
}

}  // namespace penstock::authz
