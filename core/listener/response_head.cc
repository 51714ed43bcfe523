#include "core/listener/response_head.h"

#include "core/base/text.h"

namespace penstock::listener {
namespace {

// A header value comes from our own code, but some of it repeats what a client sent.
void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (const char c : value) out.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
  out.append("\r\n");
}

}  // namespace

bool has_body(const Response& response) noexcept {
  return response.status != 204 && response.status != 304;
}

void append_response_head(std::string& out, const Response& response, const ResponseContext& context) {
  out.reserve(out.size() + 384 + response.body.size());
  out.append("HTTP/1.1 ").append(std::to_string(response.status)).push_back(' ');
  out.append(reason_phrase(response.status)).append("\r\nDate: ").append(context.date).append("\r\n");
  if (has_body(response)) append_field(out, "Content-Type", response.content_type);
  if (response.stream) {
    if (context.minor_version > 0) out.append("Transfer-Encoding: chunked\r\n");
  } else if (has_body(response)) {
    out.append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n");
  }
  if (!context.keep_alive) {
    out.append("Connection: close\r\n");
  } else if (context.minor_version == 0) {
    out.append("Connection: keep-alive\r\n");
  }
  bool has_cache_control = false;
  for (const auto& [name, value] : response.headers) {
    has_cache_control = has_cache_control || equals_ignoring_case(name, "Cache-Control");
    append_field(out, name, value);
  }
  append_field(out, "X-Request-Id", context.request_id);
  if (!has_cache_control) out.append("Cache-Control: no-store\r\n");
  out.append("X-Content-Type-Options: nosniff\r\n\r\n");
}

}  // namespace penstock::listener
