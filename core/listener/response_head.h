// The head of a response, as it goes over the wire (RFC 9112 section 4). Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/listener/message.h"

namespace penstock::listener {

// What the connection knows and the response does not.
struct ResponseContext {
  std::string_view date;  // IMF-fixdate
  std::string_view request_id;
  bool keep_alive = true;
  int minor_version = 1;  // of the request
};

// Whether a response of this status can have a body at all.
bool has_body(const Response& response) noexcept;

// Appends status line, fields and the empty line. A line end in a field's value becomes a blank: some values repeat
// what a client sent. A stream is announced as chunked, except to HTTP/1.0, where the connection's end is its own.
void append_response_head(std::string& out, const Response& response, const ResponseContext& context);

}  // namespace penstock::listener
