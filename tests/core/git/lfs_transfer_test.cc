#include "core/git/lfs_transfer.h"

#include <csignal>
#include <thread>

#include <sys/resource.h>

#include "core/base/digest.h"
#include "core/json/json.h"
#include "tests/core/git/lfs_fixture.h"

namespace penstock::git {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::LoopbackServer;
using testing::ReceivedRequest;
using testing::ScriptedReply;
using Reply = std::optional<ScriptedReply>;

constexpr const char* kToken = "Basic cGF0OnMzY3JldA==";

class LfsTransferTest : public LfsTest {
 protected:
  // Misbehaves the first `times` times.
  LfsServer::Misbehaviour times(int times, ScriptedReply reply) {
    return [this, times, reply](const ReceivedRequest&) -> Reply {
      return count_++ < times ? Reply(reply) : std::nullopt;
    };
  }
  LfsRequest with_token(std::vector<LfsObject> objects) {
    LfsRequest result = request(std::move(objects));
    result.credential = credential(kToken);
    return result;
  }
  std::atomic<int> count_{0};
};

TEST_F(LfsTransferTest, SpeaksTheBatchApi) {
  const LfsObject object = server_.add("content");
  server_.require(kToken);
  LfsRequest request = with_token({object});
  request.ref = "refs/heads/main";
  EXPECT_EQ(fetch(request).downloaded, 1u);
  const ReceivedRequest batch = server_.batches().at(0);
  EXPECT_EQ(batch.target, "/team/_git/shop/info/lfs/objects/batch");
  EXPECT_EQ(batch.header("accept"), "application/vnd.git-lfs+json");
  EXPECT_EQ(batch.header("content-type"), "application/vnd.git-lfs+json");
  EXPECT_EQ(batch.header("authorization"), kToken);
  EXPECT_EQ(batch.body, R"({"operation":"download","transfers":["basic"],"ref":{"name":"refs/heads/main"},)"
                        R"("objects":[{"oid":")" +
                            object.pointer.oid + R"(","size":7}],"hash_algo":"sha256"})");
  const ReceivedRequest download = server_.downloads().at(0);
  EXPECT_EQ(download.header("authorization"), kToken);
  EXPECT_EQ(download.header("accept-encoding"), "identity");
}

TEST_F(LfsTransferTest, KeepsTheCredentialFromOtherOrigins) {
  const LfsObject object = server_.add("content");
  LoopbackServer storage([&](const ReceivedRequest& request) { return server_.object_answer(request); });
  server_.set_storage(storage.url());
  server_.set_action_members(R"(,"header":{"X-Storage-Key":"abc"})");
  EXPECT_EQ(fetch(with_token({object})).downloaded, 1u);
  EXPECT_EQ(storage.requests().at(0).header("authorization"), "");
  EXPECT_EQ(storage.requests().at(0).header("x-storage-key"), "abc");
}

TEST_F(LfsTransferTest, PrefersTheActionsOwnAuthorization) {
  const LfsObject object = server_.add("content");
  server_.set_action_members(R"(,"header":{"authorization":"RemoteAuth xyz"})");
  fetch(with_token({object}));
  EXPECT_EQ(server_.downloads().at(0).header("authorization"), "RemoteAuth xyz");
}

TEST_F(LfsTransferTest, FollowsARedirectWithoutAnySecret) {
  const LfsObject object = server_.add("content");
  LoopbackServer storage([&](const ReceivedRequest& request) { return server_.object_answer(request); });
  server_.set_action_members(R"(,"header":{"X-Storage-Key":"abc"})");
  server_.set_download([&](const ReceivedRequest&) {
    return ScriptedReply{.status = 302, .headers = {{"Location", storage.url() + "/x/" + object.pointer.oid}}};
  });
  EXPECT_EQ(fetch(with_token({object})).downloaded, 1u);
  EXPECT_EQ(server_.downloads().at(0).header("authorization"), kToken);
  EXPECT_EQ(storage.requests().at(0).header("authorization"), "");
  EXPECT_EQ(storage.requests().at(0).header("x-storage-key"), "");
}

