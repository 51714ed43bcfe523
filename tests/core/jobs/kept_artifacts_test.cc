#include "core/jobs/kept_artifacts.h"

#include <gtest/gtest.h>

#include "core/base/files.h"

namespace penstock::jobs {
namespace {

TEST(KeptArtifacts, KeepTheNewestOfEachSetOfOptions) {
  const TemporaryDirectory folder;
  const KeptArtifacts kept(folder.path(), "one"), other(folder.path(), "two");
  EXPECT_FALSE(kept.newest());
  const auto output = folder.path() / "out.zip";
  for (const char digit : {'a', 'c', 'b'}) {
    write_file_atomically(output, std::string(1, digit));
    kept.keep(output, std::string(40, digit), 0xfedcba98);
  }
  other.keep(output, std::string(40, 'd'), 1);
  std::filesystem::remove(output);
  ASSERT_TRUE(kept.newest());
  EXPECT_EQ(kept.newest()->commit_id, std::string(40, 'b'));
  EXPECT_EQ(kept.newest()->directory_crc32, 0xfedcba98);
  EXPECT_EQ(read_file(kept.newest()->file), "b");
  kept.remove_older();
  EXPECT_EQ(kept.newest()->commit_id, std::string(40, 'b'));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2);
  kept.remove(*kept.newest());
  EXPECT_FALSE(kept.newest());
  EXPECT_EQ(other.newest()->commit_id, std::string(40, 'd'));
}

TEST(KeptArtifacts, WhatCannotBeKeptIsNotThere) {
  const KeptArtifacts nowhere("/nonexistent", "one");
  nowhere.keep("/nonexistent/out.zip", std::string(40, 'a'), 0);
  nowhere.remove_older();
  EXPECT_FALSE(nowhere.newest());
}

}  // namespace
}  // namespace penstock::jobs
