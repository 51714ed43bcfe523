#include "core/archive/unpack.h"

#include <functional>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/archive/folder.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "tests/core/archive/zip_maker.h"

namespace penstock::archive {
namespace {

namespace fs = std::filesystem;

class UnpackTest : public ::testing::Test {
 protected:
  UnpackTest() { fs::create_directory(folder_); }

  UnpackResult unpack(const std::string& zip, const UnpackLimits& limits = {}) {
    write_file_atomically(directory_.path() / "in.zip", zip);
    return unpack_archive(directory_.path() / "in.zip", folder_, limits);
  }
  std::string refusal(const std::string& zip, ErrorKind kind = ErrorKind::kInvalidInput,
                      const UnpackLimits& limits = {}) {
    try {
      unpack(zip, limits);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      return error.what();
    }
    return "nothing was refused";
  }
  static std::uint32_t mode_of(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_mode;
  }
  // All that is beside the folder and the archive, where nothing may be.
  bool wrote_outside() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(directory_.path())) ++count;
    return count != 2;
  }

  TemporaryDirectory directory_;
  const fs::path folder_ = directory_.path() / "in";
};

TEST_F(UnpackTest, KeepsContentsModesAndLinks) {
  const std::string large(3'000'000, 'y');
  const auto result = unpack(ZipMaker()
                                 .folder("bin/", 040750)
                                 .file("bin/run", "#!/bin/sh\n", 0104755)
                                 .link("bin/again", "run")
                                 .file("deep/er/ünïcode", large)
                                 .file("read-only", "r", 0100444)
                                 .add({.name = "stored", .content = "as it is"})
                                 .add({.name = "old\\maker", .content = "w", .mode = 0, .maker = 0})
                                 .link("up", "deep/../bin")
                                 .make("a comment"));
  EXPECT_EQ(result.entries, 8u);
  EXPECT_EQ(read_file(folder_ / "bin/run"), "#!/bin/sh\n");
  EXPECT_EQ(mode_of(folder_ / "bin/run"), 0100755u);  // no set-user-id
  EXPECT_EQ(mode_of(folder_ / "bin"), 040750u);
  EXPECT_EQ(mode_of(folder_ / "read-only"), 0100444u);
  EXPECT_EQ(mode_of(folder_ / "old/maker"), 0100644u);
  EXPECT_EQ(read_file(folder_ / "deep/er/ünïcode"), large);
  EXPECT_EQ(read_file(folder_ / "stored"), "as it is");
  EXPECT_EQ(fs::read_symlink(folder_ / "bin/again"), "run");
  EXPECT_EQ(read_file(folder_ / "up/run"), "#!/bin/sh\n");
}

TEST_F(UnpackTest, TakesAnEmptyArchive) {
  EXPECT_EQ(unpack(ZipMaker().make()).entries, 0u);
}

struct Hostile {
  const char* name;
  std::function<void(ZipMaker&)> make;
  const char* message;
};
void PrintTo(const Hostile& hostile, std::ostream* out) {
  *out << hostile.name;
}

class UnpackRefuses : public UnpackTest, public ::testing::WithParamInterface<Hostile> {};

TEST_P(UnpackRefuses, WithTheEntrysName) {
  ZipMaker maker;
  maker.file("first", "harmless");
  GetParam().make(maker);
  EXPECT_EQ(refusal(maker.make()), GetParam().message);
  EXPECT_TRUE(fs::is_empty(folder_));
  EXPECT_FALSE(wrote_outside());
}

