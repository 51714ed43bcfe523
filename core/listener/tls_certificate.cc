#include "core/listener/tls_certificate.h"

#include <ctime>
#include <vector>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/handle.h"
#include "core/base/secret.h"
#include "core/base/text.h"

namespace penstock::listener {
namespace {

using Bio = Handle<BIO, BIO_free_all>;
using Certificate = Handle<X509, X509_free>;
using PrivateKey = Handle<EVP_PKEY, EVP_PKEY_free>;

[[noreturn]] void fail(const std::string& doing, const std::string& cause) {
  ERR_clear_error();
  throw Error(ErrorKind::kConfiguration, doing + ": " + cause);
}

Bio to_bio(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string read(const std::filesystem::path& path) {
  try {
    return read_file(path, 1 << 20);
  } catch (const Error& error) {
    throw Error(ErrorKind::kConfiguration, error.what());
  }
}

// A daemon has nobody to ask for a passphrase.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

}  // namespace

struct TlsCertificate::Chain {
  Certificate leaf;
  std::vector<Certificate> issuers;
  PrivateKey key;
};

TlsCertificate::TlsCertificate(const std::filesystem::path& certificate, const std::filesystem::path& private_key)
    : chain_(std::make_unique<Chain>()) {
  const std::string reading_certificate = "reading the certificate " + in_quotes(certificate.native());
  const std::string chain_text = read(certificate);
  const Bio chain_bio = to_bio(chain_text);
  chain_->leaf.reset(PEM_read_bio_X509(chain_bio.get(), nullptr, no_passphrase, nullptr));
  if (!chain_->leaf) fail(reading_certificate, "no PEM certificate found");
  while (X509* issuer = PEM_read_bio_X509(chain_bio.get(), nullptr, no_passphrase, nullptr)) {
    chain_->issuers.emplace_back(issuer);
  }

  const std::string reading_key = "reading the private key " + in_quotes(private_key.native());
  std::string key_text = read(private_key);
  {
    const Bio key_bio = to_bio(key_text);
    chain_->key.reset(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_passphrase, nullptr));
  }
  wipe(key_text);
  if (!chain_->key) fail(reading_key, "no PEM private key found, or it is encrypted");
  if (X509_check_private_key(chain_->leaf.get(), chain_->key.get()) != 1) {
    fail(reading_key, "it does not belong to the certificate " + in_quotes(certificate.native()));
  }
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(chain_->leaf.get()), &end) != 1) {
    fail(reading_certificate, "it has no valid end date");
  }
  not_after_ = from_milliseconds(static_cast<std::int64_t>(::timegm(&end)) * 1000);
  ERR_clear_error();
}

TlsCertificate::~TlsCertificate() = default;

bool TlsCertificate::use_for(SSL* connection) const noexcept {
  if (SSL_use_certificate(connection, chain_->leaf.get()) != 1) return false;
  if (SSL_use_PrivateKey(connection, chain_->key.get()) != 1) return false;
  SSL_clear_chain_certs(connection);
  for (const Certificate& issuer : chain_->issuers) {
    if (SSL_add1_chain_cert(connection, issuer.get()) != 1) return false;
  }
  return true;
}

}  // namespace penstock::listener
