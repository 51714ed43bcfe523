#include "core/authz/password_digest.h"

#include <string>

#include <gtest/gtest.h>

namespace penstock::authz {
namespace {

TEST(PasswordDigest, FitsItsPasswordOnly) {
  const PasswordDigest digest = PasswordDigest::make("correct horse");
  EXPECT_TRUE(digest.matches("correct horse"));
  EXPECT_FALSE(digest.matches("correct horse "));
  EXPECT_FALSE(digest.matches(""));
  EXPECT_EQ(digest.to_string().find("horse"), std::string::npos);
  const auto again = PasswordDigest::parse(digest.to_string());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->to_string(), digest.to_string());
  EXPECT_TRUE(again->matches("correct horse"));
  EXPECT_NE(PasswordDigest::make("correct horse").to_string(), digest.to_string());
}

// RFC 7914 section 12, third vector: "pleaseletmein", "SodiumChloride", N = 16384, r = 8, p = 1.
TEST(PasswordDigest, ComputesScryptAsItsStandardDoes) {
  const auto digest = PasswordDigest::parse(
      "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$"
      "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw");
  ASSERT_TRUE(digest);
  EXPECT_TRUE(digest->matches("pleaseletmein"));
  EXPECT_FALSE(digest->matches("pleaseletmeout"));
}

TEST(PasswordDigest, RefusesOtherFormsAndAbsurdCosts) {
  const std::string salt = "U29kaXVtQ2hsb3JpZGU", hash = "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI";
  const auto parses = [](const std::string& text) { return PasswordDigest::parse(text).has_value(); };
  ASSERT_TRUE(parses("$scrypt$ln=15,r=8,p=1$" + salt + "$" + hash));
  for (const std::string& text :
       {std::string(), std::string("secret"), "$argon2id$v=19$m=65536,t=3,p=4$" + salt + "$" + hash,
        "$scrypt$ln=13,r=8,p=1$" + salt + "$" + hash, "$scrypt$ln=18,r=8,p=1$" + salt + "$" + hash,
        "$scrypt$ln=64,r=8,p=1$" + salt + "$" + hash, "$scrypt$ln=15,r=9,p=1$" + salt + "$" + hash,
        "$scrypt$ln=15,r=8,p=0$" + salt + "$" + hash, "$scrypt$ln=15,r=8,p=5$" + salt + "$" + hash,
        "$scrypt$ln=15,r=8$" + salt + "$" + hash, "$scrypt$r=8,ln=15,p=1$" + salt + "$" + hash,
        "$scrypt$ln=15,r=8,p=1$$" + hash, "$scrypt$ln=15,r=8,p=1$" + salt + "$",
        "$scrypt$ln=15,r=8,p=1$" + salt + "$short", "$scrypt$ln=15,r=8,p=1$" + salt + "$" + hash + "$",
        "x$scrypt$ln=15,r=8,p=1$" + salt + "$" + hash, "$scrypt$ln=15,r=8,p=1$!!!!!!!!!!!!$" + hash}) {
    EXPECT_FALSE(parses(text)) << text;
  }
}

}  // namespace
}  // namespace penstock::authz
