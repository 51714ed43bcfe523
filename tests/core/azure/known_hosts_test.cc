#include "core/azure/known_hosts.h"

#include <gtest/gtest.h>

#include "core/base/digest.h"
#include "core/base/text.h"

namespace penstock::azure {
namespace {

TEST(KnownHosts, HoldsThePublishedFingerprintForBothHosts) {
  const auto lines = split(trim(known_hosts()), '\n');
  ASSERT_EQ(lines.size(), 2u);
  for (const std::string& line : lines) {
    const auto parts = split(line, ' ');
    ASSERT_EQ(parts.size(), 3u);
    const auto blob = from_base64(parts[2]);
    ASSERT_TRUE(blob);
    EXPECT_EQ(to_base64(hash(HashAlgorithm::kSha256, *blob)), "ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og=");
  }
  EXPECT_TRUE(lines[0].starts_with("ssh.dev.azure.com ssh-rsa "));
  EXPECT_TRUE(lines[1].starts_with("vs-ssh.visualstudio.com ssh-rsa "));
}

}  // namespace
}  // namespace penstock::azure
