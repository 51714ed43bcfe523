// The first line is a header's value, the rest a body. Nobody is let in but with the very credential; addresses that
// are read print as text that means the same; the client's address is the peer or stands in the header.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/digest.h"
#include "core/base/text.h"
#include "core/hooks/authentication.h"
#include "tests/fuzz/check.h"

using namespace penstock;
using namespace penstock::hooks;

namespace {

bool allowed(const EndpointAuthentication& authentication, std::string_view value, std::string_view body) {
  const auto result = authenticate(
      authentication, *IpAddress::parse("10.0.0.1"), [&](std::string_view) { return std::optional(value); }, body);
  check(result == AuthenticationResult::kAllowed || result == AuthenticationResult::kWrongCredential);
  return result == AuthenticationResult::kAllowed;
}

void check_credentials(std::string_view value, std::string_view body) {
  EndpointAuthentication basic;
  basic.basic = {{"azure", Secret("pass:word")}};
  if (allowed(basic, value, body)) {
    const auto text = trim(value);
    check(equals_ignoring_case(text.substr(0, 5), "basic"));
    check(from_base64(trim(text.substr(5))) == "azure:pass:word");
  }
  EndpointAuthentication header;
  header.header = {{"X-Token", Secret("token")}};
  check(allowed(header, value, body) == (trim(value) == "token"));
  EndpointAuthentication mac;
  mac.hmac = {{"X-Signature", HashAlgorithm::kSha256, Secret("key")}};
  const auto raw = hmac(HashAlgorithm::kSha256, "key", body);
  if (allowed(mac, value, body)) {
    check(to_lower(value).find(to_hex(raw)) != std::string::npos ||
          value.find(to_base64(raw)) != std::string_view::npos);
  }
  check(allowed(mac, "sha256=" + to_hex(raw), body));
}

void check_addresses(std::string_view value) {
  if (const auto address = IpAddress::parse(value)) {
    check(IpAddress::parse(address->to_string()) == address);
    check(IpRange::parse(value)->contains(*address));
  }
  if (const auto range = IpRange::parse(value)) {
    check(IpRange::parse(range->to_string())->to_string() == range->to_string());
  }
  const auto peer = *IpAddress::parse("10.0.0.1");
  const std::vector<IpRange> trusted = {*IpRange::parse("10.0.0.0/8")};
  const auto client = client_address(peer, value, trusted);
  check(client_address(peer, value, {}) == peer);
  // A trusted address is the answer only when everything to its left was trusted too, or unreadable.
  check(client == peer || client_address(peer, client.to_string(), trusted) == client);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto line = input.find('\n');
  const auto value = input.substr(0, line);
  const auto body = line == std::string_view::npos ? std::string_view() : input.substr(line + 1);
  check_credentials(value, body);
  check_addresses(value);
  return 0;
}
