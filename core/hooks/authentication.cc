#include "core/hooks/authentication.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"

namespace penstock::hooks {
namespace {

struct BasicPair {
  std::string username, password;
  BasicPair() = default;
  BasicPair(const BasicPair&) = delete;
  BasicPair& operator=(const BasicPair&) = delete;
  ~BasicPair() { wipe(password); }
};

// RFC 7617: "Basic" in any case, white space, base64 of user-id ":" password. The password may hold colons.
bool read_basic(std::string_view header, BasicPair& pair) {
  header = trim(header);
  const auto space = header.find_first_of(" \t");
  if (space == std::string_view::npos || !equals_ignoring_case(header.substr(0, space), "basic")) return false;
  auto decoded = from_base64(trim(header.substr(space)));
  if (!decoded) return false;
  const auto colon = decoded->find(':');
  if (colon != std::string::npos) {
    pair.username = decoded->substr(0, colon);
    pair.password = decoded->substr(colon + 1);
  }
  wipe(*decoded);
  return colon != std::string::npos;
}

std::string_view prefix_of(HashAlgorithm algorithm) noexcept {
  switch (algorithm) {
    case HashAlgorithm::kMd5:
      return "md5=";
    case HashAlgorithm::kSha1:
      return "sha1=";
    case HashAlgorithm::kSha256:
      return "sha256=";
    case HashAlgorithm::kSha384:
      return "sha384=";
    case HashAlgorithm::kSha512:
      return "sha512=";
  }
  return "";
}

// The raw signature out of "sha256=<hex>", "<hex>" or "<base64>"; empty when the header holds nothing of the kind.
std::string read_signature(std::string_view header, HashAlgorithm algorithm, std::size_t digest_size) {
  header = trim(header);
  const auto prefix = prefix_of(algorithm);
  if (header.size() > prefix.size() && equals_ignoring_case(header.substr(0, prefix.size()), prefix)) {
    header.remove_prefix(prefix.size());
  }
  if (header.size() == 2 * digest_size) {
    if (auto bytes = from_hex(header)) return *bytes;
  }
  auto bytes = from_base64(header);
  return bytes && bytes->size() == digest_size ? *bytes : std::string();
}

}  // namespace

HeaderLookup lookup_in(const std::vector<std::pair<std::string, std::string>>& headers) {
  return [&headers](std::string_view name) -> std::optional<std::string_view> {
    for (const auto& [key, value] : headers) {
      if (equals_ignoring_case(key, name)) return std::string_view(value);
    }
    return std::nullopt;
  };
}

AuthenticationResult authenticate(const EndpointAuthentication& authentication, const IpAddress& remote,
                                  const HeaderLookup& header, std::string_view body) {
  const auto& ranges = authentication.allowed_ip_ranges;
  if (!ranges.empty() &&
      std::none_of(ranges.begin(), ranges.end(), [&](const auto& r) { return r.contains(remote); })) {
    return AuthenticationResult::kAddressNotAllowed;
  }
  if (authentication.unauthenticated) return AuthenticationResult::kAllowed;

  bool presented = false;
  unsigned passed = 0;  // combined with |, never with ||: every credential is looked at
  // An empty secret is a mistake in the configuration and must never let anybody in.
  if (!authentication.basic.empty()) {
    if (const auto value = header("Authorization")) {
      presented = true;
      BasicPair pair;
      const unsigned well_formed = read_basic(*value, pair) ? 1 : 0;
      for (const auto& credential : authentication.basic) {
        const unsigned user = equal_in_constant_time(credential.username, pair.username) ? 1 : 0;
        const unsigned password = credential.password.equals(pair.password) ? 1 : 0;
        passed |= well_formed & user & password & (credential.password.empty() ? 0u : 1u);
      }
    }
  }
  for (const auto& credential : authentication.header) {
    const auto value = header(credential.name);
    if (!value) continue;
    presented = true;
    passed |= (credential.value.equals(trim(*value)) ? 1u : 0u) & (credential.value.empty() ? 0u : 1u);
  }
  for (const auto& credential : authentication.hmac) {
    const auto value = header(credential.header);
    if (!value) continue;
    presented = true;
    const auto expected = hmac(credential.algorithm, credential.secret.reveal(), body);
    const auto signature = read_signature(*value, credential.algorithm, expected.size());
    passed |= (equal_in_constant_time(expected, signature) ? 1u : 0u) & (credential.secret.empty() ? 0u : 1u);
  }
  if (passed != 0) return AuthenticationResult::kAllowed;
  return presented ? AuthenticationResult::kWrongCredential : AuthenticationResult::kNoCredential;
}

bool is_telling_header(std::string_view name) {
  const auto lower = to_lower(name);
  static constexpr std::array<std::string_view, 9> kTelling = {
      "authorization", "cookie", "api-key", "apikey", "token", "secret", "password", "passwd", "signature"};
  return std::any_of(kTelling.begin(), kTelling.end(),
                     [&](std::string_view part) { return lower.find(part) != std::string::npos; });
}

bool is_sensitive_header(const EndpointAuthentication& authentication, std::string_view name) {
  return is_telling_header(name) ||
         std::any_of(authentication.header.begin(), authentication.header.end(),
                     [&](const auto& c) { return equals_ignoring_case(c.name, name); }) ||
         std::any_of(authentication.hmac.begin(), authentication.hmac.end(),
                     [&](const auto& c) { return equals_ignoring_case(c.header, name); });
}

}  // namespace penstock::hooks
