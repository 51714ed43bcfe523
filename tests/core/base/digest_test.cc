#include "core/base/digest.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(Digest, Sha256OfNothingIsTheKnownValue) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, IncrementalEqualsWhole) {
  Hasher hasher(HashAlgorithm::kSha512);
  hasher.update("one ");
  hasher.update("two");
  EXPECT_EQ(hasher.finish(), hash(HashAlgorithm::kSha512, "one two"));
}

TEST(Digest, HmacFollowsRfc4231Case2) {
  EXPECT_EQ(to_hex(hmac(HashAlgorithm::kSha256, "Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Digest, HmacAcceptsAnEmptyKey) {
  EXPECT_EQ(hmac(HashAlgorithm::kSha1, "", "x").size(), 20u);
}

TEST(Hex, RoundTripsAndRefusesOddOrForeignDigits) {
  EXPECT_EQ(to_hex(std::string_view("\x00\xff\x10", 3)), "00ff10");
  EXPECT_EQ(from_hex("00FF10"), std::string("\x00\xff\x10", 3));
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
}

TEST(Base64, FollowsRfc4648Vectors) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(to_base64(plain), encoded);
    EXPECT_EQ(from_base64(encoded), plain);
  }
}

TEST(Base64, RefusesWhatIsNotCanonicalText) {
  for (const char* text : {"Zg", "Zg=", "Z===", "Zm9v\n", "Zm 9", "=Zm9", "Zg==Zg=="})
    EXPECT_FALSE(from_base64(text)) << text;
}

TEST(Base64Url, RoundTripsWithoutPadding) {
  for (const std::string plain : {"", "f", "fo", "foo", "\xfb\xff\xfe", "\xff\xff"}) {
    EXPECT_EQ(from_base64url(to_base64url(plain)), plain);
  }
  EXPECT_EQ(from_base64url("-_-_"), from_base64("+/+/"));
}

TEST(Base64Url, RefusesEverySecondSpelling) {
  const std::pair<const char*, const char*> cases[] = {{"padding", "Zg=="},       {"standard alphabet", "+/+/"},
                                                       {"white space", "Zm9v\n"}, {"a lone character", "Zm9vZ"},
                                                       {"unused bits set", "Zh"}, {"and with two bytes", "Zm9"},
                                                       {"a dot", "Zm.v"},         {"another letter", "Zm\xc3\xa4"}};
  for (const auto& [name, text] : cases) EXPECT_FALSE(from_base64url(text)) << name;
  EXPECT_FALSE(from_base64url(std::string_view("Zg\0", 3)));
}

}  // namespace
}  // namespace penstock
