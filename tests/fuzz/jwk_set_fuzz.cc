// Any bytes as the answer of an identity provider, or as a file of keys: what is no set is refused in one way, each key
// that is taken fits the algorithms of its kind only, and none takes garbage for a signature.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/authz/jwk_set.h"
#include "core/base/error.h"
#include "tests/fuzz/check.h"

using namespace penstock;
using namespace penstock::authz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const JwkSet set = JwkSet::parse_any(text);
    check(set.size() + set.left_out().size() <= kMaxKeys);
    for (const Algorithm algorithm : kAlgorithms) {
      const auto found = set.candidates(algorithm, std::nullopt);
      check(found.size() <= JwkSet::kMaxCandidates && found.size() <= set.size());
      for (const Jwk* jwk : found) {
        check(jwk->key.type() == key_type_of(algorithm) && (!jwk->algorithm || jwk->algorithm == algorithm));
        check(!jwk->key.verify(algorithm, "data", std::string(64, '\0')));
        check(!jwk->key_id || set.knows(*jwk->key_id));
      }
    }
  } catch (const Error& error) {
    check(error.kind() == ErrorKind::kInvalidInput);
  }
  try {
    check(!parse_discovery(text, "https://id.example").empty());
  } catch (const Error& error) {
    check(error.kind() == ErrorKind::kInvalidInput);
  }
  return 0;
}
