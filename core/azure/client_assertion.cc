#include "core/azure/client_assertion.h"

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/json/json.h"

namespace penstock::azure {
namespace {

constexpr std::int64_t kValidSeconds = 600;

}  // namespace

Secret make_client_assertion(const SigningCertificate& certificate, std::string_view client_id,
                             std::string_view audience, Timestamp now) {
  const std::string& der = certificate.certificate().der;
  const json::Json header = {{"alg", "PS256"},
                             {"typ", "JWT"},
                             {"x5t", to_base64url(hash(HashAlgorithm::kSha1, der))},
                             {"x5t#S256", to_base64url(hash(HashAlgorithm::kSha256, der))}};
  const std::int64_t issued = to_milliseconds(now) / 1000;
  const json::Json claims = {{"aud", audience},
                             {"iss", client_id},
                             {"sub", client_id},
                             {"jti", make_uuid_v4()},
                             {"iat", issued},
                             {"nbf", issued},
                             {"exp", issued + kValidSeconds}};
  std::string text = to_base64url(json::dump(header)) + "." + to_base64url(json::dump(claims));
  text += "." + to_base64url(certificate.sign_ps256(text));
  return Secret(std::move(text));
}

}  // namespace penstock::azure
