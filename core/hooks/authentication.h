// Who may post to an endpoint. Any one method that passes is enough; several of a kind allow rotation.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/digest.h"
#include "core/base/secret.h"
#include "core/hooks/ip_range.h"

namespace penstock::hooks {

struct BasicCredential {
  std::string username;
  Secret password;
};
struct HeaderCredential {
  std::string name;
  Secret value;
};
// Signature of the raw body in a header: hex or base64, with or without "sha256=" in front.
struct HmacCredential {
  std::string header;
  HashAlgorithm algorithm = HashAlgorithm::kSha256;
  Secret secret;
};

struct EndpointAuthentication {
  std::vector<BasicCredential> basic;
  std::vector<HeaderCredential> header;
  std::vector<HmacCredential> hmac;
  bool unauthenticated = false;            // must have been written out
  std::vector<IpRange> allowed_ip_ranges;  // empty = all; narrows, never widens
};

enum class AuthenticationResult { kAllowed, kAddressNotAllowed, kNoCredential, kWrongCredential };

// First value of a header, or nothing. Names without case.
using HeaderLookup = std::function<std::optional<std::string_view>(std::string_view name)>;
// In a request's fields, which must outlive it.
HeaderLookup lookup_in(const std::vector<std::pair<std::string, std::string>>& headers);

// Looks at every configured credential, whichever matched first, so that the time taken tells nothing. Pure.
AuthenticationResult authenticate(const EndpointAuthentication& authentication, const IpAddress& remote,
                                  const HeaderLookup& header, std::string_view body);

// Names (lower case) of headers whose values must not be stored: credential headers of the endpoint and the usual ones
// (authorization, cookie, proxy-authorization, x-api-key, anything holding "token", "secret", "password", "signature").
bool is_sensitive_header(const EndpointAuthentication& authentication, std::string_view name);
// The usual ones alone. The name may be in any case.
bool is_telling_header(std::string_view name);

}  // namespace penstock::hooks
