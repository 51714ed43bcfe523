// A small HTTP/1.1 server with what fault tests need and ordinary libraries hide: header values and request targets
// exactly as they were sent (signatures cover them), bodies as streams, an answer to Expect: 100-continue only when the
// body is wanted, and connections that end without an answer.
//
// One thread per connection, at most Options::max_connections of them. Thread-safe after construction.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/handle.h"

namespace penstock::sandbox {

struct Header {
  std::string name, value;
};

// The client went away, was too slow or broke the framing while its body was read.
class BodyError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Bytes as they arrive. read() returns 0 at the end and throws BodyError when the end cannot be reached.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::size_t read(char* buffer, std::size_t size) = 0;
};

struct Request {
  std::string method;
  std::string target;       // as sent
  std::string path, query;  // the target's parts, still percent-encoded
  std::vector<Header> headers;
  std::optional<std::uint64_t> content_length;  // absent with chunked transfer coding and without a body
  bool has_body = false;
  bool from_loopback = false;
  ByteSource* body = nullptr;

  // The first header of this name, any case.
  const std::string* find(std::string_view name) const;
  std::string header(std::string_view name) const;
  // Throws std::length_error when the body is longer than `limit`.
  std::string read_all(std::size_t limit) const;
};

// How the answer leaves: whole, not at all, or cut in the middle.
enum class Delivery { kSend, kCloseUnanswered, kResetUnanswered, kCutShort };

struct FileBody {
  UniqueFd fd;
  std::uint64_t offset = 0, length = 0;
};

struct Response {
  int status = 200;
  std::vector<Header> headers;
  std::string body;
  std::optional<FileBody> file;
  std::optional<std::uint64_t> length_only;  // for HEAD: announced, not sent
  Delivery delivery = Delivery::kSend;
};

class HttpServer {
 public:
  using Handler = std::function<Response(Request&)>;
  struct Options {
    std::string address = "127.0.0.1";
    int port = 0;
    std::size_t max_connections = 1000;
  };

  // Listens at once; throws Error when it cannot.
  HttpServer(Options options, Handler handler);
  ~HttpServer();
  int port() const noexcept { return port_; }
  // Ends the accepting thread and all connections, and waits for them. Idempotent.
  void stop();

 private:
  void accept_loop();
  void serve(int fd, bool loopback);

  Options options_;
  Handler handler_;
  UniqueFd listener_;
  UniqueFd wake_read_, wake_write_;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable idle_;
  std::set<int> connections_;  // guarded by mutex_
  std::thread acceptor_;
};

std::string_view reason_phrase(int status) noexcept;

}  // namespace penstock::sandbox
