// The TLS side of the listener: TLS 1.2 or newer, session resumption by tickets, a certificate that can be replaced
// while connections are open, client certificates when an authority for them is given.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

#include <openssl/types.h>

#include "core/base/handle.h"
#include "core/base/time.h"
#include "core/listener/tls_certificate.h"

namespace penstock::listener {

struct TlsFiles {
  std::filesystem::path certificate, private_key;
  // Clients must show a certificate of one of these authorities (PEM); empty = none is asked for.
  std::filesystem::path client_authorities = {};
};

// Thread-safe.
class TlsContext {
 public:
  // Error{kConfiguration} naming the file.
  explicit TlsContext(const TlsFiles& files);
  ~TlsContext();

  // For new connections; the client authorities stay. Error{kConfiguration} and no change for unusable files.
  void use_certificate(const TlsFiles& files);
  Timestamp certificate_expiry() const { return certificate()->not_after(); }

  // Of one connection on a non-blocking socket. Null when memory is out.
  SSL* make_connection(int fd) const;

 private:
  static int choose_certificate(SSL* connection, void* self) noexcept;
  std::shared_ptr<const TlsCertificate> certificate() const;

  SSL_CTX* context_ = nullptr;
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsCertificate> certificate_;  // guarded by mutex_
};

// Bytes in and out of one non-blocking socket, with TLS or without. Not thread-safe.
class Channel {
 public:
  enum class Io { kDone, kWantRead, kWantWrite, kClosed };  // kClosed: by the peer, or broken
  struct Result {
    Io io;
    std::size_t bytes = 0;
  };

  Channel(UniqueFd socket, SSL* tls);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  int fd() const noexcept { return socket_.get(); }
  bool has_tls() const noexcept { return tls_ != nullptr; }
  Result handshake();
  Result read(std::span<char> buffer);
  Result write(std::string_view bytes);
  // Whether bytes have been taken from the socket that read() has not given yet: epoll would not report them.
  bool has_pending() const noexcept;
  // Tells the peer that nothing more comes; what it still sends can be read.
  void finish_writing();
  // The next close() sends a reset, so that unread bytes do not keep the socket.
  void abort();

 private:
  Result judge(int returned);

  UniqueFd socket_;
  SSL* tls_;
};

}  // namespace penstock::listener
