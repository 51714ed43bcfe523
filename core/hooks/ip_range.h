// IPv4 and IPv6 addresses and CIDR ranges; IPv4-mapped IPv6 addresses count as IPv4.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::hooks {

class IpAddress {
 public:
  static std::optional<IpAddress> parse(std::string_view text);  // no port, no brackets, no zone
  std::string to_string() const;
  // What one holder is given: an IPv4 address, the /64 of an IPv6 address. 16 bytes, IPv4 in its mapped form.
  std::array<std::uint8_t, 16> network() const noexcept;
  bool operator==(const IpAddress&) const = default;

 private:
  friend class IpRange;
  std::array<std::uint8_t, 16> bytes_{};  // IPv4 as ::ffff:a.b.c.d
};

class IpRange {
 public:
  static std::optional<IpRange> parse(std::string_view text);  // "10.0.0.0/8", "2001:db8::/32", a bare address
  bool contains(const IpAddress& address) const noexcept;
  std::string to_string() const;

 private:
  IpAddress base_;
  int prefix_ = 128;  // in the 128-bit form
};

// The client's address: the peer, or, while the peer is a trusted proxy, the right-most address of X-Forwarded-For that
// is not itself trusted. A malformed entry ends the walk at the last good one. Pure.
IpAddress client_address(const IpAddress& peer, std::optional<std::string_view> forwarded_for,
                         const std::vector<IpRange>& trusted_proxies);

}  // namespace penstock::hooks
