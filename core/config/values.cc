#include "core/config/values.h"

#include <algorithm>
#include <array>
#include <utility>

#include <arpa/inet.h>

#include "core/base/text.h"

namespace penstock::config {
namespace {

std::optional<int> parse_port(std::string_view text) {
  const auto number = text.size() <= 5 ? parse_unsigned(text) : std::nullopt;
  if (!number || *number > 65535) return std::nullopt;
  return static_cast<int>(*number);
}

bool is_address(int family, std::string_view text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes;
  const std::string terminated(text);
  return terminated.find('\0') == std::string::npos && inet_pton(family, terminated.c_str(), bytes.data()) == 1;
}

bool is_host_name(std::string_view text) {
  return consists_of(text, std::string(kAlphanumeric) + ".-_", 253) && text.front() != '-' && text.front() != '.';
}

}  // namespace

std::optional<ListenAddress> parse_listen(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_port(text.substr(colon + 1));
  auto host = text.substr(0, colon);
  if (!port) return std::nullopt;
  if (host.empty()) return ListenAddress{"0.0.0.0", *port};
  if (host.front() == '[') {
    if (host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
    if (!is_address(AF_INET6, host)) return std::nullopt;
  } else if (!is_host_name(host)) {
    return std::nullopt;
  } else if (host.find_first_not_of("0123456789.") == std::string_view::npos && !is_address(AF_INET, host)) {
    return std::nullopt;
  }
  return ListenAddress{std::string(host), *port};
}

bool is_ip_range(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = text.substr(0, slash);
  const bool ipv4 = is_address(AF_INET, address);
  if (!ipv4 && !is_address(AF_INET6, address)) return false;
  if (slash == std::string_view::npos) return true;
  const auto prefix_text = text.substr(slash + 1);
  const auto prefix = prefix_text.size() <= 3 ? parse_unsigned(prefix_text) : std::nullopt;
  return prefix && *prefix <= (ipv4 ? 32u : 128u);
}

std::string format_duration(std::chrono::milliseconds duration) {
  static constexpr std::array<std::pair<std::int64_t, std::string_view>, 4> kUnits = {
      {{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}}};
  const auto count = duration.count();
  if (count == 0) return "0";
  for (const auto& [size, name] : kUnits) {
    if (count % size == 0) return std::to_string(count / size) + std::string(name);
  }
  return std::to_string(count) + "ms";
}

std::string format_bytes(std::uint64_t bytes) {
  static constexpr std::array<std::pair<int, std::string_view>, 3> kUnits = {{{30, "GiB"}, {20, "MiB"}, {10, "KiB"}}};
  for (const auto& [shift, name] : kUnits) {
    if (bytes != 0 && bytes % (std::uint64_t{1} << shift) == 0) {
      return std::to_string(bytes >> shift) + std::string(name);
    }
  }
  return std::to_string(bytes);
}

std::optional<UrlParts> parse_url(std::string_view text) {
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos || scheme_end == 0) return std::nullopt;
  UrlParts parts;
  parts.scheme = to_lower(text.substr(0, scheme_end));
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '\\') return std::nullopt;
  }
  auto authority = text.substr(scheme_end + 3);
  const auto path = authority.find_first_of("/?#");
  if (path != std::string_view::npos) {
    parts.path = authority.substr(path);
    authority = authority.substr(0, path);
  }
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    parts.has_user = true;
    parts.has_password = authority.substr(0, at).find(':') != std::string_view::npos;
    authority = authority.substr(at + 1);
  }
  const auto bracket = authority.rfind(']');
  const auto colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    if (!parse_port(authority.substr(colon + 1))) return std::nullopt;
    authority = authority.substr(0, colon);
  }
  if (authority.empty() && parts.scheme != "file") return std::nullopt;
  parts.host = to_lower(authority);
  return parts;
}

std::optional<Timestamp> parse_date_or_time(std::string_view text) {
  constexpr std::size_t kDateSize = 10;  // "2027-01-31"
  return parse_rfc3339(text.size() == kDateSize ? std::string(text) + "T00:00:00Z" : std::string(text));
}

std::string without_user_information(std::string_view text) {
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return std::string(text);
  const auto begin = scheme_end + 3;
  const auto end = std::min(text.find_first_of("/?#", begin), text.size());
  const auto at = text.substr(begin, end - begin).rfind('@');
  if (at == std::string_view::npos) return std::string(text);
  return std::string(text.substr(0, begin)) + "…" + std::string(text.substr(begin + at));
}

bool is_loopback_host(std::string_view host) {
  return host == "localhost" || host == "[::1]" || (host.starts_with("127.") && is_address(AF_INET, host));
}

bool consists_of(std::string_view text, std::string_view characters, std::size_t most) {
  return !text.empty() && text.size() <= most && text.find_first_not_of(characters) == std::string_view::npos;
}

bool is_aws_name(std::string_view text) {
  return consists_of(text, std::string(kAlphanumeric) + ".@-_", 100);
}

}  // namespace penstock::config
