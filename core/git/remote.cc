#include "core/git/remote.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::git {
namespace {

constexpr std::size_t kMaxRemoteBytes = 4096;

[[noreturn]] void refuse(std::string_view text, std::string_view cause) {
  throw Error(ErrorKind::kConfiguration,
              "reading the repository address " + in_quotes(without_user_info(text)) + ": " + std::string(cause));
}

bool is_unreserved(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// Keeps what a path may hold (RFC 3986 pchar and '/'), brings escapes into one spelling and encodes the rest: service
// hooks and people write "My%20Shop" and "My Shop" alike, and libcurl refuses the second.
std::string encode_path(std::string_view path) {
  std::string result;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '%' && i + 2 < path.size()) {
      if (const auto decoded = percent_decode(path.substr(i, 3))) {
        const char byte = decoded->front();
        result += is_unreserved(byte) ? std::string(1, byte) : percent_encode(*decoded);
        i += 2;
        continue;
      }
    }
    const bool keep = is_unreserved(c) || std::string_view("/!$&'()*+,;=:@").find(c) != std::string_view::npos;
    result += keep ? std::string(1, c) : percent_encode(std::string_view(&c, 1));
  }
  return result;
}

bool is_host(std::string_view host) noexcept {
  return !host.empty() && host.front() != '-' && host.front() != '.' &&
         std::all_of(host.begin(), host.end(), [](char c) { return is_unreserved(c) && c != '~'; });
}

bool is_ipv6(std::string_view host) noexcept {
  return host.find(':') != std::string_view::npos && std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
         });
}

bool is_user(std::string_view user) noexcept {
  return !user.empty() && user.front() != '-' && std::all_of(user.begin(), user.end(), [](char c) {
    return is_unreserved(c) || c == '%' || c == '+' || c == '@' || c == '\\';
  });
}

std::string_view scheme_text(Scheme scheme) noexcept {
  switch (scheme) {
    case Scheme::kHttps:
      return "https";
    case Scheme::kHttp:
      return "http";
    case Scheme::kSsh:
      return "ssh";
    case Scheme::kFile:
      return "file";
  }
  return "";
}

std::string_view default_port(Scheme scheme) noexcept {
  switch (scheme) {
    case Scheme::kHttps:
      return "443";
    case Scheme::kHttp:
      return "80";
    case Scheme::kSsh:
      return "22";
    case Scheme::kFile:
      return "";
  }
  return "";
}

void read_host(Remote& remote, std::string_view host, std::string_view whole) {
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    remote.host = to_lower(host.substr(1, host.size() - 2));
    if (!is_ipv6(remote.host)) refuse(whole, "the IPv6 address is not one");
    return;
  }
  remote.host = to_lower(host);
  if (!is_host(remote.host)) refuse(whole, "the host name is missing or has characters that host names cannot have");
}

void read_authority(Remote& remote, std::string_view authority, std::string_view whole) {
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = authority.substr(0, at);
    if (user.find(':') != std::string_view::npos)
      refuse(whole, "it holds a password; put that into `credentials:` and take it out of the address");
    if (remote.scheme == Scheme::kSsh) {
      if (!is_user(user)) refuse(whole, "the user name has characters that it cannot have");
      remote.user = user;
    }
    authority.remove_prefix(at + 1);
  }
  const auto bracket = authority.rfind(']');
  const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    const std::string_view port = authority.substr(colon + 1);
    const auto number = parse_unsigned(port);
    if (!port.empty() && (!number || *number == 0 || *number > 65535)) refuse(whole, "the port is not a port number");
    if (number && std::to_string(*number) != default_port(remote.scheme)) remote.port = std::to_string(*number);
    authority = authority.substr(0, colon);
  }
  read_host(remote, authority, whole);
}

std::string host_and_port(const Remote& remote) {
  std::string text = remote.host.find(':') != std::string::npos ? "[" + remote.host + "]" : remote.host;
  if (!remote.port.empty()) text += ":" + remote.port;
  return text;
}

}  // namespace

std::string Remote::for_git() const {
  if (scheme == Scheme::kFile) return "file://" + path;
  const std::string login = user.empty() ? "" : user + "@";
  if (scp_form) return login + host_and_port(*this) + ":" + path;
  return std::string(scheme_text(scheme)) + "://" + login + host_and_port(*this) + path;
}

std::string Remote::normalized() const {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  if (scheme == Scheme::kFile) return "file://" + trimmed;
  if (trimmed.empty() || trimmed.front() != '/') trimmed.insert(0, "/");
  return std::string(scheme_text(scheme)) + "://" + host_and_port(*this) + trimmed;
}

