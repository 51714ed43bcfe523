// The HTTP(S) server. A few event loops own all connections: a connection that idles, handshakes, sends or reads slowly
// costs a descriptor and some memory, never a thread. A request is handed on when it is there whole; where it begins
// and ends is decided by the strict rules of request_head.h and chunked_body.h alone.
//
// Bounds, each with its answer: target 8 KiB (414), head 32 KiB or 100 fields (431), body `max_body_bytes` (413,
// chunked bodies too), bodies being received `max_buffered_bytes` in all (503), handlers waiting for a thread
// `max_waiting` (503), connections `max_connections` (the one idle for longest goes, else the new one) and
// `max_connections_per_address` (closed; not for trusted proxies), one request of a connection at a time, 10,000 per
// connection. Deadlines: handshake 10 s, head 15 s after its first byte, body 30 s and a second more for each 64 KiB
// (408), handler `reply_timeout` (503, Retry-After), 30 s without progress of a response being read (closed), idle 75
// s. Out of descriptors: accepting pauses for a quarter of a second.
//
// Source: RFC 9110, RFC 9112.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/listener/message.h"
#include "core/listener/reply.h"
#include "core/listener/tls.h"
#include "core/telemetry/log.h"

namespace penstock::listener {

// Where to listen: host and port, or the path of a Unix socket (mode 0660), or a socket that someone else opened.
struct Address {
  std::string host;
  int port = 0;           // 0 = any free one
  std::string unix_path;  // instead of host and port
  int inherited_fd = -1;  // instead of both; owned from here on
};

// The listening sockets that systemd passed to this process (sd_listen_fds(3)); read once, then forgotten.
std::vector<Address> take_inherited_sockets();

class Listener {
 public:
  struct Options {
    std::vector<Address> addresses;
    std::optional<TlsFiles> tls;
    std::uint64_t max_body_bytes = 4u << 20;
    std::uint64_t max_buffered_bytes = 64u << 20;
    std::size_t max_connections = 10'000;
    std::size_t max_connections_per_address = 2'000;
    std::size_t max_requests_per_connection = 10'000;
    int loops = 0;     // 0 = one per core, at most 4
    int threads = 16;  // for handlers that block
    std::size_t max_waiting = 256;
    std::size_t max_streams = 64;
    // Bodies of asynchronous routes up to this size are handled on the loop itself.
    std::size_t inline_body_bytes = 64u << 10;
    std::chrono::seconds handshake_timeout{10}, head_timeout{15}, body_timeout{30}, idle_timeout{75}, write_timeout{30};
    std::chrono::seconds reply_timeout{15}, blocking_reply_timeout{60};
    // Connections from these addresses must begin with a PROXY header (with `proxy_protocol`) and are not counted per
    // address. Must be thread-safe.
    bool proxy_protocol = false;
    std::function<bool(const std::string& address)> is_trusted_proxy;
  };

  // May block; runs on a pool.
  using Handler = std::function<Response(const Request&)>;
  // Must not block: runs on a loop (large bodies: on the pool). The reply may be sent from any thread. When it throws
  // or gives no reply the client is asked to come again (503): its sender may be one that repeats a 503 and not a 500.
  using AsyncHandler = std::function<void(Request, Reply)>;

  // Error{kConfiguration} for an unusable certificate.
  Listener(Options options, const Clock& clock, const telemetry::Log& log);
  ~Listener();

  // Before bind(). See Router for patterns. GET answers HEAD too.
  void route(const std::string& method, const std::string& pattern, Handler handler);
  void route_async(const std::string& method, const std::string& pattern, AsyncHandler handler);

  // Error{kConfiguration} when an address cannot be had. Returns the port of the first address; 0 for a Unix socket.
  int bind();
  // Serves until stop(); blocks.
  void serve();
  // Ends serve() within `reply_timeout`: no new connections, idle ones close, requests in progress are answered.
  // Thread-safe.
  void stop();

  // Presents the certificate of these files to new connections; on failure throws and goes on with the old one. Without
  // effect on a listener that was made without TLS. Thread-safe.
  void use_certificate(const TlsFiles& files);
  // When the certificate in use ends; nothing without TLS.
  std::optional<Timestamp> certificate_expiry() const;

  struct Stats {
    std::uint64_t open = 0, accepted = 0, requests = 0;
    std::uint64_t refused_connections = 0;  // over a limit
    std::uint64_t failed_handshakes = 0, bad_requests = 0, timeouts = 0, overloaded = 0;
  };
  Stats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::listener
