#include "server/listener.h"

#include <mutex>

#include <httplib.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "core/base/error.h"
#include "core/base/handle.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/json/json.h"
#include "server/tls_certificate.h"

namespace penstock::server {
namespace {

constexpr int kBacklog = 1024;  // cpp-httplib listens with 5; a burst of connections would wait for SYN retries
constexpr std::size_t kRequestsPerConnection = 10000;

std::string_view title_of(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return status >= 500 ? "Internal Server Error" : "Error";
  }
}

Request to_request(const httplib::Request& source) {
  Request request;
  request.method = source.method;
  request.path = source.path;
  for (std::size_t i = 1; i < source.matches.size(); ++i) request.captures.push_back(source.matches[i]);
  for (const auto& [name, value] : source.params) request.query.emplace_back(name, value);
  for (const auto& [name, value] : source.headers) {
    // cpp-httplib adds pseudo headers of its own; they are not what the client sent.
    if (name != "REMOTE_ADDR" && name != "REMOTE_PORT" && name != "LOCAL_ADDR" && name != "LOCAL_PORT") {
      request.headers.emplace_back(name, value);
    }
  }
  request.peer_address = source.remote_addr;
  request.request_id = make_uuid_v7(SystemClock());
  return request;
}

void fill(httplib::Response& target, Response&& source, const Request& request) {
  target.status = source.status;
  for (const auto& [name, value] : source.headers) target.set_header(name, value);
  target.set_header("X-Request-Id", request.request_id);
  target.set_header("X-Content-Type-Options", "nosniff");
  target.set_header("Cache-Control", "no-store");
  if (source.stream) {
    auto stream = std::make_shared<decltype(source.stream)>(std::move(source.stream));
    target.set_chunked_content_provider(source.content_type, [stream](std::size_t, httplib::DataSink& sink) {
      const bool more = (*stream)([&](std::string_view piece) { return sink.write(piece.data(), piece.size()); });
      if (!more) sink.done();
      return true;
    });
  } else {
    target.set_content(source.body, source.content_type);
  }
}

}  // namespace

std::optional<std::string> Request::header(std::string_view name) const {
  std::optional<std::string> joined;
  for (const auto& [field, value] : headers) {
    if (!equals_ignoring_case(field, name)) continue;
    if (joined) {
      *joined += ", " + value;
    } else {
      joined = value;
    }
  }
  return joined;
}

std::optional<std::string> Request::query_parameter(std::string_view name) const {
  for (const auto& [parameter, value] : query) {
    if (parameter == name) return value;
  }
  return std::nullopt;
}

Response problem(const Request& request, int status, std::string_view detail) {
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = json::dump({{"type", "about:blank"},
                              {"title", title_of(status)},
                              {"status", status},
                              {"detail", detail},
                              {"requestId", request.request_id}});
  return response;
}

