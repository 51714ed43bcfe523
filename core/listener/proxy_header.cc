#include "core/listener/proxy_header.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>

#include "core/listener/request_head.h"

namespace penstock::listener {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kMaxLine = 107;  // version 1, CRLF included
constexpr std::size_t kMaxBlock = 520;

[[noreturn]] void refuse() {
  throw BadRequest{400, "the connection does not begin with a PROXY header"};
}

// Addresses are written anew, so that one client has one spelling.
std::string normal_address(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(family, address, text.data(), text.size()) == nullptr) refuse();
  return text.data();
}

std::string parse_address(int family, std::string_view text) {
  in6_addr address{};
  if (::inet_pton(family, std::string(text).c_str(), &address) != 1) refuse();
  return normal_address(family, &address);
}

ProxyHeader parse_version_1(std::string_view text) {
  const std::size_t end = text.substr(0, kMaxLine).find("\r\n");
  if (end == std::string_view::npos) {
    if (text.size() >= kMaxLine) refuse();
    return {};
  }
  ProxyHeader header;
  header.length = end + 2;
  std::string_view line = text.substr(6, end - 6);
  const auto take = [&line] {
    const std::size_t blank = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, blank);
    line.remove_prefix(std::min(blank + 1, line.size()));
    return word;
  };
  const std::string_view protocol = take();
  if (protocol == "UNKNOWN") return header;
  if (protocol != "TCP4" && protocol != "TCP6") refuse();
  header.client_address = parse_address(protocol == "TCP4" ? AF_INET : AF_INET6, take());
  parse_address(protocol == "TCP4" ? AF_INET : AF_INET6, take());
  for (int ports = 0; ports < 2; ++ports) {
    const std::string_view port = take();
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos) refuse();
  }
  if (!line.empty()) refuse();
  return header;
}

ProxyHeader parse_version_2(std::string_view text) {
  if (text.size() < 16) return {};
  const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  const int version = byte(12) >> 4, command = byte(12) & 15, family = byte(13) >> 4;
  const std::size_t length = static_cast<std::size_t>(byte(14)) << 8 | byte(15);
  if (version != 2 || command > 1 || length > kMaxBlock) refuse();
  if (text.size() < 16 + length) return {};
  ProxyHeader header;
  header.length = 16 + length;
  if (command == 0) return header;
  if (family == 1) {
    if (length < 12) refuse();
    header.client_address = normal_address(AF_INET, text.data() + 16);
  } else if (family == 2) {
    if (length < 36) refuse();
    header.client_address = normal_address(AF_INET6, text.data() + 16);
  }
  return header;
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view text) {
  const std::string_view line_begin = "PROXY ";
  if (text.substr(0, line_begin.size()) == line_begin.substr(0, text.size())) {
    return text.size() < line_begin.size() ? ProxyHeader{} : parse_version_1(text);
  }
  if (text.substr(0, kSignature.size()) == kSignature.substr(0, text.size())) return parse_version_2(text);
  refuse();
}

}  // namespace penstock::listener
