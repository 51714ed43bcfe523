// A JWS in compact form, taken apart: what a token says of itself before anybody has checked it.
//
// Source: RFC 7515 sections 3.1, 4.1, 5.2 and 7.1, RFC 7797, RFC 8725.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/authz/algorithm.h"

namespace penstock::authz {

// What a bearer may make us decode and hash; identity providers stay below 8 KiB by far.
inline constexpr std::size_t kMaxTokenBytes = 16u << 10;

struct Jws {
  Algorithm algorithm = Algorithm::kRs256;
  std::optional<std::string> key_id;
  std::string_view signing_input;  // into the text that was parsed
  std::string payload, signature;
};

// Throws Error{kUnauthenticated}, the reason fit for a log and without a word of the token, for: more than
// kMaxTokenBytes; other than three parts, each base64url in its one spelling; a header that is no JSON object of depth
// 4, or has duplicate members; "alg" that is missing or not one of Algorithm; "kid" that is no text of at most 1 KiB;
// "crit" that names anything but an understood "b64"; "b64" other than true; "typ" of something else than an access or
// ID token. Key material in the header (jwk, jku, x5c, x5u) is not looked at. Pure.
Jws parse_jws(std::string_view token);

}  // namespace penstock::authz
