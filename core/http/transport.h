// What the program sends over HTTP, and the seam behind which the network begins.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::http {

// Header fields in order; names compare without case.
class Headers {
 public:
  struct Field {
    std::string name;
    std::string value;
  };
  void add(std::string name, std::string value) { fields_.push_back({std::move(name), std::move(value)}); }
  void set(std::string_view name, std::string value);  // replaces all of that name
  void remove(std::string_view name);
  std::optional<std::string_view> find(std::string_view name) const;  // the first
  const std::vector<Field>& fields() const noexcept { return fields_; }

 private:
  std::vector<Field> fields_;
};

// A body that is produced while it is sent. `rewind` is called before every attempt; it must be able to start again.
struct BodySource {
  std::uint64_t size = 0;
  std::function<void()> rewind = {};
  // Fills the buffer; 0 = end. May throw; the request then fails with that exception.
  std::function<std::size_t(char* buffer, std::size_t capacity)> read = {};
};

enum class ProxyUse { kFromEnvironment, kNever };

struct Request {
  std::string method = "GET";
  std::string url = {};  // sent byte for byte: no normalisation of dots or escapes
  Headers headers = {};
  std::string body = {};
  const BodySource* body_source = nullptr;  // instead of `body`; must outlive the call
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds total_timeout{60000};
  // Less than 1 byte/s for this long is a stalled transfer (Error{kTimeout}).
  std::chrono::seconds stall_timeout{30};
  std::size_t max_response_bytes = 16u << 20;  // more is Error{kExhausted}, also for what `on_body` gets
  // When set, a 2xx body goes here in pieces and Response::body stays empty; other bodies are collected as usual, up to
  // 1 MiB. May throw; the request then fails with that exception.
  std::function<void(std::string_view)> on_body = {};
  // Gets the status and the fields before the first piece goes to `on_body`: what the pieces are. May throw likewise.
  std::function<void(const struct Response&)> on_head = {};
  ProxyUse proxy = ProxyUse::kFromEnvironment;
  std::stop_token stop = {};
};

struct Response {
  int status = 0;
  Headers headers = {};
  std::string body = {};
};

// Thread-safe. Redirects are never followed: each caller knows whether a redirect may be trusted with its credentials.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;

  // Blocks until the response is complete. Every HTTP status is a Response; Error{kUnavailable | kTimeout |
  // kCancelled | kExhausted | kConfiguration (bad URL, untrusted certificate)} when there was none.
  // Error::may_have_happened() is false only when no byte of the request can have reached the server.
  virtual Response send(const Request& request) = 0;
};

}  // namespace penstock::http
