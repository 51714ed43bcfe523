// The PROXY protocol, versions 1 and 2: the line or block in which a TCP proxy says whose connection it passes on.
// https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::listener {

struct ProxyHeader {
  std::size_t length = 0;  // bytes to skip; 0 = more must arrive first
  // Of the client; nothing when the proxy speaks for itself (LOCAL, UNKNOWN): then the connection's own address counts.
  std::optional<std::string> client_address;
};

// `text` is what has arrived so far. Throws BadRequest when it cannot become a PROXY header; one is never longer than
// 536 bytes here (version 2 with more is refused).
ProxyHeader parse_proxy_header(std::string_view text);

}  // namespace penstock::listener
