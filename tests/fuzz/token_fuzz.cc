// Any bytes as a token: what is taken apart puts together again as exactly the same bytes, so no two spellings are one
// token; nothing that a stranger writes is accepted; reading claims fails in one way only.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/authz/claims.h"
#include "core/authz/jwk_set.h"
#include "core/authz/jws.h"
#include "core/base/digest.h"
#include "core/base/error.h"
#include "tests/fuzz/check.h"

using namespace penstock;
using namespace penstock::authz;

namespace {

// The key of RFC 8037 appendix A.2, whose private half is published too; the corpus holds tokens of it, whose signed
// parts are known.
constexpr std::string_view kKeys =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";
constexpr std::string_view kSigned = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";

void check_claims(std::string_view payload) {
  try {
    const Claims claims = parse_claims(payload, "");
    check(claims.scopes.size() <= 500 && claims.audiences.size() <= 100);
    for (const std::string& scope : claims.scopes) check(!scope.empty() && scope.find(' ') == std::string::npos);
    for (const auto& date : {claims.expires, claims.not_before, claims.issued_at}) {
      check(!date || to_milliseconds(*date) >= 0);
    }
    check(claims.issuer == parse_issuer(payload));
    // Without an audience that fits nothing is good enough.
    check(!find_fault(claims, {.issuer = claims.issuer, .audiences = {}}, from_milliseconds(0)).empty());
  } catch (const Error& error) {
    check(error.kind() == ErrorKind::kUnauthenticated);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const JwkSet keys = JwkSet::parse(kKeys);
  const std::string_view token(reinterpret_cast<const char*>(data), size);
  check_claims(token);
  try {
    const Jws jws = parse_jws(token);
    check(size <= kMaxTokenBytes && !jws.signature.empty());
    const std::size_t dot = jws.signing_input.find('.');
    const auto header = from_base64url(jws.signing_input.substr(0, dot));
    check(header &&
          to_base64url(*header) + "." + to_base64url(jws.payload) + "." + to_base64url(jws.signature) == token);
    for (const Jwk* jwk : keys.candidates(jws.algorithm, jws.key_id)) {
      check(!jwk->key.verify(jws.algorithm, jws.signing_input, jws.signature) || jws.signing_input == kSigned);
    }
    check_claims(jws.payload);
  } catch (const Error& error) {
    check(error.kind() == ErrorKind::kUnauthenticated);
  }
  return 0;
}
