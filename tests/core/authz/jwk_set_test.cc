#include "core/authz/jwk_set.h"

#include <string>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/core/authz/signer.h"

namespace penstock::authz {
namespace {

using testing::set_of;
using testing::Signer;
using testing::signer_of;

constexpr const char* kEd25519 = R"("kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")";

std::string key(const std::string& more) {
  return std::string("{") + kEd25519 + more + "}";
}

TEST(JwkSet, LeavesOutWhatCannotCheckSignatures) {
  const std::pair<const char*, std::string> cases[] = {
      {"a symmetric key", R"({"kty":"oct","k":"c2VjcmV0"})"},
      {"a private key", key(R"(,"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")")},
      {"another kind", R"({"kty":"XYZ"})"},
      {"no kind", "{}"},
      {"no object", R"("key")"},
      {"kind is a number", R"({"kty":1})"},
      {"for encryption", key(R"(,"use":"enc")")},
      {"use is a number", key(R"(,"use":1)")},
      {"for signing only", key(R"(,"key_ops":["sign"])")},
      {"for nothing", key(R"(,"key_ops":[])")},
      {"key_ops is a text", key(R"(,"key_ops":"verify")")},
      {"algorithm of another kind", key(R"(,"alg":"ES256")")},
      {"HMAC with a public key", key(R"(,"alg":"HS256")")},
      {"no algorithm at all", key(R"(,"alg":"none")")},
      {"kid is a number", key(R"(,"kid":7)")},
      {"kid is huge", key(R"(,"kid":")" + std::string(1025, 'k') + "\"")},
      {"X25519", R"({"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})"},
      {"Ed448", Signer::ed448().jwk("k")},
      {"short Ed25519", R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ"})"},
      {"no base64url", R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo"})"},
      {"secp256k1", R"({"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"})"},
      {"EC without y", R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"})"},
      {"a weak RSA key", Signer(KeyType::kRsa, 1024).jwk("k")},
      {"RSA without e", R"({"kty":"RSA","n":"AQAB"})"},
  };
  for (const auto& [name, jwk] : cases) {
    const JwkSet set = JwkSet::parse(set_of(jwk + "," + key("")));
    EXPECT_EQ(set.size(), 1u) << name;
    EXPECT_EQ(set.left_out().size(), 1u) << name;
  }
}

TEST(JwkSet, RefusesWhatIsNoSet) {
  std::string many;
  for (int i = 0; i <= 100; ++i) many += (i == 0 ? "" : ",") + std::string("{}");
  const std::pair<const char*, std::string> cases[] = {
      {"empty", ""},
      {"an array", "[]"},
      {"no keys", "{}"},
      {"keys is an object", R"({"keys":{}})"},
      {"a single key", key("")},
      {"duplicate member", R"({"keys":[],"keys":[]})"},
      {"duplicate in a key", set_of(key(R"(,"kty":"RSA")"))},
      {"too many", set_of(many)},
      {"too large", set_of(key(",\"x5c\":\"" + std::string(kMaxKeySetBytes, 'A') + "\""))},
      {"HTML", "<!doctype html><title>Sign in</title>"},
      {"NUL", std::string("{\"keys\":[]}\0", 12)},
  };
  for (const auto& [name, text] : cases) EXPECT_THROW(JwkSet::parse(text), Error) << name;
}

TEST(JwkSet, GivesTheKeysThatATokenMayBeSignedWith) {
  const JwkSet set =
      JwkSet::parse(set_of(signer_of(KeyType::kRsa).jwk("one") + "," +
                           signer_of(KeyType::kRsa).jwk("pinned", R"(,"alg":"PS256","use":"sig")") + "," +
                           signer_of(KeyType::kP256).jwk("one", R"(,"key_ops":["verify","sign"])") + "," +
                           signer_of(KeyType::kP384).jwk("other")));
  const auto count = [&](Algorithm algorithm, std::optional<std::string> id) {
    return set.candidates(algorithm, id).size();
  };
  EXPECT_EQ(set.size(), 4u);
  EXPECT_EQ(count(Algorithm::kRs256, "one"), 1u);
  EXPECT_EQ(count(Algorithm::kEs256, "one"), 1u);
  EXPECT_EQ(count(Algorithm::kEs384, "one"), 0u);
  EXPECT_EQ(count(Algorithm::kRs256, "pinned"), 0u);
  EXPECT_EQ(count(Algorithm::kPs384, "pinned"), 0u);
  EXPECT_EQ(count(Algorithm::kPs256, "pinned"), 1u);
  EXPECT_EQ(count(Algorithm::kRs256, "unknown"), 0u);
  EXPECT_EQ(count(Algorithm::kRs256, std::nullopt), 1u);
  EXPECT_EQ(count(Algorithm::kPs256, std::nullopt), 2u);
  EXPECT_TRUE(set.knows("other"));
  EXPECT_FALSE(set.knows("unknown"));
}

TEST(JwkSet, OffersKeysWithoutAnIdToEveryToken) {
  const JwkSet pem = JwkSet::parse_any("# ours\n" + signer_of(KeyType::kP256).public_pem());
  EXPECT_EQ(pem.candidates(Algorithm::kEs256, "whatever").size(), 1u);
  EXPECT_EQ(pem.candidates(Algorithm::kEs256, std::nullopt).size(), 1u);
  EXPECT_FALSE(pem.knows("whatever"));
}

TEST(JwkSet, BoundsTheWorkThatOneTokenMakes) {
  std::string keys;
  for (int i = 0; i < 20; ++i) keys += (i == 0 ? "" : ",") + key("");
  EXPECT_EQ(JwkSet::parse(set_of(keys)).candidates(Algorithm::kEdDsa, std::nullopt).size(), JwkSet::kMaxCandidates);
}

TEST(Discovery, NamesTheKeysOfThatIssuerOnly) {
  EXPECT_EQ(
      parse_discovery(R"({"issuer":"https://id.example","jwks_uri":"https://id.example/keys"})", "https://id.example"),
      "https://id.example/keys");
  for (const char* text : {R"({"issuer":"https://id.example/","jwks_uri":"https://id.example/keys"})",
                           R"({"jwks_uri":"https://id.example/keys"})", R"({"issuer":"https://id.example"})",
                           R"({"issuer":"https://id.example","jwks_uri":1})", "[]", "",
                           R"({"issuer":"x","issuer":"https://id.example","jwks_uri":"https://id.example/keys"})"}) {
    EXPECT_THROW(parse_discovery(text, "https://id.example"), Error) << text;
  }
}

}  // namespace
}  // namespace penstock::authz