TEST_F(LfsTransferTest, BringsNoSecretBackToWhereARedirectLeads) {
  const LfsObject object = server_.add("content");
  LoopbackServer storage([&](const ReceivedRequest&) {
    return ScriptedReply{.status = 307, .headers = {{"Location", server_.object_url(object.pointer.oid) + "?second"}}};
  });
  server_.set_download([&](const ReceivedRequest& request) -> Reply {
    if (request.target.ends_with("?second")) return ScriptedReply{.body = "content"};
    return ScriptedReply{.status = 302, .headers = {{"Location", storage.url() + "/x"}}};
  });
  EXPECT_EQ(fetch(with_token({object})).downloaded, 1u);
  EXPECT_EQ(server_.downloads().at(1).header("authorization"), "");
}

TEST_F(LfsTransferTest, KeepsTheCredentialWithinTheOrigin) {
  const LfsObject object = server_.add("content");
  server_.require(kToken);
  server_.set_download([&](const ReceivedRequest& request) -> Reply {
    if (request.target.starts_with("/elsewhere/")) return std::nullopt;
    return ScriptedReply{.status = 308, .headers = {{"Location", "/elsewhere/" + object.pointer.oid}}};
  });
  EXPECT_EQ(fetch(with_token({object})).downloaded, 1u);
}

TEST_F(LfsTransferTest, TiresOfRedirects) {
  server_.set_download([&](const ReceivedRequest& request) {
    return ScriptedReply{.status = 302, .headers = {{"Location", request.target}}};
  });
  const Error error = error_of(server_.add("content"));
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_TRUE(contains(error, "redirected more than 5 times")) << error.what();
  EXPECT_EQ(server_.downloads().size(), 6u);
}

TEST_F(LfsTransferTest, GoesToNoUnsafeAddress) {
  for (const std::string location :
       {"http://store.example/x", "file:///etc/passwd", "https://u:p@store.example/x", ""}) {
    LfsServer server;
    const LfsObject object = server.add("content");
    server.set_download([&](const ReceivedRequest&) {
      return ScriptedReply{.status = 302, .headers = {{"Location", location}}};
    });
    LfsObjects::Options own = options();
    own.transport = server.transport();
    LfsRequest request = with_token({object});
    request.remote = server.remote();
    try {
      LfsObjects(own).fetch(request);
      ADD_FAILURE() << location;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kConfiguration) << error.what();
      EXPECT_FALSE(contains(error, "u:p"));
    }
  }
}

TEST_F(LfsTransferTest, ARedirectToALoginIsNoObject) {
  server_.set_download([&](const ReceivedRequest&) {
    return ScriptedReply{.status = 302,
                         .headers = {{"Location", "https://spsprodweu1.vssps.visualstudio.com/_signin?x"}}};
  });
  EXPECT_EQ(error_of(server_.add("content")).kind(), ErrorKind::kUnauthenticated);
}

TEST_F(LfsTransferTest, AWebPageIsNoObject) {
  server_.set_download([&](const ReceivedRequest&) {
    return ScriptedReply{.headers = {{"Content-Type", "text/html"}}, .body = "<!DOCTYPE html><title>Sign in</title>"};
  });
  EXPECT_EQ(error_of(server_.add("content")).code(), "SignInPage");
  EXPECT_EQ(error_of(server_.add(std::string(5000, 'x'))).code(), "SignInPage");
}

TEST_F(LfsTransferTest, AWebPageThatIsTheObjectIsFine) {
  const LfsObject object = server_.add("<!DOCTYPE html><title>Ours</title>");
  EXPECT_EQ(fetch(object).downloaded, 1u);
}

TEST_F(LfsTransferTest, AWebPageIsNoAnswer) {
  for (const ScriptedReply& page : {ScriptedReply{.status = 203, .body = "<html>"},
                                    ScriptedReply{.status = 302, .headers = {{"Location", "/_signin"}}},
                                    ScriptedReply{.headers = {{"Content-Type", "text/html"}}, .body = "<html>"},
                                    ScriptedReply{.body = "<!DOCTYPE html>"}}) {
    LfsServer server;
    server.set_batch([&](const ReceivedRequest&) { return page; });
    LfsObjects::Options own = options();
    own.transport = server.transport();
    LfsRequest request = with_token({server.add("content")});
    request.remote = server.remote();
    try {
      LfsObjects(own).fetch(request);
      ADD_FAILURE() << page.status;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnauthenticated) << error.what();
    }
  }
}

