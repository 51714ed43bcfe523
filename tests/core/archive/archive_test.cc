#include "core/archive/archive.h"

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>
#include <zip.h>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/handle.h"

namespace penstock::archive {
namespace {

using Zip = Handle<zip_t, zip_discard>;
using ZipFile = Handle<zip_file_t, zip_fclose>;

struct Content {
  EntryKind kind = EntryKind::kFile;
  std::string bytes;
};
using Tree = std::map<std::string, Content>;

class ArchiveTest : public ::testing::Test {
 protected:
  WriteResult write(const Tree& tree, WriteOptions options = {}) {
    std::vector<Entry> entries;
    for (const auto& [path, content] : tree) entries.push_back({path, content.kind, "", content.bytes.size()});
    if (options.output.empty()) options.output = output();
    options.modified = from_milliseconds(1'795'253'401'000);
    return write_archive(
        entries,
        [&](const Entry& entry, const std::function<void(std::string_view)>& piece) {
          std::string_view rest = tree.at(entry.path).bytes;
          while (!rest.empty()) {
            piece(rest.substr(0, 1 << 20));
            rest.remove_prefix(std::min<std::size_t>(rest.size(), 1 << 20));
          }
        },
        options);
  }
  std::filesystem::path output() const { return folder_.path() / "out.zip"; }

  // What libzip, a reader that is not ours, finds; it checks each CRC-32.
  static Tree read_back(const std::filesystem::path& path) {
    Tree tree;
    const Zip zip(zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, nullptr));
    if (!zip) throw std::runtime_error("libzip refused the archive");
    for (zip_int64_t i = 0; i < zip_get_num_entries(zip.get(), 0); ++i) {
      const auto index = static_cast<zip_uint64_t>(i);
      zip_stat_t stat;
      zip_stat_index(zip.get(), index, ZIP_FL_ENC_RAW, &stat);
      zip_uint8_t system = 0;
      zip_uint32_t attributes = 0;
      zip_file_get_external_attributes(zip.get(), index, 0, &system, &attributes);
      const std::uint32_t mode = attributes >> 16;
      Content content;
      content.kind = mode == 0120777   ? EntryKind::kSymlink
                     : mode == 0100755 ? EntryKind::kExecutable
                     : mode == 0040755 ? EntryKind::kDirectory
                                       : EntryKind::kFile;
      content.bytes.resize(stat.size);
      const ZipFile file(zip_fopen_index(zip.get(), index, 0));
      if (zip_fread(file.get(), content.bytes.data(), stat.size) != static_cast<zip_int64_t>(stat.size)) {
        throw std::runtime_error("libzip could not read an entry");
      }
      tree[stat.name] = content;
    }
    return tree;
  }

