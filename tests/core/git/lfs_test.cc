#include "core/git/lfs.h"

#include <fstream>
#include <thread>

#include "core/base/digest.h"
#include "core/git/lfs_cache.h"
#include "tests/core/git/lfs_fixture.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::ReceivedRequest;
using testing::ScriptedReply;

using LfsObjectsTest = LfsTest;

TEST_F(LfsObjectsTest, BringsWhatIsMissingAndNothingTwice) {
  const LfsObject a = server_.add("one"), b = server_.add(std::string(3u << 20, 'b'));
  const LfsResult first = fetch(request({a, b, a}));
  EXPECT_EQ(first.objects, 2u);
  EXPECT_EQ(first.downloaded, 2u);
  EXPECT_EQ(first.downloaded_bytes, 3u + (3u << 20));
  EXPECT_EQ(read(a.pointer), "one");
  EXPECT_EQ(read(b.pointer), std::string(3u << 20, 'b'));

  const LfsObject c = server_.add("three");
  const LfsResult second = fetch(request({a, c, b}));
  EXPECT_EQ(second.objects, 3u);
  EXPECT_EQ(second.downloaded, 1u);
  EXPECT_EQ(server_.downloads().size(), 3u);
  EXPECT_EQ(fetch(request({a, b, c})).downloaded, 0u);
  EXPECT_EQ(server_.batches().size(), 2u) << "nobody is asked when all is here";
}

TEST_F(LfsObjectsTest, AsksNobodyForTheEmptyObject) {
  const LfsResult result = fetch(LfsObject{.pointer = {.oid = sha256_hex(""), .size = 0}, .path = "empty"});
  EXPECT_EQ(result.objects, 1u);
  EXPECT_EQ(result.downloaded, 0u);
  EXPECT_TRUE(server_.batches().empty());
}

TEST_F(LfsObjectsTest, AsksForAHundredAtATime) {
  std::vector<LfsObject> objects;
  for (int i = 0; i < 230; ++i) objects.push_back(server_.add("object " + std::to_string(i)));
  EXPECT_EQ(fetch(request(objects)).downloaded, 230u);
  EXPECT_EQ(server_.batches().size(), 3u);
  EXPECT_EQ(server_.downloads().size(), 230u);
  for (const LfsObject& object : objects) EXPECT_TRUE(has_lfs_object(directory_.path() / "lfs", object.pointer));
}

TEST_F(LfsObjectsTest, TellsTheJobsLog) {
  fetch(server_.add(std::string(2048, 'x')));
  EXPECT_EQ(lines_,
            (std::vector<std::string>{"fetching 1 LFS object (2.0 KiB)", "LFS: 1/1 objects, 2.0 KiB of 2.0 KiB"}));
}

TEST_F(LfsObjectsTest, FetchesADamagedObjectAgain) {
  const LfsObject object = server_.add("content");
  fetch(object);
  std::ofstream(lfs_object_path(directory_.path() / "lfs", object.pointer.oid), std::ios::binary) << "CONTENT";
  try {
    read(object.pointer);
    FAIL() << "the bytes are other ones";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
  }
  EXPECT_EQ(fetch(object).downloaded, 1u);
  EXPECT_EQ(read(object.pointer), "content");
}

TEST_F(LfsObjectsTest, FetchesATruncatedObjectAgain) {
  const LfsObject object = server_.add("content");
  fetch(object);
  fs::resize_file(lfs_object_path(directory_.path() / "lfs", object.pointer.oid), 3);
  EXPECT_EQ(fetch(object).downloaded, 1u);
  EXPECT_EQ(read(object.pointer), "content");
}

TEST_F(LfsObjectsTest, CallsAtTheSameTimeShareADownload) {
  std::vector<LfsObject> objects;
  for (int i = 0; i < 40; ++i) objects.push_back(server_.add("object " + std::to_string(i)));
  server_.set_download([](const ReceivedRequest&) -> std::optional<ScriptedReply> {
    std::this_thread::sleep_for(milliseconds(2));
    return std::nullopt;
  });
  LfsObjects lfs(options());
  std::atomic<std::size_t> downloaded{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        std::vector<LfsObject> wanted = objects;
        std::rotate(wanted.begin(), wanted.begin() + 10 * i, wanted.end());
        downloaded += lfs.fetch(request(wanted)).downloaded;
        for (const LfsObject& object : wanted) read(object.pointer);
      });
    }
  }
  EXPECT_EQ(downloaded, 40u);
  EXPECT_EQ(server_.downloads().size(), 40u);
}

// Whoever waits for another's download does not share its failure.
TEST_F(LfsObjectsTest, TakesOverWhenTheOtherFails) {
  const LfsObject object = server_.add("content");
  std::atomic<bool> second_waits = false;
  server_.require("Basic good");
  server_.set_batch([&](const ReceivedRequest& request) -> std::optional<ScriptedReply> {
    if (request.header("authorization") == "Basic good") return std::nullopt;
    while (!second_waits) std::this_thread::yield();
    std::this_thread::sleep_for(milliseconds(20));
    return ScriptedReply{.status = 401};
  });
  LfsObjects lfs(options());
  LfsRequest bad = request({object});
  bad.credential = credential("Basic bad");
  std::jthread first([&] { EXPECT_THROW(lfs.fetch(bad), Error); });
  while (server_.batches().empty()) std::this_thread::yield();
  LfsRequest good = request({object});
  good.credential = credential("Basic good");
  second_waits = true;
  EXPECT_EQ(lfs.fetch(good).downloaded, 1u);
}