TEST_F(LfsTransferTest, NamesTheObjectThatIsMissing) {
  const LfsObject missing{.pointer = {.oid = sha256_hex("x"), .size = 1}, .path = "art/logo.psd"};
  const Error error = error_of(request({server_.add("content"), missing}));
  EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
  EXPECT_EQ(error.code(), "LfsObjectNotFound");
  EXPECT_EQ(error.what(), "fetching the LFS object of \"art/logo.psd\" (" + missing.pointer.oid + ") from \"" +
                              server_.remote() +
                              "\": the server does not have it; push it with `git lfs push --all REMOTE` from a clone "
                              "that has it [Object does not exist]");
  const LfsObject other{.pointer = {.oid = sha256_hex("y"), .size = 1}, .path = "b"};
  EXPECT_TRUE(contains(error_of(request({missing, other})), "(and 1 more objects)"));
}

TEST_F(LfsTransferTest, NamesEachKindOfRefusal) {
  const auto kind = [&](const std::string& code) {
    LfsServer server;
    const LfsObject object = server.add("content");
    server.set_batch([&](const ReceivedRequest&) {
      return ScriptedReply{.body = R"({"objects":[{"oid":")" + object.pointer.oid + R"(","error":{"code":)" + code +
                                   R"(,"message":"no cGF0OnMzY3JldA=="}}]})"};
    });
    LfsObjects::Options own = options();
    own.transport = server.transport();
    LfsRequest request = with_token({object});
    request.remote = server.remote();
    try {
      LfsObjects(own).fetch(request);
    } catch (const Error& error) {
      EXPECT_TRUE(contains(error, "[no ***]")) << error.what();
      return error.kind();
    }
    return ErrorKind::kInternal;
  };
  EXPECT_EQ(kind("410"), ErrorKind::kNotFound);
  EXPECT_EQ(kind("422"), ErrorKind::kInvalidInput);
  EXPECT_EQ(kind("403"), ErrorKind::kPermission);
  EXPECT_EQ(kind("401"), ErrorKind::kUnauthenticated);
  EXPECT_EQ(kind("500"), ErrorKind::kUnavailable);
  EXPECT_EQ(kind("-3"), ErrorKind::kUnavailable);
}

TEST_F(LfsTransferTest, ShowsAzuresReasonWithoutTheToken) {
  server_.set_batch([&](const ReceivedRequest&) {
    return ScriptedReply{.status = 401, .body = R"({"message":"TF400813: refused cGF0OnMzY3JldA=="})"};
  });
  const Error error = error_of(with_token({server_.add("content")}));
  EXPECT_EQ(error.kind(), ErrorKind::kUnauthenticated);
  EXPECT_TRUE(contains(error, "[TF400813: refused ***]")) << error.what();
}

TEST_F(LfsTransferTest, TakesOneMoreLookAtAnswersThatMakeNoSense) {
  const LfsObject object = server_.add("content");
  server_.set_batch(times(1, {.body = R"({"objects":[)"}));
  EXPECT_EQ(fetch(object).downloaded, 1u);
}

TEST_F(LfsTransferTest, RefusesAnswersThatMakeNoSense) {
  server_.set_batch([](const ReceivedRequest&) { return ScriptedReply{.body = R"({"objects":[]})"}; });
  const Error error = error_of(server_.add("content"));
  EXPECT_EQ(error.code(), "LfsProtocol");
  EXPECT_TRUE(contains(error, "neither an address for it nor an error")) << error.what();
}

TEST_F(LfsTransferTest, BoundsTheAnswer) {
  server_.set_batch([](const ReceivedRequest&) { return ScriptedReply{.body = std::string((8u << 20) + 1, ' ')}; });
  EXPECT_EQ(error_of(server_.add("content")).kind(), ErrorKind::kExhausted);
}

