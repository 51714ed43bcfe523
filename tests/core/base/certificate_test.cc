#include "core/base/certificate.h"

#include <functional>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/certificates.h"

namespace penstock {
namespace {

using testing::KeyKind;
using testing::make_certificate;

std::string refusal_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
    return error.what();
  }
  return "";
}

TEST(ParseCertificates, ReadsAllOfThem) {
  const auto one = make_certificate(KeyKind::kEcP256),
             other = make_certificate(KeyKind::kEcP256, std::chrono::hours(48));
  const auto found = parse_certificates("a comment\n" + one.certificate + one.private_key + other.certificate);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].subject, "CN=penstock test");
  EXPECT_EQ(found[1].not_after - found[1].not_before, std::chrono::hours(49));
  EXPECT_NE(found[0].der, found[1].der);
}

TEST(ParseCertificates, RefusesWhatHoldsNone) {
  const std::string none = "reading the certificates: expected PEM text with -----BEGIN CERTIFICATE-----, found none";
  EXPECT_EQ(refusal_of([] { parse_certificates(""); }), none);
  EXPECT_EQ(refusal_of([] { parse_certificates("words"); }), none);
  EXPECT_EQ(refusal_of([] { parse_certificates(make_certificate(KeyKind::kEcP256).private_key); }), none);
  std::string damaged = make_certificate(KeyKind::kEcP256).certificate;
  damaged.replace(60, 8, "AAAAAAAA");
  EXPECT_EQ(refusal_of([&] { parse_certificates(damaged); }),
            "reading the certificates: the block after 0 certificates is damaged");
  EXPECT_EQ(refusal_of([&] { parse_certificates(damaged.substr(0, 100)); }),
            "reading the certificates: the block after 0 certificates is damaged");
}

TEST(SigningCertificate, SignsSoThatOthersCanVerify) {
  const auto made = make_certificate();
  const SigningCertificate first(Secret(made.certificate + made.private_key));
  const SigningCertificate second(
      Secret(made.private_key + make_certificate(KeyKind::kEcP256).certificate + made.certificate));
  for (const SigningCertificate* each : {&first, &second}) {
    EXPECT_EQ(each->certificate().der, parse_certificates(made.certificate)[0].der);
    const std::string signature = each->sign_ps256("what is signed");
    EXPECT_TRUE(testing::verifies_ps256(made.certificate, "what is signed", signature));
    EXPECT_FALSE(testing::verifies_ps256(made.certificate, "what is Signed", signature));
  }
}

TEST(SigningCertificate, RefusesWhatCannotSignWithoutShowingIt) {
  const auto made = make_certificate();
  const auto elliptic = make_certificate(KeyKind::kEcP256), small = make_certificate(KeyKind::kRsa1024);
  const struct {
    std::string pem, cause;
  } rows[] = {
      {"", "expected PEM text with -----BEGIN CERTIFICATE-----, found none"},
      {made.private_key, "expected PEM text with -----BEGIN CERTIFICATE-----, found none"},
      {made.certificate, "expected the private key beside the certificate, found none"},
      {made.certificate + made.private_key.substr(0, 200), "the block after 1 certificates is damaged"},
      {made.certificate + testing::encrypt_private_key(made.private_key, "word"),
       "the private key is protected by a passphrase; store an unprotected copy"},
      {elliptic.certificate + elliptic.private_key, "expected an RSA key, found another kind"},
      {small.certificate + small.private_key, "the RSA key has fewer than 2048 bits"},
      {elliptic.certificate + made.private_key, "the key is not that of the certificate"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(refusal_of([&] { SigningCertificate certificate{Secret(row.pem)}; }),
              "reading the certificate and its private key: " + row.cause);
  }
}

}  // namespace
}  // namespace penstock
