// What a route is given and what it gives back.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::listener {

struct Request {
  std::string method;
  std::string path;                                          // as sent, without the query
  std::vector<std::string> captures;                         // of the route's {…} segments, percent-decoded
  std::vector<std::pair<std::string, std::string>> query;    // percent-decoded
  std::vector<std::pair<std::string, std::string>> headers;  // in the order received
  std::string body;                                          // decoded, whole
  std::string peer_address;  // of the connection or its PROXY header, never of X-Forwarded-For
  std::string request_id;    // UUIDv7, made here

  // All lines of that name (without case) joined with ", ", as RFC 9110 section 5.3 allows; nothing when absent.
  std::optional<std::string> header(std::string_view name) const;
  std::optional<std::string> query_parameter(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  // Ends the connection after this response.
  bool close = false;
  // When set, called again and again on a thread of its own until it returns false; each call may write one piece.
  // Instead of `body`. A write returns false when the client is gone or does not read.
  std::function<bool(const std::function<bool(std::string_view)>& write)> stream;
};

// "Not Found"; empty for a status that is not used here.
std::string_view reason_phrase(int status) noexcept;

// RFC 9457. `detail` is for the person who sent the request; it must not hold anything about the inside.
Response problem(const std::string& request_id, int status, std::string_view detail);
// 503 with Retry-After, after which the connection ends: the sender is to come again.
Response try_again(const std::string& request_id, std::string_view detail);
inline Response problem(const Request& request, int status, std::string_view detail) {
  return problem(request.request_id, status, detail);
}

}  // namespace penstock::listener
