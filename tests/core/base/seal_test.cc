#include "core/base/seal.h"

#include <gtest/gtest.h>

#include "core/base/digest.h"
#include "core/base/error.h"

namespace penstock {
namespace {

const Secret kFirst(std::string(64, 'a')), kSecond(std::string(64, 'b'));

ErrorKind kind_of_opening(const Sealer& sealer, const std::string& sealed, std::string_view context) {
  try {
    sealer.open(sealed, context);
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "it was opened";
  return ErrorKind::kInternal;
}

TEST(Sealer, OpensWhatItSealed) {
  const Sealer sealer({kFirst});
  for (const std::string& plain : {std::string(), std::string("token"), std::string(5000, '\0')}) {
    const std::string sealed = sealer.seal(plain, "place");
    EXPECT_EQ(sealer.open(sealed, "place").reveal(), plain);
    EXPECT_EQ(sealed.size(), plain.size() + 37);
  }
}

TEST(Sealer, SealsTheSameTextDifferentlyEachTime) {
  const Sealer sealer({kFirst});
  EXPECT_NE(sealer.seal("token", "place"), sealer.seal("token", "place"));
}

TEST(Sealer, RefusesEveryChangedByteEveryCutAndAnotherContext) {
  const Sealer sealer({kFirst});
  const std::string sealed = sealer.seal("client token", "place");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    // A changed key id is a key that nobody has.
    const bool in_key_id = i >= 1 && i < 9;
    EXPECT_EQ(kind_of_opening(sealer, changed, "place"), in_key_id ? ErrorKind::kConfiguration : ErrorKind::kCorrupt)
        << i;
    EXPECT_EQ(kind_of_opening(sealer, sealed.substr(0, i), "place"), ErrorKind::kCorrupt) << i;
  }
  EXPECT_EQ(kind_of_opening(sealer, sealed, "another place"), ErrorKind::kCorrupt);
  EXPECT_EQ(kind_of_opening(sealer, sealed + "x", "place"), ErrorKind::kCorrupt);
}

TEST(Sealer, OpensWithEveryKeyAndSealsWithTheFirst) {
  const Sealer before({kFirst});
  const std::string old = before.seal("token", "place");
  const Sealer rotated({kSecond, kFirst});
  EXPECT_EQ(rotated.open(old, "place").reveal(), "token");
  EXPECT_FALSE(rotated.is_current(old));
  const std::string fresh = rotated.seal("token", "place");
  EXPECT_TRUE(rotated.is_current(fresh));
  EXPECT_EQ(kind_of_opening(before, fresh, "place"), ErrorKind::kConfiguration);
}

TEST(Sealer, TakesKeysAsHexadecimalAndAsBase64) {
  const std::string bytes(32, '\x5a');
  const Sealer hex({Secret(to_hex(bytes) + "\n")});
  const Sealer base64({Secret(to_base64(bytes))});
  EXPECT_EQ(base64.open(hex.seal("token", ""), "").reveal(), "token");
}

TEST(Sealer, RefusesOtherKeysWithoutShowingThem) {
  for (const std::string& key :
       {std::string("short"), std::string(64, 'g'), to_base64(std::string(31, 'x')), std::string()}) {
    try {
      const Sealer sealer({kFirst, Secret(key)});
      ADD_FAILURE() << "it was taken: " << key;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
      EXPECT_EQ(std::string(error.what()).find("sealing key 2"), 8u) << error.what();
      EXPECT_TRUE(key.empty() || std::string(error.what()).find(key) == std::string::npos);
    }
  }
  EXPECT_THROW(Sealer({}), Error);
}

}  // namespace
}  // namespace penstock
