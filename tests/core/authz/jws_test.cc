#include "core/authz/jws.h"

#include <string>

#include <gtest/gtest.h>

#include "core/authz/jwk_set.h"
#include "core/base/digest.h"
#include "core/base/error.h"
#include "tests/core/authz/signer.h"

namespace penstock::authz {
namespace {

std::string reason_of(const std::string& token) {
  try {
    parse_jws(token);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnauthenticated);
    return error.what();
  }
  return "";
}

std::string with_header(const std::string& header) {
  return to_base64url(header) + ".e30.c2ln";
}

bool verifies(const std::string& set, const std::string& token) {
  const Jws jws = parse_jws(token);
  const JwkSet keys = JwkSet::parse(set);
  for (const Jwk* jwk : keys.candidates(jws.algorithm, jws.key_id)) {
    if (jwk->key.verify(jws.algorithm, jws.signing_input, jws.signature)) return true;
  }
  return false;
}

struct Example {
  const char* name;
  const char* key;
  const char* token;
};

// The standards' own: RFC 7515 appendices A.2, A.3 and A.4, RFC 8037 appendices A.2 and A.4.
const Example kExamples[] = {
    {"RFC 7515 A.2, RS256",
     R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx)"
     R"(HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs)"
     R"(D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSH)"
     R"(SXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV)"
     R"(MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8)"
     R"(NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"})",
     "eyJhbGciOiJSUzI1NiJ9"
     ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
     "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
     ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
     "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
     "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
     "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
     "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
     "p0igcN_IoypGlUPQGe77Rw"},
    {"RFC 7515 A.3, ES256",
     R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
     R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
     "eyJhbGciOiJFUzI1NiJ9"
     ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
     "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
     ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
     "pmWQxfKTUJqPP3-Kg6NU1Q"},
    {"RFC 7515 A.4, ES512",
     R"({"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",)"
     R"("y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"})",
     "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
     "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZq"
     "wqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8Kp"
     "EHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"},
    {"RFC 8037 A.4, EdDSA", R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
};

TEST(Jws, VerifiesTheStandardsExamples) {
  for (const Example& example : kExamples) {
    const std::string set = testing::set_of(example.key), token = example.token;
    EXPECT_TRUE(verifies(set, token)) << example.name;
    // One bit of the payload.
    std::string changed = token;
    const std::size_t dot = changed.find('.');
    changed[dot + 1] = changed[dot + 1] == 'e' ? 'f' : 'V';
    EXPECT_FALSE(verifies(set, changed)) << example.name;
    for (const Example& other : kExamples) {
      EXPECT_EQ(verifies(testing::set_of(other.key), token), &other == &example) << example.name;
    }
  }
}

TEST(Jws, TakesTheHeaderApart) {
  const std::string token =
      to_base64url(R"({"typ":"at+JWT","kid":"a\u0000b","alg":"PS384","jwk":{"kty":"oct"},"x":[1]})") +
      ".cGF5bG9hZA.c2ln";
  const Jws jws = parse_jws(token);
  EXPECT_EQ(jws.algorithm, Algorithm::kPs384);
  EXPECT_EQ(jws.key_id, std::string("a\0b", 3));
  EXPECT_EQ(jws.payload, "payload");
  EXPECT_EQ(jws.signature, "sig");
  EXPECT_TRUE(jws.signing_input.ends_with(".cGF5bG9hZA"));
  EXPECT_FALSE(parse_jws(with_header(R"({"alg":"RS256"})")).key_id);
  EXPECT_EQ(parse_jws(with_header(R"({"alg":"RS256","b64":true,"crit":["b64"]})")).payload, "{}");
}

