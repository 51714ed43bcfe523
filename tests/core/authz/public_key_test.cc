#include "core/authz/public_key.h"

#include <array>
#include <functional>
#include <string>
#include <tuple>

#include <gtest/gtest.h>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "tests/core/authz/signer.h"

namespace penstock::authz {
namespace {

using testing::Signer;
using testing::signer_of;

constexpr std::array<KeyType, 5> kTypes = {KeyType::kRsa, KeyType::kP256, KeyType::kP384, KeyType::kP521,
                                           KeyType::kEd25519};

PublicKey public_key_of(const Signer& signer) {
  return PublicKey::from_pem(signer.public_pem()).at(0);
}

std::string bytes(std::string_view base64url) {
  return from_base64url(base64url).value();
}

std::string reason_of(const std::function<void()>& make) {
  try {
    make();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
    return error.what();
  }
  return "";
}

TEST(PublicKey, AcceptsWhatItsOwnKeySignedAndNothingElse) {
  for (const Algorithm algorithm : kAlgorithms) {
    SCOPED_TRACE(std::string(to_string(algorithm)));
    const Signer& signer = signer_of(key_type_of(algorithm));
    const PublicKey key = public_key_of(signer);
    const std::string signature = signer.sign(algorithm, "data");
    EXPECT_TRUE(key.verify(algorithm, "data", signature));
    EXPECT_FALSE(key.verify(algorithm, "Data", signature));
    EXPECT_FALSE(key.verify(algorithm, "", signature));
    EXPECT_FALSE(key.verify(algorithm, "data", ""));
    EXPECT_FALSE(key.verify(algorithm, "data", signature + '\0'));
    EXPECT_FALSE(key.verify(algorithm, "data", '\0' + signature));
    EXPECT_FALSE(key.verify(algorithm, "data", std::string_view(signature).substr(1)));
    EXPECT_FALSE(key.verify(algorithm, "data", std::string_view(signature).substr(0, signature.size() - 1)));
    EXPECT_FALSE(key.verify(algorithm, "data", std::string(signature.size(), '\0')));
    EXPECT_FALSE(key.verify(algorithm, "data", std::string(signature.size(), '\xff')));
    for (std::size_t i = 0; i < signature.size(); i += 13) {
      std::string flipped = signature;
      flipped[i] = static_cast<char>(flipped[i] ^ 1);
      EXPECT_FALSE(key.verify(algorithm, "data", flipped)) << i;
    }
  }
}

// Every algorithm that was signed with, against every other that a forged header could name, on every key.
TEST(PublicKey, TakesNoSignatureForThatOfAnotherAlgorithmOrKey) {
  for (const Algorithm signed_with : kAlgorithms) {
    const std::string signature = signer_of(key_type_of(signed_with)).sign(signed_with, "data");
    for (const KeyType type : kTypes) {
      const PublicKey key = public_key_of(signer_of(type));
      for (const Algorithm claimed : kAlgorithms) {
        const bool is_own = claimed == signed_with && type == key_type_of(signed_with);
        EXPECT_EQ(key.verify(claimed, "data", signature), is_own)
            << to_string(signed_with) << " as " << to_string(claimed) << " on " << to_string(type);
      }
    }
  }
}

TEST(PublicKey, TakesEcdsaAsTwoNumbersInRangeOnly) {
  for (const Algorithm algorithm : {Algorithm::kEs256, Algorithm::kEs384, Algorithm::kEs512}) {
    SCOPED_TRACE(std::string(to_string(algorithm)));
    const Signer& signer = signer_of(key_type_of(algorithm));
    const PublicKey key = public_key_of(signer);
    const std::string good = signer.sign(algorithm, "data");
    const std::size_t half = good.size() / 2;
    const std::string zero(half, '\0');
    std::string order = signer.order();
    order.insert(0, half - order.size(), '\0');
    EXPECT_FALSE(key.verify(algorithm, "data", signer.sign_raw(algorithm, "data"))) << "DER";
    EXPECT_FALSE(key.verify(algorithm, "data", zero + zero)) << "CVE-2022-21449";
    EXPECT_FALSE(key.verify(algorithm, "data", zero + good.substr(half)));
    EXPECT_FALSE(key.verify(algorithm, "data", good.substr(0, half) + zero));
    EXPECT_FALSE(key.verify(algorithm, "data", order + order));
    EXPECT_FALSE(key.verify(algorithm, "data", good.substr(0, half) + order));
    EXPECT_FALSE(key.verify(algorithm, "data", zero + good));
    EXPECT_FALSE(key.verify(algorithm, "data", std::string(1, '\0') + good.substr(0, half) + '\0' + good.substr(half)));
  }
}

TEST(PublicKey, TakesAPssSaltOfTheDigestsLengthOnly) {
  const Signer& signer = signer_of(KeyType::kRsa);
  const PublicKey key = public_key_of(signer);
  EXPECT_TRUE(key.verify(Algorithm::kPs256, "data", signer.sign(Algorithm::kPs256, "data", 32)));
  for (const int salt : {0, 20, 31, 33, 64}) {
    EXPECT_FALSE(key.verify(Algorithm::kPs256, "data", signer.sign(Algorithm::kPs256, "data", salt))) << salt;
  }
}

TEST(PublicKey, RefusesAnEd25519SignatureWithTheOrderAdded) {
  // S + L is the same number to a verifier that does not look (RFC 8032 section 5.1.7).
  static constexpr std::array<unsigned char, 32> kOrder = {
      0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
      0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  const Signer& signer = signer_of(KeyType::kEd25519);
  std::string signature = signer.sign(Algorithm::kEdDsa, "data");
  unsigned carry = 0;
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    carry += static_cast<unsigned char>(signature[32 + i]) + kOrder.at(i);
    signature[32 + i] = static_cast<char>(carry & 255);
    carry >>= 8;
  }
  EXPECT_FALSE(public_key_of(signer).verify(Algorithm::kEdDsa, "data", signature));
}

TEST(PublicKey, RefusesRsaNumbersThatAreWeakOrAbsurd) {
  const std::string good(256, '\xff');
  const auto reason = [](const std::string& n, const std::string& e) {
    return reason_of([&] { PublicKey::from_rsa(n, e); });
  };
  EXPECT_EQ(reason(good, "\x03"), "");
  EXPECT_EQ(reason('\0' + good, std::string("\0\x01\0\x01", 4)), "");
  EXPECT_EQ(reason(good.substr(1), "\x03"), "reading a public key: an RSA key of fewer than 2048 bits");
  EXPECT_EQ(reason('\x7f' + good.substr(1), "\x03"), "reading a public key: an RSA key of fewer than 2048 bits");
  EXPECT_EQ(reason(std::string(1025, '\xff'), "\x03"), "reading a public key: an RSA key of more than 8192 bits");
  EXPECT_NE(reason(std::string(100'000, '\xff'), "\x03"), "");
  EXPECT_EQ(reason(good.substr(1) + '\xfe', "\x03"), "reading a public key: an RSA key whose modulus is even");
  for (const std::string& e : {std::string("\x01"), std::string("\x02"), std::string("\0", 1), std::string(),
                               std::string(10, '\xff'), std::string("\x01\0\0\0\0\0\0\0\x01", 9)}) {
    EXPECT_NE(reason(good, e), "") << to_hex(e);
  }
  EXPECT_NE(reason("", "\x03"), "");
}

TEST(PublicKey, RefusesPointsThatAreNotOnTheCurve) {
  // The key of RFC 7515 appendix A.3.1.
  const std::string x = bytes("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
  const std::string y = bytes("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
  EXPECT_EQ(PublicKey::from_ec(KeyType::kP256, x, y).type(), KeyType::kP256);
  std::string off = y;
  off.back() = static_cast<char>(off.back() ^ 1);
  const std::string zero(32, '\0');
  for (const auto& [name, at, up] :
       {std::tuple("off", x, off), std::tuple("zero", zero, zero), std::tuple("too large", std::string(32, '\xff'), y),
        std::tuple("short", x.substr(1), y), std::tuple("long", '\0' + x, y),
        std::tuple("empty", std::string(), std::string())}) {
    EXPECT_NE(reason_of([&, a = at, b = up] { PublicKey::from_ec(KeyType::kP256, a, b); }), "") << name;
  }
  EXPECT_NE(reason_of([&] { PublicKey::from_ec(KeyType::kP384, x, y); }), "");
  EXPECT_NE(reason_of([&] { PublicKey::from_ec(KeyType::kRsa, x, y); }), "");
}

TEST(PublicKey, ReadsPemOfKnownKindsAndNoPrivateKey) {
  std::string all;
  for (const KeyType type : kTypes) {
    EXPECT_EQ(public_key_of(signer_of(type)).type(), type);
    all += "a comment\n" + signer_of(type).public_pem();
  }
  EXPECT_EQ(PublicKey::from_pem(all).size(), kTypes.size());
  const Signer& rsa = signer_of(KeyType::kRsa);
  EXPECT_NE(reason_of([&] { PublicKey::from_pem(rsa.private_pem()); }).find("private key"), std::string::npos);
  const std::string pem = rsa.public_pem();
  const std::string cut = pem.substr(0, pem.size() / 2) + pem.substr(pem.size() / 2 + 4);
  for (const std::string& text : {std::string(), std::string("nothing"), cut, pem.substr(0, pem.size() / 2),
                                  Signer(KeyType::kRsa, 1024).public_pem(), Signer::of_group("secp256k1").public_pem(),
                                  Signer::ed448().public_pem()}) {
    EXPECT_NE(reason_of([&] { PublicKey::from_pem(text); }), "") << text;
  }
}

}  // namespace
}  // namespace penstock::authz