TEST_F(LfsObjectsTest, WaitsForOthersNoLongerThanItMay) {
  const LfsObject object = server_.add("content");
  std::atomic<bool> done = false;
  server_.set_download([&](const ReceivedRequest&) -> std::optional<ScriptedReply> {
    while (!done) std::this_thread::yield();
    return std::nullopt;
  });
  LfsObjects lfs(options());
  std::jthread first([&] { EXPECT_EQ(lfs.fetch(request({object})).downloaded, 1u); });
  while (server_.downloads().empty()) std::this_thread::yield();
  LfsRequest hurried = request({object});
  hurried.timeout = milliseconds(30);
  try {
    lfs.fetch(hurried);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kTimeout);
  }
  std::stop_source stop;
  LfsRequest stopped = request({object});
  stopped.stop = stop.get_token();
  std::jthread stopper([&] { stop.request_stop(); });
  try {
    lfs.fetch(stopped);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCancelled);
  }
  done = true;
}

TEST_F(LfsObjectsTest, StopsWhatIsUnderWay) {
  const LfsObject object = server_.add("content");
  std::stop_source stop;
  server_.set_download([stop](const ReceivedRequest&) mutable -> std::optional<ScriptedReply> {
    stop.request_stop();
    return ScriptedReply{.delay = milliseconds(60'000)};
  });
  LfsRequest stopped = request({object});
  stopped.stop = stop.get_token();
  EXPECT_EQ(error_of(stopped).kind(), ErrorKind::kCancelled);
}

TEST_F(LfsObjectsTest, KeepsItsDeadline) {
  const LfsObject object = server_.add("content");
  server_.set_download([&](const ReceivedRequest&) { return ScriptedReply{.delay = milliseconds(60'000)}; });
  LfsRequest hurried = request({object});
  hurried.timeout = milliseconds(100);
  EXPECT_EQ(error_of(hurried).kind(), ErrorKind::kTimeout);
}

TEST_F(LfsObjectsTest, RemovesWhatKilledProcessesLeft) {
  const fs::path leftover = directory_.path() / "lfs" / "tmp" / "leftover";
  fs::create_directories(leftover.parent_path());
  std::ofstream(leftover) << "half";
  fetch(server_.add("content"));
  EXPECT_FALSE(fs::exists(leftover));
}

TEST_F(LfsObjectsTest, KnowsBeforehandThatTheDiskIsTooSmall) {
  const Error error = error_of(LfsObject{.pointer = {.oid = sha256_hex("x"), .size = 1ull << 60}, .path = "huge"});
  EXPECT_EQ(error.kind(), ErrorKind::kExhausted);
  EXPECT_EQ(error.code(), "DiskFull");
  EXPECT_TRUE(contains(error, "1.0 EiB are needed, the disk has room for")) << error.what();
  EXPECT_TRUE(server_.batches().empty());
}

TEST_F(LfsObjectsTest, SumsOfSizesDoNotWrap) {
  std::vector<LfsObject> objects;
  for (int i = 0; i < 3; ++i)
    objects.push_back({.pointer = {.oid = sha256_hex(std::to_string(i)), .size = INT64_MAX}, .path = "huge"});
  EXPECT_EQ(error_of(request(objects)).code(), "DiskFull");
}

TEST_F(LfsObjectsTest, HoldsItsOwnBound) {
  LfsObjects::Options bounded = options();
  bounded.max_bytes = 6;
  try {
    LfsObjects(bounded).fetch(request({server_.add("content")}));
    FAIL() << "seven bytes are too many";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kExhausted);
    EXPECT_TRUE(contains(error, "7 bytes are needed, at most 6 bytes are allowed")) << error.what();
  }
}

struct Refused {
  const char* name;
  const char* remote;
  Credential credential;
  const char* cause;
  friend void PrintTo(const Refused& value, std::ostream* out) { *out << value.name; }
};

class LfsPolicy : public LfsTest, public ::testing::WithParamInterface<Refused> {};

TEST_P(LfsPolicy, RefusesWhatIsNotSafeOrCannotWork) {
  LfsRequest refused = request({server_.add("content")});
  refused.remote = GetParam().remote;
  refused.credential = GetParam().credential;
  const Error error = error_of(refused);
  EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
  EXPECT_TRUE(contains(error, GetParam().cause)) << error.what();
  EXPECT_FALSE(contains(error, "s3cret"));
}

INSTANTIATE_TEST_SUITE_P(
    LfsObjectsTest, LfsPolicy,
    ::testing::Values(Refused{"Ssh", "git@ssh.dev.azure.com:v3/o/p/r", SshKeyCredential{}, "come over https only"},
                      Refused{"File", "/srv/git/shop.git", NoCredential{}, "come over https only"},
                      Refused{"PlainHttp", "http://git.example/shop", NoCredential{}, "loopback"},
                      Refused{"KeyOverHttps", "https://git.example/shop", SshKeyCredential{}, "use a token"},
                      Refused{"LineBreak", "https://git.example/shop",
                              HttpHeaderCredential{Secret("Basic s3cret\r\nX: y")}, "line break"},
                      Refused{"EmptyCredential", "https://git.example/shop", HttpHeaderCredential{}, "empty"}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(LfsObjectsTest, SaysThatAnotherCredentialMayFit) {
  LfsRequest request = this->request({server_.add("content")});
  request.credential = SshKeyCredential{};
  EXPECT_EQ(error_of(request).code(), "CredentialUnsuitable");
}

TEST_F(LfsObjectsTest, NeverMakesAPathOfWhatIsNoId) {
  LfsObjects lfs(options());
  const LfsPointer hostile{.oid = "../../../../etc/passwd", .size = 1};
  EXPECT_THROW(lfs.fetch(request({{.pointer = hostile, .path = "x"}})), Error);
  EXPECT_THROW(lfs.read(directory_.path(), hostile, [](std::string_view) {}), Error);
}

}  // namespace
}  // namespace penstock::git
