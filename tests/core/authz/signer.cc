#include "tests/core/authz/signer.h"

#include <array>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "core/base/digest.h"
#include "core/base/handle.h"

namespace penstock::authz::testing {
namespace {

using Bio = Handle<BIO, BIO_free_all>;
using BigNumber = Handle<BIGNUM, BN_free>;
using Context = Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using EcdsaSignature = Handle<ECDSA_SIG, ECDSA_SIG_free>;

void require(bool good) {
  if (!good) throw std::runtime_error("OpenSSL refused to make a test vector");
}

const EVP_MD* digest_of(Algorithm algorithm) {
  const std::string_view name = to_string(algorithm);
  if (name == "EdDSA") return nullptr;
  return name.ends_with("256") ? EVP_sha256() : name.ends_with("384") ? EVP_sha384() : EVP_sha512();
}

std::size_t field_bytes(KeyType type) {
  return type == KeyType::kP256 ? 32 : type == KeyType::kP384 ? 48 : 66;
}

std::string text_of(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace

struct Signer::Key {
  Handle<EVP_PKEY, EVP_PKEY_free> handle;
};

Signer::Signer(KeyType type, int bits) : type_(type), key_(std::make_shared<Key>()) {
  switch (type) {
    case KeyType::kRsa:
      key_->handle.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(bits)));
      break;
    case KeyType::kEd25519:
      key_->handle.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
      break;
    case KeyType::kP256:
    case KeyType::kP384:
    case KeyType::kP521:
      key_->handle.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", std::string(to_string(type)).c_str()));
      break;
  }
  require(key_->handle != nullptr);
}

Signer Signer::of_group(const std::string& group) {
  Signer signer;
  signer.type_ = KeyType::kP256;
  signer.key_ = std::make_shared<Key>();
  signer.key_->handle.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", group.c_str()));
  require(signer.key_->handle != nullptr);
  return signer;
}

Signer Signer::ed448() {
  Signer signer;
  signer.type_ = KeyType::kEd25519;
  signer.key_ = std::make_shared<Key>();
  signer.key_->handle.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448"));
  require(signer.key_->handle != nullptr);
  return signer;
}

std::string Signer::sign_raw(Algorithm algorithm, std::string_view data, int salt) const {
  const Context context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  require(EVP_DigestSignInit(context.get(), &options, digest_of(algorithm), nullptr, key_->handle.get()) == 1);
  if (to_string(algorithm).starts_with("PS")) {
    require(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(options, salt) == 1);
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  std::size_t size = 0;
  require(EVP_DigestSign(context.get(), nullptr, &size, bytes, data.size()) == 1);
  std::string signature(size, '\0');
  require(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
                         data.size()) == 1);
  signature.resize(size);
  return signature;
}

std::string Signer::sign(Algorithm algorithm, std::string_view data, int salt) const {
  std::string raw = sign_raw(algorithm, data, salt);
  if (type_ == KeyType::kRsa || type_ == KeyType::kEd25519) return raw;
  const auto* position = reinterpret_cast<const unsigned char*>(raw.data());
  const EcdsaSignature both(d2i_ECDSA_SIG(nullptr, &position, static_cast<long>(raw.size())));
  require(both != nullptr);
  const std::size_t size = field_bytes(type_);
  std::string signature(2 * size, '\0');
  auto* out = reinterpret_cast<unsigned char*>(signature.data());
  require(BN_bn2binpad(ECDSA_SIG_get0_r(both.get()), out, static_cast<int>(size)) > 0 &&
          BN_bn2binpad(ECDSA_SIG_get0_s(both.get()), out + size, static_cast<int>(size)) > 0);
  return signature;
}

std::string Signer::public_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PUBKEY(bio.get(), key_->handle.get()) == 1);
  return text_of(bio);
}

std::string Signer::private_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PrivateKey(bio.get(), key_->handle.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(bio);
}

std::string Signer::parameter(const char* name, std::size_t size) const {
  BIGNUM* raw = nullptr;
  require(EVP_PKEY_get_bn_param(key_->handle.get(), name, &raw) == 1);
  const BigNumber number(raw);
  std::string bytes(size == 0 ? static_cast<std::size_t>(BN_num_bytes(raw)) : size, '\0');
  require(BN_bn2binpad(raw, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) > 0);
  return bytes;
}

std::string Signer::order() const {
  return parameter(OSSL_PKEY_PARAM_EC_ORDER);
}

std::string Signer::jwk(const std::string& key_id, const std::string& more) const {
  std::string text = "{\"kid\":\"" + key_id + "\"" + more;
  const auto add = [&](const std::string& name, const std::string& value) {
    text += ",\"" + name + "\":\"" + value + "\"";
  };
  if (type_ == KeyType::kRsa) {
    add("kty", "RSA");
    add("n", to_base64url(parameter(OSSL_PKEY_PARAM_RSA_N)));
    add("e", to_base64url(parameter(OSSL_PKEY_PARAM_RSA_E)));
  } else if (type_ == KeyType::kEd25519) {
    std::array<unsigned char, 57> bytes{};
    std::size_t size = bytes.size();
    require(EVP_PKEY_get_raw_public_key(key_->handle.get(), bytes.data(), &size) == 1);
    add("kty", "OKP");
    add("crv", size == 32 ? "Ed25519" : "Ed448");
    add("x", to_base64url({reinterpret_cast<const char*>(bytes.data()), size}));
  } else {
    add("kty", "EC");
    add("crv", std::string(to_string(type_)));
    add("x", to_base64url(parameter(OSSL_PKEY_PARAM_EC_PUB_X, field_bytes(type_))));
    add("y", to_base64url(parameter(OSSL_PKEY_PARAM_EC_PUB_Y, field_bytes(type_))));
  }
  return text + "}";
}

std::string encode(std::string_view header, std::string_view payload) {
  return to_base64url(header) + "." + to_base64url(payload);
}

std::string make_token_with_header(const Signer& signer, Algorithm algorithm, std::string_view header,
                                   std::string_view payload) {
  const std::string input = encode(header, payload);
  return input + "." + to_base64url(signer.sign(algorithm, input));
}

std::string make_token(const Signer& signer, Algorithm algorithm, std::string_view payload, const std::string& key_id) {
  return make_token_with_header(
      signer, algorithm, "{\"alg\":\"" + std::string(to_string(algorithm)) + "\",\"kid\":\"" + key_id + "\"}", payload);
}

std::string set_of(const std::string& jwks) {
  return "{\"keys\":[" + jwks + "]}";
}

const Signer& signer_of(KeyType type) {
  static const std::map<KeyType, Signer> signers = [] {
    std::map<KeyType, Signer> made;
    for (const KeyType each : {KeyType::kRsa, KeyType::kP256, KeyType::kP384, KeyType::kP521, KeyType::kEd25519}) {
      made.emplace(each, Signer(each));
    }
    return made;
  }();
  return signers.at(type);
}

}  // namespace penstock::authz::testing