INSTANTIATE_TEST_SUITE_P(
    Names, UnpackRefuses,
    ::testing::Values(
        Hostile{"Parent", [](ZipMaker& m) { m.file("../x", "x"); }, "\"../x\" leads out of the folder"},
        Hostile{"ParentWithin", [](ZipMaker& m) { m.file("a/../../x", "x"); }, "\"a/../../x\" leads out of the folder"},
        Hostile{"Absolute", [](ZipMaker& m) { m.file("/etc/x", "x"); }, "\"/etc/x\" has an absolute name"},
        Hostile{"Drive", [](ZipMaker& m) { m.file("C:\\x", "x"); }, "\"C:\\\\x\" has an absolute name"},
        Hostile{"WindowsParent", [](ZipMaker& m) { m.add({.name = "..\\x", .content = "x", .mode = 0, .maker = 0}); },
                "\"../x\" leads out of the folder"},
        Hostile{"Nul", [](ZipMaker& m) { m.file(std::string("a\0b", 3), "x"); }, "\"a\\u0000b\" has a NUL in its name"},
        Hostile{"Empty", [](ZipMaker& m) { m.file("", "x"); }, "\"\" has no name"},
        Hostile{"DotOnly", [](ZipMaker& m) { m.file(".", "x"); }, "\".\" has no name"},
        Hostile{"Twice", [](ZipMaker& m) { m.file("a/b", "1").file("a//./b", "2"); }, "\"a//./b\" is there twice"},
        Hostile{"FileThenFolder", [](ZipMaker& m) { m.file("a", "1").file("a/b", "2"); },
                "\"a/b\" is below \"a\", which is no folder"},
        Hostile{"FolderThenFile", [](ZipMaker& m) { m.file("a/b", "1").file("a", "2"); }, "\"a\" is a folder too"},
        Hostile{"ThroughALink", [](ZipMaker& m) { m.link("l", "sub").file("l/x", "2"); },
                "\"l/x\" is below \"l\", which is no folder"},
        Hostile{"Pipe", [](ZipMaker& m) { m.file("p", "", 0010644); }, "\"p\" is a device, pipe or socket"},
        Hostile{"Device", [](ZipMaker& m) { m.file("d", "", 0060644); }, "\"d\" is a device, pipe or socket"},
        Hostile{"LinkAndFolder", [](ZipMaker& m) { m.link("l/", "first"); }, "\"l/\" is a link and a folder"}),
    [](const auto& test) { return std::string(test.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Links, UnpackRefuses,
    ::testing::Values(
        Hostile{"Absolute", [](ZipMaker& m) { m.link("l", "/etc/passwd"); },
                "\"l\" is a link to \"/etc/passwd\", which leads out of the folder"},
        Hostile{"Parent", [](ZipMaker& m) { m.link("l", "../x"); },
                "\"l\" is a link to \"../x\", which leads out of the folder"},
        Hostile{"ParentBeyondAFolder", [](ZipMaker& m) { m.link("a/l", "b/../../../x"); },
                "\"a/l\" is a link to \"b/../../../x\", which leads out of the folder"},
        // Each alone stays inside; "a/deep" is the folder itself.
        Hostile{"ThroughAnother", [](ZipMaker& m) { m.link("a/deep", "..").link("out", "a/deep/.."); },
                "\"out\" is a link to \"a/deep/..\", which leads out of the folder"},
        Hostile{"ThroughTwo",
                [](ZipMaker& m) { m.link("x/y/one", "../..").link("x/two", "y/one").link("z", "x/two/../outside"); },
                "\"z\" is a link to \"x/two/../outside\", which leads out of the folder"},
        Hostile{"NoTarget", [](ZipMaker& m) { m.link("l", ""); }, "\"l\" is a link whose target has 0 bytes"}),
    [](const auto& test) { return std::string(test.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Contents, UnpackRefuses,
    ::testing::Values(
        Hostile{"Encrypted", [](ZipMaker& m) { m.add({.name = "s", .content = "x", .flags = 1}); },
                "\"s\" is encrypted"},
        Hostile{"Aes", [](ZipMaker& m) { m.add({.name = "s", .content = "x", .method = 99}); }, "\"s\" is encrypted"},
        Hostile{"Bzip2", [](ZipMaker& m) { m.add({.name = "s", .content = "x", .method = 12}); },
                "\"s\" is compressed by method 12, which is not known here; use deflate, as zip does by default"},
        Hostile{"OtherLocalName", [](ZipMaker& m) { m.add({.name = "good", .content = "x", .local_name = "evil"}); },
                "\"good\" has another name in its own header: \"evil\""},
        Hostile{"StoredWithTwoSizes", [](ZipMaker& m) { m.add({.name = "s", .content = "xyz", .size = 2}); },
                "\"s\" is stored and has two sizes"},
        Hostile{"Overlapping",
                [](ZipMaker& m) {
                  const auto offset = static_cast<std::uint32_t>(m.offset());
                  m.add({.name = "a", .content = "quine"})
                      .add({.name = "a2", .content = "quine", .offset = offset, .local_name = "a2"});
                },
                "\"a2\" has another name in its own header: \"a\""},
        Hostile{"Bomb",
                [](ZipMaker& m) { m.add_packed({.name = "zeros", .method = 8, .size = 4'000'000'000u}, "abc"); },
                "\"zeros\" would grow from 3 to 4000000000 bytes, more than 400-fold; it looks like a zip bomb"},
        Hostile{"Beyond", [](ZipMaker& m) { m.add({.name = "x", .content = "x", .offset = 1'000'000}); },
                "\"x\" is not in the archive"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(UnpackTest, RefusesFilesThatShareTheirBytes) {
  // Two entries of the same name would be told by that; so the inner archive's local header is within the other's data.
  ZipMaker inner;
  inner.add({.name = "b", .content = "shared"});
  ZipMaker maker;
  const std::string data = inner.make().substr(0, 30 + 1 + 6);
  maker.add({.name = "a", .content = data});
  maker.add({.name = "b", .content = "shared", .offset = 31});
  EXPECT_EQ(refusal(maker.make()), "\"b\" shares its bytes with \"a\"; it looks like a zip bomb");
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(UnpackTest, EndsAtTheSizeThatTheDirectoryTells) {
  const std::string content(1'000'000, 'z');
  EXPECT_EQ(refusal(ZipMaker().add({.name = "x", .content = content, .method = 8, .size = 10}).make()),
            "\"x\" is larger than the directory says");
  EXPECT_LE(fs::file_size(folder_ / "x"), 10u);
  fs::remove(folder_ / "x");
  EXPECT_EQ(refusal(ZipMaker().add({.name = "x", .content = content, .method = 8, .size = 1'000'001}).make()),
            "\"x\" is smaller than the directory says");
  fs::remove(folder_ / "x");
  EXPECT_EQ(refusal(ZipMaker().add({.name = "x", .content = content, .method = 8, .crc32 = 7}).make()),
            "\"x\" does not have its checksum");
  fs::remove(folder_ / "x");
  EXPECT_EQ(refusal(ZipMaker().add_packed({.name = "x", .content = "abc", .method = 8}, "no deflate").make()),
            "\"x\" is damaged");
}

TEST_F(UnpackTest, BoundsEntriesAndBytes) {
  ZipMaker maker;
  for (int i = 0; i < 5; ++i) maker.file("f" + std::to_string(i), "12345");
  EXPECT_EQ(refusal(maker.make(), ErrorKind::kExhausted, {.max_entries = 4}),
            "it has 5 entries, more than the 4 that are allowed");
  EXPECT_EQ(refusal(maker.make(), ErrorKind::kExhausted, {.max_bytes = 12}),
            "with \"f2\" it would have more than the 12 bytes that are allowed");
  EXPECT_EQ(refusal(ZipMaker().file("a/b/c/d/e", "").make(), ErrorKind::kExhausted, {.max_entries = 3}),
            "\"a/b/c/d/e\" is one more than the 3 files and folders that are allowed");
}

TEST_F(UnpackTest, RefusesWhatIsNotWhole) {
  const std::string zip = ZipMaker().file("a", "content").make();
  for (std::size_t size = 0; size < zip.size(); ++size) {
    EXPECT_NE(refusal(zip.substr(0, size)), "nothing was refused") << size;
  }
  EXPECT_EQ(refusal("x" + zip),
            "its directory is not where it says; there may be something before or after the archive");
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(UnpackTest, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  write_file_atomically(directory_.path() / "in.zip", ZipMaker().file("a", "content").make());
  try {
    unpack_archive(directory_.path() / "in.zip", folder_, {}, stop.get_token());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCancelled);
  }
}

TEST_F(UnpackTest, LinksInACircleAreKept) {
  unpack(ZipMaker().link("a", "b").link("b", "a").link("self", "self/self").make());
  EXPECT_TRUE(fs::is_symlink(folder_ / "self"));
}

TEST_F(UnpackTest, ReadsOneFile) {
  const auto zip = directory_.path() / "in.zip";
  write_file_atomically(zip, ZipMaker().file("a/t.json", "{}").file("./b", "2").link("l", "b").make());
  EXPECT_EQ(read_archived_file(zip, "a/t.json", 10), "{}");
  EXPECT_EQ(read_archived_file(zip, "b", 10), "2");
  EXPECT_THROW(read_archived_file(zip, "l", 10), Error);
  try {
    read_archived_file(zip, "none", 10);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
  }
  try {
    read_archived_file(zip, "a/t.json", 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kExhausted);
  }
}

// What the project's own archives hold comes out as it went in.
TEST_F(UnpackTest, UnpacksWhatWasPacked) {
  unpack(ZipMaker()
             .file("bin/run", "x", 0100755)
             .link("l", "bin/run")
             .folder("empty/")
             .file("a-b", "2")
             .file("a/b", "3")
             .make());
  const Folder packed(folder_);
  const auto zip = directory_.path() / "out.zip";
  EXPECT_EQ(write_archive(packed.source(), packed.reader(), {.output = zip}).entries, 5u);
  const fs::path again = directory_.path() / "again";
  fs::create_directory(again);
  EXPECT_EQ(unpack_archive(zip, again).entries, 5u);
  EXPECT_EQ(mode_of(again / "bin/run"), 0100755u);
  EXPECT_EQ(fs::read_symlink(again / "l"), "bin/run");
  EXPECT_TRUE(fs::is_directory(again / "empty"));
  EXPECT_EQ(read_file(again / "a/b"), "3");
}

}  // namespace
}  // namespace penstock::archive
