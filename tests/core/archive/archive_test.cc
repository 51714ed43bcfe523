#include "core/archive/archive.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>

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

EntrySource list(std::vector<Entry> entries) {
  return [entries = std::move(entries), position = std::size_t{0}]() mutable -> std::optional<Entry> {
    if (position == entries.size()) return std::nullopt;
    return entries[position++];
  };
}

ContentReader reader(std::uint64_t size,
                     std::function<void(const Entry&, const std::function<void(std::string_view)>&)> read) {
  return {.size = [size](const Entry&) { return size; }, .read = std::move(read)};
}

class ArchiveTest : public ::testing::Test {
 protected:
  // `ids` tells the content ids apart; without one nothing is ever taken over.
  WriteResult write(const Tree& tree, WriteOptions options = {}, bool ids = false) {
    std::vector<Entry> entries;
    for (const auto& [path, content] : tree)
      entries.push_back({path, content.kind, ids ? sha256_hex(content.bytes).substr(0, 40) : ""});
    const auto name = [](const Entry& entry) { return entry.path + (entry.kind == EntryKind::kDirectory ? "/" : ""); };
    std::sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) { return name(a) < name(b); });
    if (options.output.empty()) options.output = output();
    if (options.modified == Timestamp()) options.modified = from_milliseconds(1'795'253'401'000);
    read_.clear();
    return write_archive(list(std::move(entries)),
                         {.size = [&](const Entry& entry) { return tree.at(entry.path).bytes.size(); },
                          .read =
                              [&](const Entry& entry, const std::function<void(std::string_view)>& piece) {
                                {
                                  std::lock_guard lock(mutex_);
                                  read_.insert(entry.path);
                                }
                                std::string_view rest = tree.at(entry.path).bytes;
                                while (!rest.empty()) {
                                  piece(rest.substr(0, 10'000));
                                  rest.remove_prefix(std::min<std::size_t>(rest.size(), 10'000));
                                }
                              }},
                         options);
  }
  // With that archive as the one before.
  WriteResult write_after(const std::filesystem::path& previous, const Tree& tree, int compression = 6) {
    return write(tree, {.compression = compression, .output = folder_.path() / "next.zip", .previous = previous}, true);
  }
  std::string fresh(const Tree& tree, int compression = 6) {
    const auto path = folder_.path() / "fresh.zip";
    write(tree, {.compression = compression, .output = path}, true);
    return sha256_hex(read_file(path));
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
  std::mutex mutex_;
  std::set<std::string> read_;  // the contents that the last write() asked for
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
  const std::string first = fresh(tree);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(fresh(tree), first);
}

TEST_F(ArchiveTest, StreamsWhatIsTooLargeToHold) {
  const Tree tree = {{"a", {EntryKind::kFile, "before"}},
                     {"big", {EntryKind::kFile, std::string(20u << 20, 'z') + noise(20u << 20, 3)}},
                     {"c", {EntryKind::kFile, "after"}}};
  for (const int level : {0, 6}) {
    WriteOptions options;
    options.compression = level;
    const WriteResult result = write(tree, options);
    EXPECT_EQ(result.bytes, std::filesystem::file_size(output())) << level;
    EXPECT_EQ(read_back(output()), tree) << level;
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
  for (int i = 100; i < 200; ++i) entries.push_back({std::to_string(i)});
  for (int failing = 100; failing < 200; failing += 33) {
    try {
      write_archive(list(entries),
                    reader(10,
                           [&](const Entry& entry, const std::function<void(std::string_view)>& piece) {
                             if (entry.path == std::to_string(failing))
                               throw Error(ErrorKind::kCorrupt, "reading " + entry.path);
                             piece("0123456789");
                           }),
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
    write_archive(list({{"a"}, {"b"}}),
                  reader(1,
                         [&](const Entry&, const std::function<void(std::string_view)>& piece) {
                           source.request_stop();
                           piece("x");
                         }),
                  {.output = output(), .stop = source.get_token()});
    FAIL() << "wrote it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCancelled);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(ArchiveTest, RefusesUnsortedDoubleAndNamelessEntries) {
  const ContentReader nothing = reader(0, [](const Entry&, const std::function<void(std::string_view)>&) {});
  const std::vector<std::vector<Entry>> bad = {{{"b"}, {"a"}}, {{"a"}, {"a"}}, {{""}}, {{std::string(70'000, 'n')}}};
  for (const auto& entries : bad) EXPECT_THROW(write_archive(list(entries), nothing, {.output = output()}), Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(ArchiveTest, AnOutputThatCannotBeWrittenIsNamed) {
  try {
    write_archive(list({}), {}, {.output = folder_.path() / "no" / "out.zip"});
    FAIL() << "wrote it";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("/no/out.zip\": No such file or directory"), std::string::npos);
  }
}

TEST_F(ArchiveTest, ASourcesErrorPassesThroughAndLeavesNothing) {
  for (const int last : {0, 1, 700}) {
    int given = 0;
    const EntrySource failing = [&]() -> std::optional<Entry> {
      if (given == last) throw Error(ErrorKind::kInvalidInput, "reading the tree");
      return Entry{.path = std::to_string(1000 + given++)};
    };
    EXPECT_THROW(write_archive(failing, reader(0, [](const auto&, const auto&) {}), {.output = output()}), Error);
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
  }
}

TEST_F(ArchiveTest, StoresWhatIsCompressedAlready) {
  const std::string text(3u << 20, 't');
  const Tree noisy = {{"image", {EntryKind::kFile, noise(64u << 10, 5) + text}}};
  // The beginning is believed, so that no time is lost on the rest: here it would have been worth it.
  EXPECT_GT(write(noisy).bytes, text.size());
  EXPECT_EQ(read_back(output()), noisy);
  const Tree plain = {{"text", {EntryKind::kFile, text + noise(64u << 10, 5)}}};
  EXPECT_LT(write(plain).bytes, 100'000u);
  EXPECT_EQ(read_back(output()), plain);
}

Tree a_tree() {
  Tree tree = {{"big", {EntryKind::kFile, std::string(20u << 20, 'z') + noise(20u << 20, 3)}},
               {"dir-", {EntryKind::kDirectory, ""}},
               {"dir", {EntryKind::kDirectory, ""}},
               {"dir.x", {EntryKind::kFile, "between"}},
               {"empty", {EntryKind::kFile, ""}},
               {"link", {EntryKind::kSymlink, "target"}},
               {"noise", {EntryKind::kFile, noise(3u << 20, 4)}}};
  for (int i = 0; i < 1200; ++i)
    tree["files/" + std::to_string(i)] = {i % 5 ? EntryKind::kFile : EntryKind::kExecutable,
                                          std::string(static_cast<std::size_t>(i * 7), 'x') + std::to_string(i)};
  return tree;
}

TEST_F(ArchiveTest, TakesOverWhatHasNotChangedAndMakesTheSameBytes) {
  Tree tree = a_tree();
  const WriteResult first = write(tree, {.modified = from_milliseconds(1'700'000'000'000)}, true);
  EXPECT_EQ(first.reused_entries, 0u);
  // Another time, a changed, a new and a removed file, another mode, and a file where a link was.
  tree["files/7"].bytes = "changed";
  tree["files/new"] = {EntryKind::kFile, "new"};
  tree.erase("files/8");
  tree["files/9"].kind = EntryKind::kExecutable;
  tree["link"] = {EntryKind::kFile, "target"};
  const WriteResult next = write_after(output(), tree);
  EXPECT_EQ(read_, (std::set<std::string>{"files/7", "files/new", "link"}));
  EXPECT_EQ(next.reused_entries, tree.size() - 3 - 2);  // nor are there bytes of folders
  EXPECT_EQ(read_back(folder_.path() / "next.zip"), [&] {
    Tree named = tree;
    for (const char* folder : {"dir", "dir-"}) {
      named[std::string(folder) + "/"] = named[folder];
      named.erase(folder);
    }
    return named;
  }());
  EXPECT_EQ(sha256_hex(read_file(folder_.path() / "next.zip")), fresh(tree));
}

TEST_F(ArchiveTest, TakesNothingOverFromAnotherLevel) {
  const Tree tree = {{"a", {EntryKind::kFile, std::string(5000, 'a')}}, {"b", {EntryKind::kSymlink, "a"}}};
  write(tree, {}, true);
  const WriteResult next = write_after(output(), tree, 1);
  EXPECT_EQ(next.reused_entries, 1u);  // links are never compressed
  EXPECT_EQ(sha256_hex(read_file(folder_.path() / "next.zip")), fresh(tree, 1));
}

TEST_F(ArchiveTest, WhatIsDamagedIsMadeAgain) {
  Tree tree = a_tree();
  tree.erase("big");
  write(tree, {}, true);
  const std::string whole = read_file(output());
  const std::string expected = fresh(tree);
  std::mt19937 chance(17);
  const auto damaged = folder_.path() / "damaged.zip";
  for (int round = 0; round < 24; ++round) {
    std::string bytes = whole;
    if (round % 4 == 3) {
      bytes.resize(chance() % bytes.size());
    } else {
      // Anywhere, near the end (the directory), and in the small files.
      const std::size_t from = round % 4 == 0 ? 0 : round % 4 == 1 ? bytes.size() - 100'000 : bytes.size() * 9 / 10;
      for (int i = 0; i < 20; ++i)
        bytes[from + chance() % (bytes.size() - from)] ^= static_cast<char>(1 + chance() % 255);
    }
    write_file_atomically(damaged, bytes);
    write_after(damaged, tree);
    EXPECT_EQ(sha256_hex(read_file(folder_.path() / "next.zip")), expected) << round;
  }
  write_after(folder_.path() / "none.zip", tree);
  EXPECT_EQ(sha256_hex(read_file(folder_.path() / "next.zip")), expected);
}

class UnchangedFolderTest : public ArchiveTest {
 protected:
  UnchangedFolderTest() {
    for (int i = 0; i < 300; ++i) {
      const std::string number = std::to_string(i);
      tree_["folder/" + number] = {i % 3 == 0 ? EntryKind::kExecutable : EntryKind::kFile,
                                   number + std::string(i * 10, 'x')};
      tree_["folder-" + number] = {EntryKind::kFile, noise(2000, static_cast<unsigned>(i))};
    }
    tree_["folder/empty"] = {EntryKind::kFile, ""};
    tree_["folder/large"] = {EntryKind::kFile, noise(3u << 20, 1)};
    tree_["folder/link"] = {EntryKind::kSymlink, "0"};
    tree_["folder/module"] = {EntryKind::kDirectory, ""};
    directory_crc32_ = write(tree_, {.modified = from_milliseconds(1'700'000'000'000)}, true).directory_crc32;
  }
  // "a", then what is unchanged, and a new "z".
  WriteResult write_next(const std::filesystem::path& previous, const std::string& folder, int compression = 6) {
    std::vector<Entry> entries;
    if (!folder.empty()) entries.push_back({"a", EntryKind::kFile, ""});
    entries.push_back({folder, EntryKind::kUnchangedFolder, ""});
    entries.push_back({"z", EntryKind::kFile, ""});
    return write_archive(list(entries), reader(1, [](const Entry& entry, const auto& piece) { piece(entry.path); }),
                         {.compression = compression,
                          .modified = from_milliseconds(1'795'253'401'000),
                          .output = folder_.path() / "next.zip",
                          .previous = previous,
                          .previous_directory_crc32 = directory_crc32_});
  }
  // The same, made from nothing.
  std::string expected(const std::string& folder) {
    Tree tree;
    for (const auto& [path, content] : tree_)
      if (folder.empty() || path.starts_with(folder + "/")) tree[path] = content;
    if (!folder.empty()) tree["a"] = {EntryKind::kFile, "a"};
    tree["z"] = {EntryKind::kFile, "z"};
    std::vector<Entry> entries;
    for (const auto& [path, content] : tree)
      entries.push_back({path, content.kind, path.size() == 1 ? "" : sha256_hex(content.bytes).substr(0, 40)});
    const auto read = [&](const Entry& entry, const auto& piece) { piece(tree.at(entry.path).bytes); };
    const auto size = [&](const Entry& entry) { return tree.at(entry.path).bytes.size(); };
    const auto path = folder_.path() / "expected.zip";
    write_archive(list(entries), {.size = size, .read = read},
                  {.modified = from_milliseconds(1'795'253'401'000), .output = path});
    return sha256_hex(read_file(path));
  }
  std::string next_digest() const { return sha256_hex(read_file(folder_.path() / "next.zip")); }

  Tree tree_;
  std::uint32_t directory_crc32_ = 0;
};

TEST_F(UnchangedFolderTest, IsTakenOverWholeAndMakesTheSameBytes) {
  EXPECT_EQ(write_next(output(), "folder").reused_entries, 304u);
  EXPECT_EQ(next_digest(), expected("folder"));
  EXPECT_EQ(write_next(output(), "").reused_entries, tree_.size());
  EXPECT_EQ(next_digest(), expected(""));
}

TEST_F(UnchangedFolderTest, IsRefusedWhenItCannotBeTakenOver) {
  const auto refused = [&](const std::filesystem::path& previous, int compression) {
    try {
      write_next(previous, "folder", compression);
      return false;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), kPreviousUnusable) << error.what();
      return true;
    }
  };
  EXPECT_TRUE(refused(folder_.path() / "none.zip", 6));
  EXPECT_TRUE(refused(output(), 5));
  const std::string whole = read_file(output()), good = expected("folder");
  std::mt19937 chance(19);
  int refusals = 0;
  for (int round = 0; round < 60; ++round) {
    std::string bytes = whole;
    const std::size_t from = round % 2 == 0 ? 0 : bytes.size() - 30'000;
    bytes[from + chance() % (bytes.size() - from)] ^= static_cast<char>(1 + chance() % 255);
    write_file_atomically(folder_.path() / "damaged.zip", bytes);
    if (refused(folder_.path() / "damaged.zip", 6)) {
      ++refusals;
      EXPECT_FALSE(std::filesystem::exists(folder_.path() / "next.zip"));
    } else {
      EXPECT_EQ(next_digest(), good) << round;
      std::filesystem::remove(folder_.path() / "next.zip");
    }
  }
  EXPECT_GT(refusals, 10);
}

TEST_F(ArchiveTest, TellsHowMuchIsWrittenForGood) {
  std::vector<std::pair<std::filesystem::path, std::uint64_t>> told;
  std::string seen;
  Tree tree;
  for (int i = 0; i < 20; ++i)
    tree["f" + std::to_string(i)] = {EntryKind::kFile, noise(1u << 20, static_cast<unsigned>(i))};
  tree["large"] = {EntryKind::kFile, noise(40u << 20, 99)};
  WriteOptions options;
  options.on_progress = [&](const std::filesystem::path& file, std::uint64_t bytes) {
    EXPECT_GE(std::filesystem::file_size(file), bytes);
    std::ifstream stream(file, std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(seen.size()));
    std::string more(bytes - seen.size(), '\0');
    stream.read(more.data(), static_cast<std::streamsize>(more.size()));
    seen += more;
    told.emplace_back(file, bytes);
  };
  const WriteResult result = write(tree, options);
  EXPECT_GT(told.size(), 20u);
  EXPECT_EQ(told.front().first, told.back().first);
  EXPECT_EQ(told.back().second, result.bytes);
  EXPECT_TRUE(seen == read_file(output()));
}

}  // namespace
}  // namespace penstock::archive
