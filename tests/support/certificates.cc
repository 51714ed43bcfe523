#include "tests/support/certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "core/base/handle.h"

namespace penstock::testing {
namespace {

using Bio = Handle<BIO, BIO_free_all>;
using Key = Handle<EVP_PKEY, EVP_PKEY_free>;

std::string text_of(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Key make_key(KeyKind kind) {
  switch (kind) {
    case KeyKind::kRsa2048:
      return Key(EVP_RSA_gen(2048));
    case KeyKind::kRsa1024:
      return Key(EVP_RSA_gen(1024));
    case KeyKind::kEcP256:
      return Key(EVP_EC_gen("P-256"));
  }
  return nullptr;
}

}  // namespace

MadeCertificate make_certificate(KeyKind kind, std::chrono::seconds valid_for) {
  const Key key = make_key(kind);
  const Handle<X509, X509_free> certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), static_cast<long>(valid_for.count()));
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("penstock test"), -1, -1,
                             0);
  X509_set_issuer_name(certificate.get(), name);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  MadeCertificate made;
  const Bio certificate_text(BIO_new(BIO_s_mem())), key_text(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_text.get(), certificate.get());
  PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  made.certificate = text_of(certificate_text);
  made.private_key = text_of(key_text);
  return made;
}

std::string encrypt_private_key(const std::string& private_key, const std::string& passphrase) {
  const Bio in(BIO_new_mem_buf(private_key.data(), static_cast<int>(private_key.size())));
  const Key key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  const Bio out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), EVP_aes_256_cbc(), passphrase.data(),
                                static_cast<int>(passphrase.size()), nullptr, nullptr);
  return text_of(out);
}

bool verifies_ps256(const std::string& certificate, const std::string& data, const std::string& signature) {
  const Bio in(BIO_new_mem_buf(certificate.data(), static_cast<int>(certificate.size())));
  const Handle<X509, X509_free> parsed(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  const Handle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  return parsed &&
         EVP_DigestVerifyInit(context.get(), &options, EVP_sha256(), nullptr, X509_get0_pubkey(parsed.get())) == 1 &&
         EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(options, 32) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                          reinterpret_cast<const unsigned char*>(data.data()), data.size()) == 1;
}

}  // namespace penstock::testing
