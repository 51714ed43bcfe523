#include "core/http/url.h"

#include <algorithm>

#include <arpa/inet.h>

#include "core/base/text.h"

namespace penstock::http {

namespace {

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

std::optional<int> parse_port(std::string_view text) {
  const auto value = parse_unsigned(text);
  if (!value || *value == 0 || *value > 65535) return std::nullopt;
  return static_cast<int>(*value);
}

}  // namespace

std::string Url::authority() const {
  std::string result = host_is_ipv6() ? "[" + host + "]" : host;
  if (!has_default_port()) result += ":" + std::to_string(port);
  return result;
}

std::string Url::origin() const {
  return scheme + "://" + authority();
}

std::string Url::to_string() const {
  return origin() + path + (query.empty() ? "" : "?" + query);
}

std::optional<Url> parse_url(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '\\') return std::nullopt;
  }
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return std::nullopt;
  Url url;
  url.scheme = to_lower(text.substr(0, scheme_end));
  if (url.scheme != "http" && url.scheme != "https") return std::nullopt;
  text.remove_prefix(scheme_end + 3);
  text = text.substr(0, text.find('#'));

  const std::size_t authority_end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, authority_end);
  text.remove_prefix(authority_end);
  // The last '@' ends the user info: a password may hold one, a host may not.
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    url.user_info = std::string(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    url.host = to_lower(authority.substr(1, end - 1));
    authority.remove_prefix(end + 1);
    if (!url.host_is_ipv6() || !is_ip_address(url.host)) return std::nullopt;
    if (!authority.empty() && !authority.starts_with(':')) return std::nullopt;
    if (!authority.empty()) port = authority.substr(1);
  } else {
    const std::size_t colon = authority.find(':');
    url.host = to_lower(authority.substr(0, colon));
    if (colon != std::string_view::npos) port = authority.substr(colon + 1);
    if (url.host.empty() || !std::ranges::all_of(url.host, is_host_character)) return std::nullopt;
  }
  url.port = url.scheme == "https" ? 443 : 80;
  if (!port.empty()) {
    const auto number = parse_port(port);
    if (!number) return std::nullopt;
    url.port = *number;
  }

  const std::size_t question = text.find('?');
  url.path = std::string(text.substr(0, question));
  if (url.path.empty()) url.path = "/";
  if (question != std::string_view::npos) url.query = std::string(text.substr(question + 1));
  return url;
}

std::string printable_url(std::string_view text) {
  const auto url = parse_url(text);
  return url ? url->origin() + url->path : "(malformed URL)";
}

bool is_ip_address(std::string_view host) {
  const std::string text(host);
  in6_addr address{};
  return inet_pton(AF_INET, text.c_str(), &address) == 1 || inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

bool is_loopback_host(std::string_view host) {
  const std::string text = to_lower(host);
  if (text == "localhost" || text.ends_with(".localhost") || text == "::1") return true;
  in_addr address{};
  return inet_pton(AF_INET, text.c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

}  // namespace penstock::http