TEST_F(LfsTransferTest, ShortensItsQuestionsWhenAsked) {
  std::vector<LfsObject> objects;
  for (int i = 0; i < 50; ++i) objects.push_back(server_.add("object " + std::to_string(i)));
  server_.set_batch([](const ReceivedRequest& request) -> Reply {
    const json::Json question = json::parse_json(request.body, "the question");
    return question["objects"].size() > 13 ? Reply(ScriptedReply{.status = 413}) : std::nullopt;
  });
  EXPECT_EQ(fetch(request(objects)).downloaded, 50u);
  EXPECT_EQ(server_.batches().size(), 2u + 5u) << "50 and 25 refused, then 12 at a time";
}

TEST_F(LfsTransferTest, WaitsAsLongAsItIsTold) {
  server_.set_batch(times(1, {.status = 429, .headers = {{"Retry-After", "7"}}}));
  EXPECT_EQ(fetch(server_.add("content")).downloaded, 1u);
  EXPECT_EQ(sleeps_, std::vector<milliseconds>{seconds(7)});
}

TEST_F(LfsTransferTest, DoesNotWaitPastItsDeadline) {
  server_.set_batch(times(1, {.status = 429, .headers = {{"Retry-After", "600"}}}));
  EXPECT_EQ(error_of(server_.add("content")).kind(), ErrorKind::kRateLimited);
  EXPECT_TRUE(sleeps_.empty());
}

TEST_F(LfsTransferTest, TriesAgainAfterFaultsThatPass) {
  server_.set_batch(times(2, {.status = 503}));
  EXPECT_EQ(fetch(server_.add("content")).downloaded, 1u);
  EXPECT_EQ(sleeps_, (std::vector<milliseconds>{milliseconds(500), milliseconds(1000)}));
}

