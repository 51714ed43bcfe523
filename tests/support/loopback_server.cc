#include "tests/support/loopback_server.h"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/handle.h"
#include "core/base/text.h"

namespace penstock::testing {

namespace {

using Context = Handle<SSL_CTX, SSL_CTX_free>;
using Session = Handle<SSL, SSL_free>;

// A key and a self-signed certificate for localhost and 127.0.0.1, valid for a day.
Context make_tls_context(std::string& pem) {
  const Handle<EVP_PKEY, EVP_PKEY_free> key(EVP_EC_gen("P-256"));
  const Handle<X509, X509_free> certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86400);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  for (const auto& [nid, value] :
       {std::pair{NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1"}, {NID_basic_constraints, "critical,CA:TRUE"}}) {
    const Handle<X509_EXTENSION, X509_EXTENSION_free> extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
    X509_add_ext(certificate.get(), extension.get(), -1);
  }
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const Handle<BIO, BIO_free_all> memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(memory.get(), certificate.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  pem.assign(data, static_cast<std::size_t>(size));
  Context context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_certificate(context.get(), certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), key.get());
  return context;
}

class Connection {
 public:
  Connection(UniqueFd fd, SSL_CTX* context) : fd_(std::move(fd)) {
    if (context != nullptr) {
      session_.reset(SSL_new(context));
      SSL_set_fd(session_.get(), fd_.get());
    }
  }
  int fd() const { return fd_.get(); }
  bool handshake() { return !session_ || SSL_accept(session_.get()) == 1; }
  // One line without its end; false at the end of the stream.
  bool read_line(std::string& line) {
    std::size_t end;
    while ((end = buffer_.find("\r\n")) == std::string::npos) {
      if (buffer_.size() > (1u << 20) || !fill()) return false;
    }
    line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return true;
  }
  bool read_exactly(std::size_t size, std::string& out) {
    while (buffer_.size() < size) {
      if (!fill()) return false;
    }
    out = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return true;
  }
  bool write(std::string_view data) {
    while (!data.empty()) {
      const ssize_t count = session_ ? SSL_write(session_.get(), data.data(),
                                                 static_cast<int>(std::min<std::size_t>(data.size(), 1 << 20)))
                                     : ::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      data.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

 private:
  bool fill() {
    char chunk[65536];
    const ssize_t count =
        session_ ? SSL_read(session_.get(), chunk, sizeof chunk) : ::recv(fd_.get(), chunk, sizeof chunk, 0);
    if (count <= 0) return false;
    buffer_.append(chunk, static_cast<std::size_t>(count));
    return true;
  }
  UniqueFd fd_;
  Session session_;
  std::string buffer_;
};

}  // namespace

std::string ReceivedRequest::header(const std::string& name) const {
  for (const auto& [field, value] : headers) {
    if (field == name) return value;
  }
  return "";
}

struct LoopbackServer::State {
  Handler handler;
  Options options;
  UniqueFd listener;
  UniqueFd stop_event;
  int port = 0;
  std::string pem;
  Context context;
  mutable std::mutex mutex;
  std::condition_variable stopping;
  bool stopped = false;
  int connections = 0;
  int closed = 0;
  std::vector<int> open;  // descriptors, to be shut down at the end
  std::vector<ReceivedRequest> requests;
  std::vector<std::thread> workers;
  std::thread acceptor;

  void accept_all() {
    for (;;) {
      pollfd fds[2] = {{listener.get(), POLLIN, 0}, {stop_event.get(), POLLIN, 0}};
      if (::poll(fds, 2, -1) < 0) continue;
      if (fds[1].revents != 0) return;
      UniqueFd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) continue;
      const int on = 1;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      std::lock_guard guard(mutex);
      const int number = ++connections;
      if (options.drop_on_accept) continue;
      if (options.drop_before_reading) {
        pollfd readable{fd.get(), POLLIN, 0};
        ::poll(&readable, 1, 5000);
        continue;  // unread data makes the kernel send a reset
      }
      open.push_back(fd.get());
      workers.emplace_back([this, number, owned = std::move(fd)]() mutable { serve(std::move(owned), number); });
    }
  }

  void serve(UniqueFd fd, int number) {
    {
      Connection connection(std::move(fd), context.get());
      if (connection.handshake()) {
        while (serve_one(connection, number)) {
        }
      }
      std::lock_guard guard(mutex);
      std::erase(open, connection.fd());
    }
    std::lock_guard guard(mutex);
    ++closed;
  }

  bool serve_one(Connection& connection, int number) {
    ReceivedRequest request;
    request.connection = number;
    std::string line;
    if (!connection.read_line(line)) return false;
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string::npos || first == last) return false;
    request.method = line.substr(0, first);
    request.target = line.substr(first + 1, last - first - 1);
    while (connection.read_line(line) && !line.empty()) {
      const std::size_t colon = line.find(':');
      if (colon == std::string::npos) return false;
      request.headers.emplace_back(to_lower(line.substr(0, colon)), std::string(trim(line.substr(colon + 1))));
    }
    if (!request.header("expect").empty() && !connection.write("HTTP/1.1 100 Continue\r\n\r\n")) return false;
    const auto length = parse_unsigned(request.header("content-length"));
    if (length && !connection.read_exactly(static_cast<std::size_t>(*length), request.body)) return false;
    {
      std::lock_guard guard(mutex);
      request.index = static_cast<int>(requests.size());
      requests.push_back(request);
    }
    const ScriptedReply reply = handler(request);
    {
      std::unique_lock lock(mutex);
      if (stopping.wait_for(lock, reply.delay, [this] { return stopped; })) return false;
    }
    if (reply.drop) return false;
    if (reply.raw) {
      connection.write(*reply.raw);
      return false;
    }
    std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " Scripted\r\n";
    bool has_length = false;
    for (const auto& [name, value] : reply.headers) {
      text += name + ": " + value + "\r\n";
      if (to_lower(name) == "content-length") has_length = true;
    }
    if (!has_length) text += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
    text += "\r\n";
    if (request.method != "HEAD") text += reply.body;
    return connection.write(text) && !reply.close_after;
  }
};

LoopbackServer::LoopbackServer(Handler handler, Options options) : state_(std::make_unique<State>()) {
  state_->handler = std::move(handler);
  state_->options = options;
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  if (options.tls) state_->context = make_tls_context(state_->pem);
  state_->listener = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(state_->listener.get(), generic, size) != 0 || ::listen(state_->listener.get(), 64) != 0 ||
      ::getsockname(state_->listener.get(), generic, &size) != 0) {
    throw std::runtime_error("starting the loopback server: no port");
  }
  state_->port = ntohs(address.sin_port);
  state_->stop_event = UniqueFd(::eventfd(0, EFD_CLOEXEC));
  state_->acceptor = std::thread([state = state_.get()] { state->accept_all(); });
}

LoopbackServer::LoopbackServer(std::vector<ScriptedReply> replies)
    : LoopbackServer([replies = std::move(replies)](const ReceivedRequest& request) {
        return replies.at(std::min(static_cast<std::size_t>(request.index), replies.size() - 1));
      }) {}

LoopbackServer::~LoopbackServer() {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(state_->stop_event.get(), &one, sizeof one));
  state_->acceptor.join();
  {
    std::lock_guard guard(state_->mutex);
    state_->stopped = true;
    for (const int fd : state_->open) ::shutdown(fd, SHUT_RDWR);
  }
  state_->stopping.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

int LoopbackServer::port() const {
  return state_->port;
}

std::string LoopbackServer::url() const {
  return (state_->options.tls ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(state_->port);
}

std::string LoopbackServer::certificate_pem() const {
  return state_->pem;
}

std::vector<ReceivedRequest> LoopbackServer::requests() const {
  std::lock_guard guard(state_->mutex);
  return state_->requests;
}

int LoopbackServer::connections() const {
  std::lock_guard guard(state_->mutex);
  return state_->connections;
}

int LoopbackServer::closed_connections() const {
  std::lock_guard guard(state_->mutex);
  return state_->closed;
}

}  // namespace penstock::testing
