#include "core/base/certificate.h"

#include <algorithm>
#include <ctime>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "core/base/error.h"
#include "core/base/handle.h"
#include "core/base/text.h"

namespace penstock {
namespace {

using Bio = Handle<BIO, BIO_free_all>;
using X509Handle = Handle<X509, X509_free>;
using Key = Handle<EVP_PKEY, EVP_PKEY_free>;
using DigestContext = Handle<EVP_MD_CTX, EVP_MD_CTX_free>;

constexpr int kLeastKeyBits = 2048;
constexpr std::size_t kMaxPemBytes = 1u << 20;

[[noreturn]] void refuse(std::string_view what, std::string_view cause) {
  ERR_clear_error();
  throw Error(ErrorKind::kConfiguration, "reading " + std::string(what) + ": " + std::string(cause));
}

Bio reader_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Timestamp to_timestamp(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return from_milliseconds(static_cast<std::int64_t>(::timegm(&parts)) * 1000);
}

std::string subject_of(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio ||
      X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ) < 0)
    return "";
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return size <= 0 ? "" : truncate_utf8(std::string_view(text, static_cast<std::size_t>(size)), 200, 800);
}

std::string der_of(X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  if (size <= 0) refuse("a certificate", "it cannot be encoded");
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

Certificate facts_of(X509* certificate) {
  return {subject_of(certificate), to_timestamp(X509_get0_notBefore(certificate)),
          to_timestamp(X509_get0_notAfter(certificate)), der_of(certificate)};
}

std::vector<X509Handle> read_certificates(std::string_view pem, std::string_view what) {
  if (pem.size() > kMaxPemBytes) refuse(what, "it is larger than 1 MiB");
  const Bio bio = reader_of(pem);
  if (!bio) refuse(what, "out of memory");
  std::vector<X509Handle> found;
  ERR_clear_error();
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) found.emplace_back(certificate);
  // The end of the text is an error too, the only one that is none.
  const unsigned long error = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) refuse(what, "the block after " + std::to_string(found.size()) + " certificates is damaged");
  if (found.empty()) refuse(what, "expected PEM text with -----BEGIN CERTIFICATE-----, found none");
  return found;
}

// Nobody is there to type one; without this, OpenSSL would ask on the terminal.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Key read_private_key(std::string_view pem, std::string_view what) {
  const Bio bio = reader_of(pem);
  bool asked = false;
  Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, &asked) : nullptr);
  ERR_clear_error();
  if (asked) refuse(what, "the private key is protected by a passphrase; store an unprotected copy");
  if (!key) {
    refuse(what, pem.find("PRIVATE KEY-----") == std::string_view::npos
                     ? "expected the private key beside the certificate, found none"
                     : "the private key is damaged");
  }
  if (EVP_PKEY_is_a(key.get(), "RSA") != 1) refuse(what, "expected an RSA key, found another kind");
  if (EVP_PKEY_get_bits(key.get()) < kLeastKeyBits) refuse(what, "the RSA key has fewer than 2048 bits");
  return key;
}

}  // namespace

std::vector<Certificate> parse_certificates(std::string_view pem) {
  std::vector<Certificate> certificates;
  for (const X509Handle& certificate : read_certificates(pem, "the certificates")) {
    certificates.push_back(facts_of(certificate.get()));
  }
  return certificates;
}

struct SigningCertificate::State {
  Certificate certificate;
  Key key;
};

SigningCertificate::SigningCertificate(const Secret& pem) : state_(std::make_unique<State>()) {
  constexpr std::string_view kWhat = "the certificate and its private key";
  const std::vector<X509Handle> certificates = read_certificates(pem.reveal(), kWhat);
  state_->key = read_private_key(pem.reveal(), kWhat);
  const auto found = std::find_if(certificates.begin(), certificates.end(), [&](const X509Handle& certificate) {
    return X509_check_private_key(certificate.get(), state_->key.get()) == 1;
  });
  if (found == certificates.end()) refuse(kWhat, "the key is not that of the certificate");
  ERR_clear_error();
  state_->certificate = facts_of(found->get());
}
SigningCertificate::SigningCertificate(SigningCertificate&&) noexcept = default;
SigningCertificate& SigningCertificate::operator=(SigningCertificate&&) noexcept = default;
SigningCertificate::~SigningCertificate() = default;

const Certificate& SigningCertificate::certificate() const noexcept {
  return state_->certificate;
}

std::string SigningCertificate::sign_ps256(std::string_view data) const {
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;  // belongs to the context
  std::size_t size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  std::string signature;
  const bool good =
      context && EVP_DigestSignInit(context.get(), &options, EVP_sha256(), nullptr, state_->key.get()) == 1 &&
      EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
      EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1 &&
      EVP_DigestSign(context.get(), nullptr, &size, bytes, data.size()) == 1 && (signature.resize(size), true) &&
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes, data.size()) == 1;
  ERR_clear_error();
  if (!good) throw Error(ErrorKind::kInternal, "signing with an RSA key: OpenSSL refused");
  signature.resize(size);
  return signature;
}

}  // namespace penstock