TEST_F(LfsTransferTest, GivesUpAfterItsAttempts) {
  server_.set_batch([](const ReceivedRequest&) { return ScriptedReply{.drop = true}; });
  EXPECT_EQ(error_of(server_.add("content")).kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(server_.batches().size(), 5u);
}

TEST_F(LfsTransferTest, GoesOnWhereADownloadWasCut) {
  const std::string content(100'000, 'c');
  const LfsObject object = server_.add(content);
  server_.set_download([&](const ReceivedRequest& request) -> Reply {
    if (request.header("range").empty())
      return ScriptedReply{.raw = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + content.substr(0, 60'000)};
    return ScriptedReply{
        .status = 206, .headers = {{"Content-Range", "bytes 60000-99999/100000"}}, .body = content.substr(60'000)};
  });
  EXPECT_EQ(fetch(object).downloaded, 1u);
  EXPECT_EQ(read(object.pointer), content);
  EXPECT_EQ(server_.downloads().at(1).header("range"), "bytes=60000-");
}

TEST_F(LfsTransferTest, StartsAnewWhereTheServerKnowsNoRanges) {
  const std::string content(100'000, 'c');
  const LfsObject object = server_.add(content);
  server_.set_download(
      times(2, {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + content.substr(0, 60'000)}));
  EXPECT_EQ(fetch(object).downloaded, 1u);
  EXPECT_EQ(read(object.pointer), content);
}

TEST_F(LfsTransferTest, StartsAnewWhenTheRangeIsRefusedOrAnotherOne) {
  const std::string content(100'000, 'c');
  for (const ScriptedReply& odd :
       {ScriptedReply{.status = 416},
        ScriptedReply{.status = 206, .headers = {{"Content-Range", "bytes 0-99999/100000"}}, .body = content},
        ScriptedReply{.status = 206, .body = content.substr(60'000)}}) {
    LfsServer server;
    const LfsObject object = server.add(content + std::to_string(count_++));
    std::atomic<int> downloads = 0;
    server.set_download([&](const ReceivedRequest&) -> Reply {
      const int download = downloads++;
      if (download == 0)
        return ScriptedReply{.raw = "HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n" + content.substr(0, 60'000)};
      return download == 1 ? Reply(odd) : std::nullopt;
    });
    LfsObjects::Options own = options();
    own.transport = server.transport();
    LfsRequest request = this->request({object});
    request.remote = server.remote();
    EXPECT_EQ(LfsObjects(own).fetch(request).downloaded, 1u);
    EXPECT_EQ(downloads, 3);
    EXPECT_EQ(server.downloads().at(2).header("range"), "");
  }
}

struct Wrong {
  const char* name;
  std::string body;
  const char* cause;
  friend void PrintTo(const Wrong& value, std::ostream* out) { *out << value.name; }
};

class LfsWrongBytes : public LfsTransferTest, public ::testing::WithParamInterface<Wrong> {};

TEST_P(LfsWrongBytes, AreRefusedTheSecondTime) {
  const LfsObject object = server_.add("content", "art/logo.psd");
  server_.set_download([&](const ReceivedRequest&) { return ScriptedReply{.body = GetParam().body}; });
  const Error error = error_of(object);
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(error.code(), "LfsObjectMismatch");
  EXPECT_TRUE(contains(error, "art/logo.psd"));
  EXPECT_TRUE(contains(error, GetParam().cause)) << error.what();
  EXPECT_EQ(server_.downloads().size(), 2u);
  EXPECT_FALSE(has_lfs_object(directory_.path() / "lfs", object.pointer));
}

TEST_P(LfsWrongBytes, AreForgivenOnce) {
  const LfsObject object = server_.add("content");
  server_.set_download(times(1, {.body = GetParam().body}));
  EXPECT_EQ(fetch(object).downloaded, 1u);
  EXPECT_EQ(read(object.pointer), "content");
}

INSTANTIATE_TEST_SUITE_P(LfsTransferTest, LfsWrongBytes,
                         ::testing::Values(Wrong{"Others", "CONTENT", "gave out bytes with another SHA-256"},
                                           Wrong{"TooFew", "conten", "gave out 6 bytes instead of 7"},
                                           Wrong{"None", "", "gave out 0 bytes instead of 7"},
                                           Wrong{"TooMany", std::string(1u << 20, 'c'), "gave out more than 7 bytes"}),
                         [](const auto& tested) { return tested.param.name; });

TEST_F(LfsTransferTest, StopsReadingWhenTooManyBytesCome) {
  server_.set_download([&](const ReceivedRequest&) {
    return ScriptedReply{.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" +
                                std::string(1u << 20, 'x')};
  });
  EXPECT_EQ(error_of(server_.add("content")).code(), "LfsObjectMismatch");
}

TEST_F(LfsTransferTest, AsksAgainWhenAnActionIsRefused) {
  const LfsObject object = server_.add("content");
  for (const int status : {401, 403, 404, 410}) {
    LfsServer server;
    server.add("content");
    std::atomic<bool> refused = false;
    server.set_download([&, status](const ReceivedRequest&) -> Reply {
      return refused.exchange(true) ? std::nullopt : Reply(ScriptedReply{.status = status});
    });
    LfsObjects::Options own = options();
    own.transport = server.transport();
    LfsRequest request = this->request({object});
    request.folder /= std::to_string(status);
    request.remote = server.remote();
    EXPECT_EQ(LfsObjects(own).fetch(request).downloaded, 1u) << status;
    EXPECT_EQ(server.batches().size(), 2u);
  }
}

TEST_F(LfsTransferTest, AsksAgainOnlyOnce) {
  server_.set_download([](const ReceivedRequest&) { return ScriptedReply{.status = 403, .body = "Expired"}; });
  const Error error = error_of(server_.add("content", "a.bin"));
  EXPECT_EQ(error.kind(), ErrorKind::kPermission);
  EXPECT_TRUE(contains(error, "[Expired]")) << error.what();
  EXPECT_EQ(server_.batches().size(), 2u);
  EXPECT_EQ(server_.downloads().size(), 2u);
}

TEST_F(LfsTransferTest, UsesNoActionThatHasExpired) {
  const LfsObject object = server_.add("content");
  server_.set_batch([&](const ReceivedRequest& request) -> Reply {
    ScriptedReply reply = server_.batch_answer(request);
    if (count_++ == 0) {
      const auto at = reply.body.find(R"("href")");
      reply.body.insert(at, R"("expires_at":"2020-01-01T00:00:00Z",)");
    }
    return reply;
  });
  EXPECT_EQ(fetch(object).downloaded, 1u);
  EXPECT_EQ(server_.batches().size(), 2u);
  EXPECT_EQ(server_.downloads().size(), 1u);
}

// A server whose clock is wrong says so of all its actions.
TEST_F(LfsTransferTest, TriesAnActionThatIsBornExpired) {
  const LfsObject object = server_.add("content");
  server_.set_action_members(R"(,"expires_at":"2020-01-01T00:00:00Z")");
  EXPECT_EQ(fetch(object).downloaded, 1u);
  EXPECT_EQ(server_.batches().size(), 2u);
}

TEST_F(LfsTransferTest, HoldsNoMoreOfAnErrorThanItNeeds) {
  const LfsObject object = server_.add(std::string(4u << 20, 'x'));
  server_.set_download(
      [](const ReceivedRequest&) { return ScriptedReply{.status = 500, .body = std::string(2u << 20, 'e')}; });
  const Error error = error_of(object);
  EXPECT_EQ(error.kind(), ErrorKind::kExhausted) << error.what();
}

TEST_F(LfsTransferTest, TheFirstErrorStopsTheOthers) {
  std::vector<LfsObject> objects;
  for (int i = 0; i < 8; ++i) objects.push_back(server_.add("object " + std::to_string(i)));
  // By value: the server outlives this function's variables, and requests may still be on their way at its end.
  server_.set_download([oid = objects[0].pointer.oid](const ReceivedRequest& request) {
    if (request.target.ends_with(oid)) return ScriptedReply{.status = 400};
    return ScriptedReply{.delay = milliseconds(60'000)};
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(contains(error_of(request(objects)), "HTTP 400"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(20));
}

TEST_F(LfsTransferTest, AFullDiskIsToldAtOnce) {
  const LfsObject object = server_.add(std::string(200'000, 'x'));
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit full = before;
  full.rlim_cur = 100'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  const Error error = error_of(object);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(error.kind(), ErrorKind::kExhausted) << error.what();
  EXPECT_TRUE(contains(error, "writing the LFS object")) << error.what();
  EXPECT_EQ(server_.downloads().size(), 1u);
  EXPECT_EQ(fetch(object).downloaded, 1u);
}

// The one that others caused by being stopped must not hide it.
TEST_F(LfsTransferTest, TheFirstErrorIsTheOneThatIsTold) {
  std::vector<LfsObject> objects;
  for (int i = 0; i < 40; ++i) objects.push_back(server_.add("object " + std::to_string(i)));
  server_.set_download([](const ReceivedRequest&) { return ScriptedReply{.status = 400}; });
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(contains(error_of(request(objects)), "HTTP 400"));
}

TEST_F(LfsTransferTest, ADownloadThatGetsFartherMayBeCutMoreOften) {
  const std::string content(9u << 20, 'c');
  const LfsObject object = server_.add(content);
  server_.set_download([&](const ReceivedRequest& request) {
    const std::string range = request.header("range");
    const std::size_t begin = range.empty() ? 0 : std::stoul(range.substr(6));
    const std::string rest = std::to_string(content.size() - begin);
    return ScriptedReply{.raw = (begin == 0 ? "HTTP/1.1 200 OK\r\n"
                                            : "HTTP/1.1 206 Part\r\nContent-Range: bytes " + std::to_string(begin) +
                                                  "-" + std::to_string(content.size() - 1) + "/*\r\n") +
                                "Content-Length: " + rest + "\r\n\r\n" + content.substr(begin, 1u << 20)};
  });
  EXPECT_EQ(fetch(object).downloaded, 1u);
  EXPECT_EQ(server_.downloads().size(), 9u);
  EXPECT_EQ(read(object.pointer), content);
}

TEST_F(LfsTransferTest, ADownloadThatGetsNoFartherIsGivenUp) {
  const std::string content(4u << 20, 'c');
  server_.set_download([&](const ReceivedRequest&) {
    return ScriptedReply{.raw = "HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n" + content.substr(0, 3u << 20)};
  });
  EXPECT_EQ(error_of(server_.add(content)).kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(server_.downloads().size(), 5u);
}

}  // namespace
}  // namespace penstock::git
