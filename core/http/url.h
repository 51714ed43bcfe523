// The parts of an http(s) URL, as far as a client that sends it unchanged needs to know them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock::http {

struct Url {
  std::string scheme;     // "http" or "https", lower case
  std::string user_info;  // what stands before '@', undecoded; may hold a secret
  std::string host;       // lower case, without brackets
  int port = 0;           // never 0: the scheme's default when none was written
  std::string path;       // undecoded, "/" when none was written
  std::string query;      // undecoded, without '?'

  bool has_default_port() const noexcept { return port == (scheme == "https" ? 443 : 80); }
  bool host_is_ipv6() const noexcept { return host.find(':') != std::string::npos; }
  // "host", "host:8080", "[::1]:8080": the value of the Host header.
  std::string authority() const;
  // "https://host:8080", without user info.
  std::string origin() const;
  std::string to_string() const;  // without user info and fragment
};

// Empty for other schemes, a missing or malformed host or port, white space and control characters.
std::optional<Url> parse_url(std::string_view text);

// scheme://authority/path: fit for messages and logs. "(malformed URL)" when it is none.
std::string printable_url(std::string_view text);

// An IPv4 or IPv6 address (without brackets) and not a name.
bool is_ip_address(std::string_view host);
// localhost, *.localhost, 127.0.0.0/8, ::1.
bool is_loopback_host(std::string_view host);

}  // namespace penstock::http
