// The HTTP(S) server: the only place that knows cpp-httplib. Routes get plain requests and give plain responses.
//
// Bounds: header lines 8 KiB, bodies `max_body_bytes` (also chunked and compressed ones: 413), 15 s between two reads,
// 30 s between two writes, `threads` requests at once. Plain HTTP without `tls`. TLS is 1.2 or newer; the certificate
// can be replaced while connections are open.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/time.h"

namespace penstock::server {

struct Request {
  std::string method;
  std::string path;                   // decoded
  std::vector<std::string> captures;  // of the route's pattern, decoded
  std::vector<std::pair<std::string, std::string>> query;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string peer_address;  // of the TCP connection, not of X-Forwarded-For
  std::string request_id;

  // All lines of that name (without case) joined with ", ", as RFC 9110 section 5.3 allows; nothing when absent.
  std::optional<std::string> header(std::string_view name) const;
  std::optional<std::string> query_parameter(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  // When set, called again and again until it returns false; each call may write one piece. Instead of `body`.
  std::function<bool(const std::function<bool(std::string_view)>& write)> stream;
};

// RFC 9457. `detail` is for the person who sent the request; it must not hold anything about the inside.
Response problem(const Request& request, int status, std::string_view detail);

class Listener {
 public:
  struct TlsFiles {
    std::filesystem::path certificate, private_key;
  };
  struct Options {
    std::string host;
    int port = 0;  // 0 = any free one
    std::optional<TlsFiles> tls;
    std::uint64_t max_body_bytes = 4u << 20;
    int threads = 64;
  };
  using Handler = std::function<Response(const Request&)>;

  // Error{kConfiguration} for an unusable certificate.
  explicit Listener(Options options);
  ~Listener();

  // Before bind(). The pattern is a regular expression over the whole path.
  void route(const std::string& method, const std::string& pattern, Handler handler);

  // Error{kConfiguration} when the address cannot be had. Returns the port.
  int bind();
  // Serves until stop(); blocks.
  void serve();
  // Ends serve() after the requests in progress; thread-safe.
  void stop();

  // Presents the certificate of these files to new connections; on failure throws and goes on with the old one. Without
  // effect on a listener that was made without TLS.
  void use_certificate(const TlsFiles& files);
  // When the certificate in use ends; nothing without TLS.
  std::optional<Timestamp> certificate_expiry() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::server