std::string Remote::origin() const {
  return std::string(scheme_text(scheme)) + "://" + host_and_port(*this) + "/";
}

Remote parse_remote(std::string_view text) {
  text = trim(text);
  if (text.empty()) throw Error(ErrorKind::kConfiguration, "reading the repository address: it is empty");
  if (text.size() > kMaxRemoteBytes) refuse(text, "it is too long");
  if (text.front() == '-') refuse(text, "it begins with a dash");
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    refuse(text, "it has control characters");

  Remote remote;
  const auto separator = text.find("://");
  if (separator == std::string_view::npos) {
    if (text.front() == '/') {
      remote.scheme = Scheme::kFile;
      remote.path = text;
      return remote;
    }
    const auto colon = text.front() == '[' ? text.find("]:") + 1 : text.find(':');
    const auto slash = text.find('/');
    if (text.find("::") != std::string_view::npos || colon == std::string_view::npos || colon == 0 || slash < colon)
      refuse(text, "expected https://host/path, ssh://user@host/path or user@host:path");
    remote.scheme = Scheme::kSsh;
    remote.scp_form = true;
    remote.path = text.substr(colon + 1);
    if (remote.path.empty() || remote.path.front() == '-') refuse(text, "the path is missing or begins with a dash");
    const auto at = text.substr(0, colon).rfind('@');
    if (at != std::string_view::npos) {
      remote.user = text.substr(0, at);
      if (!is_user(remote.user)) refuse(text, "the user name has characters that it cannot have");
    }
    const std::size_t host_begin = at == std::string_view::npos ? 0 : at + 1;
    read_host(remote, text.substr(host_begin, colon - host_begin), text);
    return remote;
  }

  const std::string scheme = to_lower(text.substr(0, separator));
  const std::string_view rest = text.substr(separator + 3);
  if (scheme == "file") {
    remote.scheme = Scheme::kFile;
    if (rest.empty() || rest.front() != '/') refuse(text, "expected file:///absolute/path");
    remote.path = rest;
    return remote;
  }
  if (scheme == "https") {
    remote.scheme = Scheme::kHttps;
  } else if (scheme == "http") {
    remote.scheme = Scheme::kHttp;
  } else if (scheme == "ssh" || scheme == "git+ssh" || scheme == "ssh+git") {
    remote.scheme = Scheme::kSsh;
  } else {
    refuse(text, "the scheme is none of https, ssh, http and file");
  }
  const auto slash = rest.find('/');
  read_authority(remote, rest.substr(0, slash), text);
  if (slash == std::string_view::npos || rest.find_first_not_of('/', slash) == std::string_view::npos)
    refuse(text, "it names no repository");
  const std::string_view path = rest.substr(slash);
  if (path.find_first_of("?#") != std::string_view::npos) refuse(text, "it has a query or a fragment");
  remote.path = encode_path(path);
  return remote;
}

bool is_loopback(std::string_view host) noexcept {
  if (equals_ignoring_case(host, "localhost") || host == "::1") return true;
  if (!host.starts_with("127.")) return false;
  // Only a literal address: "127.0.0.1.example.com" resolves to wherever its owner likes.
  return std::count(host.begin(), host.end(), '.') == 3 &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string without_user_info(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto separator = text.find("://");
    if (separator == std::string_view::npos) break;
    result += text.substr(0, separator + 3);
    text.remove_prefix(separator + 3);
    const std::string_view authority = text.substr(0, text.find_first_of("/ \t\r\n'\"<>?#"));
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
  }
  return result.append(text);
}

bool is_ref_name(std::string_view name) noexcept {
  if (name == "HEAD") return true;
  if (!name.starts_with("refs/") || name.size() > 1024 || name.ends_with('/') || name.ends_with('.')) return false;
  if (name.find("..") != std::string_view::npos || name.find("//") != std::string_view::npos ||
      name.find("/.") != std::string_view::npos || name.find("@{") != std::string_view::npos)
    return false;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || std::string_view("~^:?*[\\").find(c) != std::string_view::npos) return false;
  }
  for (std::size_t end = name.find(".lock"); end != std::string_view::npos; end = name.find(".lock", end + 1)) {
    if (end + 5 == name.size() || name[end + 5] == '/') return false;
  }
  return true;
}

bool is_object_id(std::string_view text) noexcept {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

}  // namespace penstock::git