class Listener::Impl {
 public:
  explicit Impl(Options options) : options_(std::move(options)) {
    if (options_.tls) {
      use_certificate(*options_.tls);
      auto server = std::make_unique<Socket<httplib::SSLServer>>([this](SSL_CTX& context) {
        SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION);
        SSL_CTX_set_options(&context, SSL_OP_NO_RENEGOTIATION);
        SSL_CTX_set_cert_cb(&context, &Impl::choose_certificate, this);
        return true;
      });
      deepen_backlog_ = [raw = server.get()] { raw->deepen_backlog(); };
      server_ = std::move(server);
    } else {
      auto server = std::make_unique<Socket<httplib::Server>>();
      deepen_backlog_ = [raw = server.get()] { raw->deepen_backlog(); };
      server_ = std::move(server);
    }
    // cpp-httplib's default is SO_REUSEPORT: a second process could take half of our connections.
    server_->set_socket_options([](auto socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server_->set_tcp_nodelay(true);
    server_->set_keep_alive_max_count(kRequestsPerConnection);
    server_->set_keep_alive_timeout(5);
    server_->set_read_timeout(15, 0);
    server_->set_write_timeout(30, 0);
    server_->set_payload_max_length(options_.max_body_bytes);
    server_->new_task_queue = [threads = options_.threads] {
      return new httplib::ThreadPool(static_cast<std::size_t>(threads));
    };
    server_->set_error_handler([](const httplib::Request& source, httplib::Response& target) {
      if (!target.body.empty() || target.has_header("X-Request-Id")) return;
      const Request request = to_request(source);
      fill(target, problem(request, target.status, target.status == 404 ? "there is nothing at this address" : ""),
           request);
    });
    server_->set_exception_handler([](const httplib::Request& source, httplib::Response& target, auto&&...) {
      const Request request = to_request(source);
      fill(target, problem(request, 500, "an internal error; the log has it under this request id"), request);
    });
  }

  void route(const std::string& method, const std::string& pattern, Handler handler) {
    if (method == "GET") {
      server_->Get(pattern, [handler](const httplib::Request& source, httplib::Response& target) {
        const Request request = to_request(source);
        fill(target, handler(request), request);
      });
      return;
    }
    // The body is read here and not by cpp-httplib, so that chunked bodies are bounded too.
    server_->Post(pattern, [this, handler](const httplib::Request& source, httplib::Response& target,
                                           const httplib::ContentReader& read) {
      Request request = to_request(source);
      if (source.is_multipart_form_data()) {
        target.set_header("Connection", "close");
        fill(target, problem(request, 400, "expected a JSON body, found multipart/form-data"), request);
        return;
      }
      bool too_large = false;
      const bool complete = read([&](const char* data, std::size_t size) {
        too_large = request.body.size() + size > options_.max_body_bytes;
        if (!too_large) request.body.append(data, size);
        return !too_large;
      });
      if (too_large || target.status == 413) {
        target.set_header("Connection", "close");
        fill(target,
             problem(request, 413, "the body is larger than " + std::to_string(options_.max_body_bytes) + " bytes"),
             request);
        return;
      }
      if (!complete) {
        target.set_header("Connection", "close");
        const int status = target.status > 0 ? target.status : 400;
        fill(target, problem(request, status, "the body ended early or could not be decoded"), request);
        return;
      }
      fill(target, handler(request), request);
    });
  }

  int bind() {
    int port = options_.port;
    if (port == 0) {
      port = server_->bind_to_any_port(options_.host);
    } else if (!server_->bind_to_port(options_.host, port)) {
      port = -1;
    }
    if (port <= 0) {
      throw Error(ErrorKind::kConfiguration, "listening on " + in_quotes(options_.host) + " port " +
                                                 std::to_string(options_.port) +
                                                 ": the address is in use or not one of this machine");
    }
    deepen_backlog_();
    return port;
  }

  void serve() { server_->listen_after_bind(); }
  void stop() { server_->stop(); }

  void use_certificate(const TlsFiles& files) {
    auto fresh = std::make_shared<const TlsCertificate>(files.certificate, files.private_key);
    std::lock_guard lock(certificate_mutex_);
    certificate_ = std::move(fresh);
  }

  std::shared_ptr<const TlsCertificate> certificate() const {
    std::lock_guard lock(certificate_mutex_);
    return certificate_;
  }

  bool has_tls() const { return options_.tls.has_value(); }

 private:
  template <typename Base>
  class Socket final : public Base {
   public:
    using Base::Base;
    void deepen_backlog() { ::listen(this->svr_sock_, kBacklog); }
  };

  static int choose_certificate(SSL* connection, void* self) noexcept {
    return static_cast<Impl*>(self)->certificate()->use_for(connection) ? 1 : 0;
  }

  const Options options_;
  mutable std::mutex certificate_mutex_;
  std::shared_ptr<const TlsCertificate> certificate_;  // guarded by certificate_mutex_
  std::unique_ptr<httplib::Server> server_;
  std::function<void()> deepen_backlog_;
};

Listener::Listener(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Listener::~Listener() = default;

void Listener::route(const std::string& method, const std::string& pattern, Handler handler) {
  impl_->route(method, pattern, std::move(handler));
}
int Listener::bind() {
  return impl_->bind();
}
void Listener::serve() {
  impl_->serve();
}
void Listener::stop() {
  impl_->stop();
}
void Listener::use_certificate(const TlsFiles& files) {
  if (impl_->has_tls()) impl_->use_certificate(files);
}
std::optional<Timestamp> Listener::certificate_expiry() const {
  if (!impl_->has_tls()) return std::nullopt;
  return impl_->certificate()->not_after();
}

}  // namespace penstock::server
