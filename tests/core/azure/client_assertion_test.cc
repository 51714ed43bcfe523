#include "core/azure/client_assertion.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/json/json.h"
#include "tests/support/certificates.h"

namespace penstock::azure {
namespace {

std::string decoded(std::string text) {
  EXPECT_EQ(text.find_first_of("+/="), std::string::npos) << text;
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  while (text.size() % 4 != 0) text += '=';
  return from_base64(text).value();
}

TEST(ClientAssertion, IsWhatMicrosoftDocuments) {
  const auto made = testing::make_certificate();
  const SigningCertificate certificate(Secret(made.certificate + made.private_key));
  const Timestamp now = *parse_rfc3339("2026-11-21T09:30:00.900Z");
  const std::string audience = "https://login.microsoftonline.com/t/oauth2/v2.0/token";
  const Secret assertion = make_client_assertion(certificate, "client", audience, now);

  const auto parts = split(assertion.reveal(), '.');
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_TRUE(testing::verifies_ps256(made.certificate, parts[0] + "." + parts[1], decoded(parts[2])));

  const auto header = json::parse_json(decoded(parts[0]), "the header");
  EXPECT_EQ(json::string_or(header, "alg"), "PS256");
  EXPECT_EQ(json::string_or(header, "typ"), "JWT");
  const std::string& der = certificate.certificate().der;
  EXPECT_EQ(decoded(json::string_or(header, "x5t#S256")), hash(HashAlgorithm::kSha256, der));
  EXPECT_EQ(decoded(json::string_or(header, "x5t")), hash(HashAlgorithm::kSha1, der));

  const auto claims = json::parse_json(decoded(parts[1]), "the claims");
  EXPECT_EQ(json::string_or(claims, "aud"), audience);
  EXPECT_EQ(json::string_or(claims, "iss"), "client");
  EXPECT_EQ(json::string_or(claims, "sub"), "client");
  EXPECT_TRUE(is_uuid(json::string_or(claims, "jti")));
  EXPECT_EQ(json::find(claims, "nbf")->get<std::int64_t>(), 1795253400);
  EXPECT_EQ(json::find(claims, "exp")->get<std::int64_t>(), 1795253400 + 600);
}

TEST(ClientAssertion, IsNeverTheSameTwice) {
  const auto made = testing::make_certificate();
  const SigningCertificate certificate(Secret(made.certificate + made.private_key));
  const Timestamp now = from_milliseconds(1'795'253'400'000);
  EXPECT_FALSE(make_client_assertion(certificate, "c", "a", now)
                   .equals(make_client_assertion(certificate, "c", "a", now).reveal()));
}

}  // namespace
}  // namespace penstock::azure
