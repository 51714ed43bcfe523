#include "server/continuation_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/jobs/continuation_tokens.h"

namespace penstock::server {
namespace {

std::string failure(const std::filesystem::path& directory) {
  try {
    load_continuation_key(directory);
  } catch (const Error& error) {
    return error.kind() == ErrorKind::kConfiguration ? error.what() : "another kind";
  }
  return "";
}

TEST(ContinuationKey, IsMadeOnceForTheOwnerAlone) {
  const TemporaryDirectory directory;
  const ContinuationKey made = load_continuation_key(directory.path());
  EXPECT_GE(made.key.reveal().size(), jobs::kMinContinuationKey);
  EXPECT_EQ(made.node.size(), jobs::ContinuationTokens::kNodeBytes);
  struct stat status {};
  ASSERT_EQ(::stat((directory.path() / "continuation.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  const ContinuationKey again = load_continuation_key(directory.path());
  EXPECT_TRUE(again.key.equals(made.key.reveal()));
  EXPECT_EQ(again.node, made.node);
  const TemporaryDirectory other;
  EXPECT_FALSE(load_continuation_key(other.path()).key.equals(made.key.reveal()));
}

TEST(ContinuationKey, IsRefusedWhenOthersMayReadItOrItIsNone) {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "continuation.key";
  load_continuation_key(directory.path());
  ASSERT_EQ(::chmod(file.c_str(), 0640), 0);
  EXPECT_NE(failure(directory.path()).find("its owner alone"), std::string::npos);
  write_file_atomically(file, "cut\n", 0600);
  EXPECT_NE(failure(directory.path()).find("it holds no key"), std::string::npos);
  EXPECT_EQ(failure(directory.path()).find("cut"), std::string::npos);
  std::filesystem::remove(file);
  std::filesystem::create_symlink("elsewhere", file);
  EXPECT_NE(failure(directory.path()).find("its owner alone"), std::string::npos);
}

}  // namespace
}  // namespace penstock::server
