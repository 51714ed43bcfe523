#include "tests/sandbox/checksums.h"

#include <gtest/gtest.h>

#include "core/base/digest.h"

namespace penstock::sandbox {
namespace {

TEST(Checksum, MatchesTheCheckValuesOfItsAlgorithm) {
  const struct {
    const char *name, *hex;
  } cases[] = {{"crc32", "cbf43926"},
               {"crc32c", "e3069283"},
               {"crc64nvme", "ae8b14860a799888"},
               {"sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"},
               {"sha256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto checksum = Checksum::make(c.name);
    ASSERT_NE(checksum, nullptr);
    checksum->update("1234");
    checksum->update("56789");
    EXPECT_EQ(checksum->finish(), to_base64(*from_hex(c.hex)));
  }
  EXPECT_EQ(Checksum::make("md4"), nullptr);
}

}  // namespace
}  // namespace penstock::sandbox
