// The first line is a signature header's value, the rest a body. A request is let in exactly when the value is the
// signature of this body with this key, in one of the accepted forms; every form of the right signature is.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/digest.h"
#include "core/base/text.h"
#include "core/hooks/authentication.h"
#include "tests/fuzz/check.h"

using namespace penstock;
using namespace penstock::hooks;

namespace {

bool allowed(const EndpointAuthentication& authentication, std::string_view value, std::string_view body) {
  const auto header = [&](std::string_view name) {
    return equals_ignoring_case(name, "x-signature") ? std::optional(value) : std::nullopt;
  };
  return authenticate(authentication, *IpAddress::parse("10.0.0.1"), header, body) == AuthenticationResult::kAllowed;
}

void check_algorithm(HashAlgorithm algorithm, std::string_view prefix, std::string_view value, std::string_view body) {
  EndpointAuthentication authentication;
  authentication.hmac = {{"X-Signature", algorithm, Secret("key")}};
  const auto raw = hmac(algorithm, "key", body);

  auto text = trim(value);
  if (text.size() > prefix.size() && equals_ignoring_case(text.substr(0, prefix.size()), prefix)) {
    text.remove_prefix(prefix.size());
  }
  check(allowed(authentication, value, body) == (from_hex(text) == raw || from_base64(text) == raw));

  for (const auto& form : {to_hex(raw), to_base64(raw)}) {
    check(allowed(authentication, form, body));
    check(allowed(authentication, " " + std::string(prefix) + form + "\t", body));
    check(!allowed(authentication, form.substr(1), body));
    check(!allowed(authentication, form, std::string(body) + "x"));
  }
  // The key of another rotation lets in, an empty one never does.
  authentication.hmac.insert(authentication.hmac.begin(), {"X-Signature", algorithm, Secret("former")});
  check(allowed(authentication, to_hex(raw), body));
  authentication.hmac = {{"X-Signature", algorithm, Secret()}};
  check(!allowed(authentication, value, body) && !allowed(authentication, to_hex(hmac(algorithm, "", body)), body));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto line = input.find('\n');
  const auto value = input.substr(0, line);
  const auto body = line == std::string_view::npos ? std::string_view() : input.substr(line + 1);
  check_algorithm(HashAlgorithm::kSha1, "sha1=", value, body);
  check_algorithm(HashAlgorithm::kSha256, "sha256=", value, body);
  check_algorithm(HashAlgorithm::kSha512, "sha512=", value, body);
  return 0;
}