  const TemporaryDirectory folder_;
};

bool operator==(const Content& a, const Content& b) {
  return a.kind == b.kind && a.bytes == b.bytes;
}

std::string noise(std::size_t size, unsigned seed) {
  std::mt19937 generator(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(generator());
  return bytes;
}

TEST_F(ArchiveTest, KeepsEverythingThatARepositoryHolds) {
  const Tree tree = {
      {".gitignore", {EntryKind::kFile, "*.o\n"}},
      {"-leading dash", {EntryKind::kFile, "x"}},
      {"bin/run.sh", {EntryKind::kExecutable, "#!/bin/sh\n"}},
      {"empty", {EntryKind::kFile, ""}},
      {"link", {EntryKind::kSymlink, "bin/run.sh"}},
      {"noise.bin", {EntryKind::kFile, noise(100'000, 1)}},
      {"text.txt", {EntryKind::kFile, std::string(100'000, 'a')}},
      {"\xC3\xBC/\xE6\x97\xA5.txt", {EntryKind::kFile, "unicode"}},
  };
  const WriteResult result = write(tree);
  EXPECT_EQ(read_back(output()), tree);
  EXPECT_EQ(result.entries, tree.size());
  const std::string bytes = read_file(output());
  EXPECT_EQ(result.bytes, bytes.size());
  EXPECT_EQ(result.sha256, sha256_hex(bytes));
}

TEST_F(ArchiveTest, WritesFoldersWithATrailingSlash) {
  write({{"module", {EntryKind::kDirectory, ""}}});
  EXPECT_EQ(read_back(output()).begin()->first, "module/");
}

TEST_F(ArchiveTest, MakesTheSameBytesEachTime) {
  Tree tree;
  for (int i = 0; i < 500; ++i)
    tree["file" + std::to_string(i)] = {EntryKind::kFile,
                                        noise(static_cast<std::size_t>(i), 2) + std::string(3000, 'x')};
  const std::string first = write(tree).sha256;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(write(tree).sha256, first);
}

TEST_F(ArchiveTest, StreamsWhatIsTooLargeToHold) {
  const Tree tree = {{"a", {EntryKind::kFile, "before"}},
                     {"big", {EntryKind::kFile, std::string(20u << 20, 'z') + noise(20u << 20, 3)}},
                     {"c", {EntryKind::kFile, "after"}}};
  for (const int level : {0, 6}) {
    WriteOptions options;
    options.compression = level;
    const WriteResult result = write(tree, options);
    EXPECT_EQ(read_back(output()), tree) << level;
    EXPECT_EQ(result.sha256, sha256_hex(read_file(output()))) << level;
  }
}

TEST_F(ArchiveTest, HoldsMoreEntriesThanTheClassicFormatCanCount) {
  Tree tree;
  for (int i = 0; i < 66'000; ++i) tree[std::to_string(i)] = {EntryKind::kFile, ""};
  write(tree);
  EXPECT_EQ(read_back(output()).size(), 66'000u);
}

TEST_F(ArchiveTest, AnEmptyTreeIsAValidArchive) {
  EXPECT_EQ(write({}).entries, 0u);
  EXPECT_EQ(read_back(output()).size(), 0u);
}

TEST_F(ArchiveTest, StoresWhenAsked) {
  WriteOptions options;
  options.compression = 0;
  EXPECT_GT(write({{"text", {EntryKind::kFile, std::string(10'000, 'a')}}}, options).bytes, 10'000u);
}

TEST_F(ArchiveTest, AReadersErrorPassesThroughAndLeavesNothing) {
  std::vector<Entry> entries;
  for (int i = 100; i < 200; ++i) entries.push_back({std::to_string(i), EntryKind::kFile, "", 10});
  for (int failing = 100; failing < 200; failing += 33) {
    try {
      write_archive(entries,
                    [&](const Entry& entry, const std::function<void(std::string_view)>& piece) {
                      if (entry.path == std::to_string(failing))
                        throw Error(ErrorKind::kCorrupt, "reading " + entry.path);
                      piece("0123456789");
                    },
                    {.output = output()});
      FAIL() << "wrote it";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
  }
}

TEST_F(ArchiveTest, StopsWhenAskedToAndLeavesNothing) {
  std::stop_source source;
  try {
    write_archive({{"a", EntryKind::kFile, "", 1}, {"b", EntryKind::kFile, "", 1}},
                  [&](const Entry&, const std::function<void(std::string_view)>& piece) {
                    source.request_stop();
                    piece("x");
                  },
                  {.output = output(), .stop = source.get_token()});
    FAIL() << "wrote it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCancelled);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(ArchiveTest, RefusesUnsortedDoubleAndNamelessEntries) {
  const ContentReader nothing = [](const Entry&, const std::function<void(std::string_view)>&) {};
  const std::vector<std::vector<Entry>> bad = {{{"b"}, {"a"}}, {{"a"}, {"a"}}, {{""}}, {{std::string(70'000, 'n')}}};
  for (const auto& entries : bad) EXPECT_THROW(write_archive(entries, nothing, {.output = output()}), Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(ArchiveTest, AnOutputThatCannotBeWrittenIsNamed) {
  try {
    write_archive({}, nullptr, {.output = folder_.path() / "no" / "out.zip"});
    FAIL() << "wrote it";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("/no/out.zip\": No such file or directory"), std::string::npos);
  }
}

}  // namespace
}  // namespace penstock::archive
