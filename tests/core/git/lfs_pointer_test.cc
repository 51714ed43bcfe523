#include "core/git/lfs_pointer.h"

#include <gtest/gtest.h>

namespace penstock::git {
namespace {

const std::string kOid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
const std::string kVersion = "version https://git-lfs.github.com/spec/v1\n";
const std::string kOidLine = "oid sha256:" + kOid + "\n";

TEST(LfsPointer, ReadsThePointerOfTheSpecification) {
  const auto pointer = parse_lfs_pointer(kVersion + kOidLine + "size 12345\n");
  ASSERT_TRUE(pointer);
  EXPECT_EQ(*pointer, (LfsPointer{.oid = kOid, .size = 12345}));
}

TEST(LfsPointer, ReadsTheVersionFromBeforeTheRelease) {
  EXPECT_TRUE(parse_lfs_pointer("version https://hawser.github.com/spec/v1\n" + kOidLine + "size 0\n"));
}

TEST(LfsPointer, ReadsExtensionsAndSaysSo) {
  const std::string extension = " sha256:" + std::string(64, 'a') + "\n";
  const auto pointer = parse_lfs_pointer(kVersion + "ext-0-foo" + extension + "ext-9-bar.b-z" + extension + kOidLine +
                                         "size 9223372036854775807\n");
  ASSERT_TRUE(pointer);
  EXPECT_TRUE(pointer->extended);
  EXPECT_EQ(pointer->size, 9223372036854775807u);
}

struct NoPointer {
  const char* name;
  std::string text;
  friend void PrintTo(const NoPointer& value, std::ostream* out) { *out << value.name; }
};

class LfsNoPointer : public ::testing::TestWithParam<NoPointer> {};

TEST_P(LfsNoPointer, IsAFileThatStandsForItself) {
  EXPECT_FALSE(parse_lfs_pointer(GetParam().text));
}

const std::string kExtension = " sha256:" + std::string(64, 'b') + "\n";

INSTANTIATE_TEST_SUITE_P(
    LfsPointer, LfsNoPointer,
    ::testing::Values(
        NoPointer{"Empty", ""}, NoPointer{"OnlyTheVersion", kVersion},
        NoPointer{"AnotherVersion", "version https://git-lfs.github.com/spec/v2\n" + kOidLine + "size 1\n"},
        NoPointer{"VersionWithSlash", "version https://git-lfs.github.com/spec/v1/\n" + kOidLine + "size 1\n"},
        NoPointer{"VersionNotFirst", kOidLine + "size 1\n" + kVersion},
        NoPointer{"NoLastNewline", kVersion + kOidLine + "size 1"},
        NoPointer{"CarriageReturns",
                  "version https://git-lfs.github.com/spec/v1\r\noid sha256:" + kOid + "\r\nsize 1\r\n"},
        NoPointer{"ByteOrderMark", "\xef\xbb\xbf" + kVersion + kOidLine + "size 1\n"},
        NoPointer{"EmptyLineBefore", "\n" + kVersion + kOidLine + "size 1\n"},
        NoPointer{"EmptyLineAfter", kVersion + kOidLine + "size 1\n\n"},
        NoPointer{"KeysNotSorted", kVersion + "size 1\n" + kOidLine},
        NoPointer{"TwoSizes", kVersion + kOidLine + "size 1\nsize 1\n"},
        NoPointer{"UnknownKey", kVersion + "abc def\n" + kOidLine + "size 1\n"},
        NoPointer{"KeyAfterSize", kVersion + kOidLine + "size 1\nz 1\n"},
        NoPointer{"TwoSpaces", kVersion + kOidLine + "size  1\n"},
        NoPointer{"UpperCaseOid", kVersion + "oid sha256:" + std::string(64, 'A') + "\nsize 1\n"},
        NoPointer{"ShortOid", kVersion + "oid sha256:" + std::string(63, 'a') + "\nsize 1\n"},
        NoPointer{"LongOid", kVersion + "oid sha256:" + std::string(65, 'a') + "\nsize 1\n"},
        NoPointer{"PathInOid", kVersion + "oid sha256:../" + std::string(61, 'a') + "\nsize 1\n"},
        NoPointer{"AnotherHash", kVersion + "oid sha512:" + kOid + "\nsize 1\n"},
        NoPointer{"NegativeSize", kVersion + kOidLine + "size -1\n"},
        NoPointer{"SignedSize", kVersion + kOidLine + "size +1\n"},
        NoPointer{"SizeWithLeadingZero", kVersion + kOidLine + "size 01\n"},
        NoPointer{"SizeTooLarge", kVersion + kOidLine + "size 9223372036854775808\n"},
        NoPointer{"SizeWithoutDigits", kVersion + kOidLine + "size \n"},
        NoPointer{"ExtensionsNotInOrder",
                  kVersion + "ext-1-a" + kExtension + "ext-0-b" + kExtension + kOidLine + "size 1\n"},
        NoPointer{"ExtensionsInOnePlace",
                  kVersion + "ext-0-a" + kExtension + "ext-0-b" + kExtension + kOidLine + "size 1\n"},
        NoPointer{"ExtensionWithoutName", kVersion + "ext-0-" + kExtension + kOidLine + "size 1\n"},
        NoPointer{"ExtensionWithoutHash", kVersion + "ext-0-a b\n" + kOidLine + "size 1\n"},
        NoPointer{"ExtensionAfterOid", kVersion + kOidLine + "ext-0-a" + kExtension + "size 1\n"},
        NoPointer{"InvalidUtf8", kVersion + "ext-0-a\xff" + kExtension + kOidLine + "size 1\n"},
        NoPointer{"NulByte", kVersion + kOidLine + "size 1" + std::string(1, '\0') + "\n"},
        NoPointer{"TooLong", kVersion + kOidLine + "size 1\n" + std::string(kMaxLfsPointerBytes, ' ')}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace penstock::git
