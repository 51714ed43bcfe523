#include "core/listener/tls.h"

#include <cerrno>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::listener {

TlsContext::TlsContext(const TlsFiles& files)
    : certificate_(std::make_shared<const TlsCertificate>(files.certificate, files.private_key)) {
  context_ = SSL_CTX_new(TLS_server_method());
  if (context_ == nullptr) throw Error(ErrorKind::kInternal, "making a TLS context: out of memory");
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  SSL_CTX_set_options(context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                    SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CLEANSE_PLAINTEXT);
  // Idle connections give their buffers back; sessions resume by tickets, which cost this side no memory.
  SSL_CTX_set_mode(context_,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context_, 1);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context_, 1);
  static constexpr unsigned char kSessionContext[] = "penstock";
  SSL_CTX_set_session_id_context(context_, kSessionContext, sizeof kSessionContext - 1);
  SSL_CTX_set_cert_cb(context_, &TlsContext::choose_certificate, this);
  if (files.client_authorities.empty()) return;
  const std::string doing = "reading the client authorities " + in_quotes(files.client_authorities.native());
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(files.client_authorities.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(context_, files.client_authorities.c_str()) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    ERR_clear_error();
    SSL_CTX_free(context_);
    throw Error(ErrorKind::kConfiguration, doing + ": no PEM certificates can be read from it");
  }
  SSL_CTX_set_client_CA_list(context_, names);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

void TlsContext::use_certificate(const TlsFiles& files) {
  auto fresh = std::make_shared<const TlsCertificate>(files.certificate, files.private_key);
  std::lock_guard lock(mutex_);
  certificate_ = std::move(fresh);
}

std::shared_ptr<const TlsCertificate> TlsContext::certificate() const {
  std::lock_guard lock(mutex_);
  return certificate_;
}

int TlsContext::choose_certificate(SSL* connection, void* self) noexcept {
  return static_cast<const TlsContext*>(self)->certificate()->use_for(connection) ? 1 : 0;
}

SSL* TlsContext::make_connection(int fd) const {
  SSL* connection = SSL_new(context_);
  if (connection == nullptr) return nullptr;
  if (SSL_set_fd(connection, fd) != 1) {
    SSL_free(connection);
    return nullptr;
  }
  SSL_set_accept_state(connection);
  return connection;
}

Channel::Channel(UniqueFd socket, SSL* tls) : socket_(std::move(socket)), tls_(tls) {}

Channel::~Channel() {
  SSL_free(tls_);
  ERR_clear_error();
}

Channel::Result Channel::judge(int returned) {
  const int error = SSL_get_error(tls_, returned);
  switch (error) {
    case SSL_ERROR_WANT_READ:
      return {Io::kWantRead};
    case SSL_ERROR_WANT_WRITE:
      return {Io::kWantWrite};
    default:
      ERR_clear_error();
      return {Io::kClosed};
  }
}

Channel::Result Channel::handshake() {
  ERR_clear_error();
  const int returned = SSL_do_handshake(tls_);
  return returned == 1 ? Result{Io::kDone} : judge(returned);
}

Channel::Result Channel::read(std::span<char> buffer) {
  if (tls_ != nullptr) {
    ERR_clear_error();
    std::size_t got = 0;
    const int returned = SSL_read_ex(tls_, buffer.data(), buffer.size(), &got);
    return returned == 1 ? Result{Io::kDone, got} : judge(returned);
  }
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) return {Io::kDone, static_cast<std::size_t>(got)};
    if (got == 0) return {Io::kClosed};
    if (errno == EINTR) continue;
    return {errno == EAGAIN || errno == EWOULDBLOCK ? Io::kWantRead : Io::kClosed};
  }
}

Channel::Result Channel::write(std::string_view bytes) {
  if (tls_ != nullptr) {
    ERR_clear_error();
    std::size_t written = 0;
    const int returned = SSL_write_ex(tls_, bytes.data(), bytes.size(), &written);
    return returned == 1 ? Result{Io::kDone, written} : judge(returned);
  }
  for (;;) {
    const ssize_t written = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written >= 0) return {Io::kDone, static_cast<std::size_t>(written)};
    if (errno == EINTR) continue;
    return {errno == EAGAIN || errno == EWOULDBLOCK ? Io::kWantWrite : Io::kClosed};
  }
}

bool Channel::has_pending() const noexcept {
  return tls_ != nullptr && SSL_has_pending(tls_) == 1;
}

void Channel::finish_writing() {
  if (tls_ != nullptr) {
    ERR_clear_error();
    SSL_shutdown(tls_);
    ERR_clear_error();
  }
  ::shutdown(socket_.get(), SHUT_WR);
}

void Channel::abort() {
  const linger immediately{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &immediately, sizeof immediately);
}

}  // namespace penstock::listener
