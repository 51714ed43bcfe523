#include "core/hooks/ip_range.h"

#include <algorithm>

#include <arpa/inet.h>

#include "core/base/text.h"

namespace penstock::hooks {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr int kMappedPrefixBits = 96;

bool is_ipv4(const std::array<std::uint8_t, 16>& bytes) noexcept {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin());
}

// One entry of X-Forwarded-For as proxies write it: an address, "1.2.3.4:5678", "[2001:db8::1]" or "[2001:db8::1]:443".
std::optional<IpAddress> parse_forwarded(std::string_view entry) {
  if (entry.size() >= 2 && entry.front() == '"' && entry.back() == '"') entry = entry.substr(1, entry.size() - 2);
  std::string_view port;
  if (entry.starts_with('[')) {
    const auto close = entry.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    port = entry.substr(close + 1);
    if (!port.empty() && port.front() != ':') return std::nullopt;
    entry = entry.substr(1, close - 1);
  } else if (std::count(entry.begin(), entry.end(), ':') == 1) {
    port = entry.substr(entry.find(':'));
    entry = entry.substr(0, entry.find(':'));
  }
  if (!port.empty()) {
    const auto number = parse_unsigned(port.substr(1));
    if (!number || *number > 65535) return std::nullopt;
  }
  return IpAddress::parse(entry);
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.empty() || text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const std::string terminated(text);
  if (terminated.find('\0') != std::string::npos) return std::nullopt;
  IpAddress address;
  if (text.find(':') != std::string_view::npos) {
    if (inet_pton(AF_INET6, terminated.c_str(), address.bytes_.data()) != 1) return std::nullopt;
    return address;
  }
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), address.bytes_.begin());
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes_.data() + kMappedPrefix.size()) != 1) return std::nullopt;
  return address;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (is_ipv4(bytes_)) {
    inet_ntop(AF_INET, bytes_.data() + kMappedPrefix.size(), text, sizeof text);
  } else {
    inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
  }
  return text;
}

std::array<std::uint8_t, 16> IpAddress::network() const noexcept {
  auto network = bytes_;
  if (!is_ipv4(bytes_)) std::fill(network.begin() + 8, network.end(), std::uint8_t{0});
  return network;
}

std::optional<IpRange> IpRange::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address_text = text.substr(0, slash);
  const auto address = IpAddress::parse(address_text);
  if (!address) return std::nullopt;
  IpRange range;
  range.base_ = *address;
  if (slash != std::string_view::npos) {
    const bool written_as_ipv4 = address_text.find(':') == std::string_view::npos;
    const auto prefix_text = text.substr(slash + 1);
    const auto prefix = parse_unsigned(prefix_text);
    if (!prefix || prefix_text.size() > 3 || *prefix > (written_as_ipv4 ? 32u : 128u)) return std::nullopt;
    range.prefix_ = static_cast<int>(*prefix) + (written_as_ipv4 ? kMappedPrefixBits : 0);
  }
  for (int bit = range.prefix_; bit < 128; ++bit) {
    range.base_.bytes_[static_cast<std::size_t>(bit / 8)] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
  }
  return range;
}

bool IpRange::contains(const IpAddress& address) const noexcept {
  // "::/0" means every IPv6 address, not every address: what was written for one family never admits the other.
  if (is_ipv4(address.bytes_) && !(prefix_ >= kMappedPrefixBits && is_ipv4(base_.bytes_))) return false;
  const auto whole = static_cast<std::size_t>(prefix_ / 8);
  if (!std::equal(base_.bytes_.begin(), base_.bytes_.begin() + prefix_ / 8, address.bytes_.begin())) return false;
  if (prefix_ % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff00u >> (prefix_ % 8));
  return (address.bytes_[whole] & mask) == base_.bytes_[whole];
}

std::string IpRange::to_string() const {
  const bool ipv4 = prefix_ >= kMappedPrefixBits && is_ipv4(base_.bytes_);
  return base_.to_string() + "/" + std::to_string(ipv4 ? prefix_ - kMappedPrefixBits : prefix_);
}

IpAddress client_address(const IpAddress& peer, std::optional<std::string_view> forwarded_for,
                         const std::vector<IpRange>& trusted_proxies) {
  const auto is_trusted = [&](const IpAddress& address) {
    return std::any_of(trusted_proxies.begin(), trusted_proxies.end(),
                       [&](const IpRange& range) { return range.contains(address); });
  };
  IpAddress client = peer;
  std::string_view rest = forwarded_for.value_or("");
  while (!rest.empty() && is_trusted(client)) {
    const auto comma = rest.rfind(',');
    const auto entry = trim(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(0, comma);
    if (entry.empty()) continue;  // RFC 9110 section 5.6.1.2: empty list elements are ignored
    const auto address = parse_forwarded(entry);
    if (!address) break;
    client = *address;
  }
  return client;
}

}  // namespace penstock::hooks