TEST(Jws, RefusesHeadersThatCouldBeReadInTwoWaysOrMeanSomethingElse) {
  const std::pair<const char*, const char*> cases[] = {
      {"no object", R"("RS256")"},
      {"an array", R"([{"alg":"RS256"}])"},
      {"nothing", ""},
      {"no JSON", "{alg:RS256}"},
      {"more behind it", R"({"alg":"RS256"}{})"},
      {"a byte order mark", "\xEF\xBB\xBF{\"alg\":\"RS256\"}"},
      {"no UTF-8", "{\"alg\":\"RS256\",\"x\":\"\xff\"}"},
      {"duplicate alg", R"({"alg":"RS256","alg":"none"})"},
      {"duplicate in disguise", R"({"alg":"RS256","\u0061lg":"none"})"},
      {"duplicate deep inside", R"({"alg":"RS256","x":[{"a":1,"a":2}]})"},
      {"too deep", R"({"alg":"RS256","x":[[[[1]]]]})"},
      {"no alg", R"({"kid":"k"})"},
      {"none", R"({"alg":"none"})"},
      {"None", R"({"alg":"NonE"})"},
      {"HMAC", R"({"alg":"HS256"})"},
      {"lower case", R"({"alg":"rs256"})"},
      {"with a NUL", R"({"alg":"RS256\u0000"})"},
      {"with a blank", R"({"alg":"RS256 "})"},
      {"empty alg", R"({"alg":""})"},
      {"alg is a list", R"({"alg":["RS256"]})"},
      {"alg is null", R"({"alg":null})"},
      {"ES256K", R"({"alg":"ES256K"})"},
      {"encryption", R"({"alg":"RSA-OAEP","enc":"A128GCM"})"},
      {"kid is a number", R"({"alg":"RS256","kid":1})"},
      {"kid is an object", R"({"alg":"RS256","kid":{}})"},
      {"crit of an unknown", R"({"alg":"RS256","crit":["exp"],"exp":1})"},
      {"crit is empty", R"({"alg":"RS256","crit":[]})"},
      {"crit is a text", R"({"alg":"RS256","crit":"b64","b64":true})"},
      {"crit is null", R"({"alg":"RS256","crit":null})"},
      {"crit holds a number", R"({"alg":"RS256","crit":[1]})"},
      {"crit of what is not there", R"({"alg":"RS256","crit":["b64"]})"},
      {"crit twice", R"({"alg":"RS256","crit":["b64","b64"],"b64":true})"},
      {"unencoded payload", R"({"alg":"RS256","crit":["b64"],"b64":false})"},
      {"unencoded payload without crit", R"({"alg":"RS256","b64":false})"},
      {"b64 is a text", R"({"alg":"RS256","b64":"true"})"},
      {"a logout token", R"({"alg":"RS256","typ":"logout+jwt"})"},
      {"a DPoP proof", R"({"alg":"RS256","typ":"dpop+jwt"})"},
      {"a security event", R"({"alg":"RS256","typ":"application/secevent+jwt"})"},
      {"typ is a number", R"({"alg":"RS256","typ":1})"},
  };
  for (const auto& [name, header] : cases) EXPECT_NE(reason_of(with_header(header)), "") << name;
  EXPECT_NE(reason_of(with_header(R"({"alg":"RS256","kid":")" + std::string(1025, 'k') + "\"}")), "");
}

TEST(Jws, RefusesEverySecondSpellingOfAToken) {
  const std::string header = to_base64url(R"({"alg":"RS256"})");
  const std::string good = header + ".e30.c2ln";
  ASSERT_EQ(reason_of(good), "");
  const std::pair<const char*, std::string> cases[] = {
      {"empty", ""},
      {"two parts", header + ".e30"},
      {"four parts", good + ".x"},
      {"five parts, as JWE has", good + "..x"},
      {"no signature", header + ".e30."},
      {"no header", ".e30.c2ln"},
      {"padding", header + ".e30=.c2ln"},
      {"padded signature", header + ".e30.c2lnYQ=="},
      {"trailing bits", header + ".e31.c2ln"},
      {"trailing bits of the signature", header + ".e30.c2lnYR"},
      {"a newline", good + "\n"},
      {"a blank", " " + good},
      {"a NUL", good + std::string(1, '\0')},
      {"standard alphabet", header + ".e30.+/+/"},
      {"JSON serialization", R"({"payload":"e30","signatures":[]})"},
      {"too large", header + "." + std::string(kMaxTokenBytes, 'A') + ".c2ln"},
      {"only dots", ".."},
  };
  for (const auto& [name, token] : cases) EXPECT_NE(reason_of(token), "") << name;
}

TEST(Jws, SaysNothingOfTheToken) {
  const std::string secret = "S3cretMarker";
  for (const std::string& token :
       {with_header("{\"alg\":\"" + secret + "\"}"), with_header("{\"" + secret), secret + "." + secret + "." + secret,
        with_header(R"({"alg":"RS256","crit":[")" + secret + "\"]}")}) {
    const std::string reason = reason_of(token);
    EXPECT_NE(reason, "");
    EXPECT_EQ(reason.find(secret), std::string::npos) << reason;
  }
}

}  // namespace
}  // namespace penstock::authz
