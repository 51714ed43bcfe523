#include "core/base/secret.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(Secret, ComparesByContent) {
  const Secret secret("correct horse");
  EXPECT_TRUE(secret.equals("correct horse"));
  EXPECT_FALSE(secret.equals("correct hors"));
  EXPECT_FALSE(secret.equals("correct horsf"));
  EXPECT_FALSE(secret.equals(""));
  EXPECT_FALSE(Secret().equals("x"));
  EXPECT_TRUE(Secret().equals(""));
}

TEST(Secret, LeavesNothingInAMovedFromShortString) {
  Secret source("short");
  const Secret target = std::move(source);
  EXPECT_TRUE(source.empty());  // NOLINT(bugprone-use-after-move): the state after the move is what is tested
  EXPECT_EQ(target.reveal(), "short");
}

TEST(Wipe, OverwritesTheWholeBuffer) {
  std::string text(64, 's');
  text.resize(8);
  const char* bytes = text.data();
  wipe(text);
  EXPECT_EQ(text, "");
  EXPECT_EQ(std::string_view(bytes + 1, 60).find('s'), std::string_view::npos);
}

TEST(SecretReference, ParsesTheThreeForms) {
  EXPECT_EQ(SecretReference::parse("env:A"), (SecretReference{SecretReference::Source::kEnvironment, "A", ""}));
  EXPECT_EQ(SecretReference::parse("file:/run/x"), (SecretReference{SecretReference::Source::kFile, "/run/x", ""}));
  EXPECT_EQ(SecretReference::parse("secretsmanager:a/b#c"),
            (SecretReference{SecretReference::Source::kSecretsManager, "a/b", "c"}));
  EXPECT_EQ(SecretReference::parse("secretsmanager:a/b#c")->to_string(), "secretsmanager:a/b#c");
}

TEST(SecretReference, RefusesAnythingElse) {
  for (const char* text :
       {"", "hunter2", "env:", "file:", "secretsmanager:", "secretsmanager:#k", "secretsmanager:a#"}) {
    EXPECT_FALSE(SecretReference::parse(text)) << text;
  }
}

}  // namespace
}  // namespace penstock
