// What a token claims, and whether that is enough. Pure; whoever calls has checked the signature, or uses `issuer` only
// to find out whose keys to ask.
//
// Source: RFC 7519 sections 2 and 4.1, RFC 6749 section 3.3 and RFC 9068 section 2.2.3 (scopes), RFC 8725 section 3.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace penstock::authz {

struct Claims {
  std::string issuer;    // empty = absent
  std::string subject;   // "sub", else "client_id", "azp", "appid"; empty = none of them
  std::string token_id;  // "jti"; empty = absent
  std::vector<std::string> audiences;
  std::optional<Timestamp> expires, not_before, issued_at;
  std::vector<std::string> scopes;
};

// `scope_claim` empty = the union of "scp", "scope" and "roles". A scope claim is a text with scopes between spaces, or
// a list of such texts. Throws Error{kUnauthenticated} for what is no JSON object of depth 16, duplicate members, a
// claim of the wrong type, a date that is no number or outside the years 1970 to 9999, more than 500 scopes or 100
// audiences. A fraction of a second is cut off: "exp" ends early, and "nbf" begins early by less than a second.
Claims parse_claims(std::string_view payload, const std::string& scope_claim);

// "iss" alone, before it is known whose rules the rest has to follow. Errors likewise; empty = absent.
std::string parse_issuer(std::string_view payload);

// How far our clock and the issuer's may differ.
struct Leeway {
  std::chrono::milliseconds start{30000};  // for "nbf" and "iat"
  std::chrono::milliseconds end{0};        // for "exp"
};

struct Expectations {
  std::string issuer;                  // equal, byte for byte
  std::vector<std::string> audiences;  // one of them is among the token's
  Leeway leeway = {};
};

// Why not; empty when all is as expected. "exp" must be there and lie after `now`, "nbf" and "iat" must not lie in the
// future.
std::string find_fault(const Claims& claims, const Expectations& expected, Timestamp now);

}  // namespace penstock::authz
