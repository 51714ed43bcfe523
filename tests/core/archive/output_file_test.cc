#include "core/archive/output_file.h"

#include <gtest/gtest.h>

#include "core/base/files.h"

namespace penstock::archive {
namespace {

TEST(OutputFile, VanishesUnlessCommitted) {
  const TemporaryDirectory folder;
  {
    OutputFile file(folder.path() / "out");
    file.append("x");
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(OutputFile, ReplacesWhatWasThere) {
  const TemporaryDirectory folder;
  write_file_atomically(folder.path() / "out", "old");
  OutputFile file(folder.path() / "out");
  file.append("new");
  file.commit();
  EXPECT_EQ(read_file(folder.path() / "out"), "new");
}

TEST(OutputFile, CanBeReadWhileItGrows) {
  const TemporaryDirectory folder;
  OutputFile file(folder.path() / "out");
  const std::string large(3u << 20, 'b');
  file.append("aaaa");
  file.append(large);
  file.append("cc");
  file.flush();
  EXPECT_EQ(file.size(), large.size() + 6);
  EXPECT_TRUE(read_file(file.temporary_path()) == "aaaa" + large + "cc");
  file.append("d");
  file.commit();
  EXPECT_TRUE(read_file(folder.path() / "out") == "aaaa" + large + "ccd");
}

}  // namespace
}  // namespace penstock::archive
