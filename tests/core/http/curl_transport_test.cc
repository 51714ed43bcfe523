#include "core/http/curl_transport.h"

#include <atomic>
#include <cstring>
#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "tests/support/loopback_server.h"

namespace penstock::http {
namespace {

using std::chrono::milliseconds;
using testing::LoopbackServer;
using testing::ReceivedRequest;
using testing::ScriptedReply;

// Tests do not inherit the machine's proxies.
CurlTransport::Options isolated() {
  CurlTransport::Options options;
  options.variable = [](const std::string&) { return std::nullopt; };
  return options;
}

Error failure_of(CurlTransport& transport, const Request& request) {
  try {
    transport.send(request);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(ErrorKind::kInternal, "");
}

TEST(CurlTransport, SendsMethodHeadersAndBodyAndReadsTheAnswer) {
  LoopbackServer server({{.status = 418, .headers = {{"X-Thing", " a "}, {"X-Empty", ""}}, .body = "short and stout"}});
  CurlTransport transport(isolated());
  Request request{.method = "POST", .url = server.url() + "/p?q=1", .body = "hello"};
  request.headers.add("X-Mine", "yes");
  request.headers.add("X-Empty", "");
  const Response response = transport.send(request);
  EXPECT_EQ(response.status, 418);
  EXPECT_EQ(response.headers.find("x-thing"), "a");
  EXPECT_EQ(response.headers.find("x-empty"), "");
  EXPECT_EQ(response.body, "short and stout");
  const auto seen = server.requests().at(0);
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/p?q=1");
  EXPECT_EQ(seen.body, "hello");
  EXPECT_EQ(seen.header("x-mine"), "yes");
  EXPECT_EQ(seen.header("user-agent"), "penstock");
  EXPECT_EQ(seen.header("expect"), "");
  EXPECT_EQ(seen.header("content-length"), "5");
}

TEST(CurlTransport, SendsTheTargetByteForByte) {
  LoopbackServer server({ScriptedReply{}});
  CurlTransport transport(isolated());
  const std::vector<std::string> targets = {"/a/../b/./c//d", "/%2f%2F%7e~", "/k'e(y)!*,;=:@&+$",
                                            "/x?uploads",     "/x?",         "/x?b=2&a=1&a=0",
                                            "/x?a=b%3D&c==",  "//"};
  for (const std::string& target : targets) transport.send({.url = server.url() + target});
  const auto seen = server.requests();
  ASSERT_EQ(seen.size(), targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) EXPECT_EQ(seen[i].target, targets[i]);
}

TEST(CurlTransport, SendsEachMethod) {
  LoopbackServer server({ScriptedReply{.body = "text"}});
  CurlTransport transport(isolated());
  for (const char* method : {"GET", "HEAD", "DELETE", "PUT", "POST", "PATCH", "PROPFIND"}) {
    const Response response = transport.send({.method = method, .url = server.url() + "/"});
    EXPECT_EQ(response.status, 200) << method;
    EXPECT_EQ(response.body, std::string(method) == "HEAD" ? "" : "text");
    EXPECT_EQ(server.requests().back().method, method);
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(CurlTransport, ReusesConnectionsAcrossThreads) {
  LoopbackServer server({ScriptedReply{}});
  CurlTransport transport(isolated());
  for (int round = 0; round < 5; ++round) {
    std::thread([&] { transport.send({.url = server.url() + "/"}); }).join();
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(CurlTransport, ServesManyThreadsAtOnce) {
  LoopbackServer server([](const ReceivedRequest& request) { return ScriptedReply{.body = request.body}; });
  CurlTransport::Options options = isolated();
  options.max_idle_handles = 4;
  CurlTransport transport(options);
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 25; ++i) {
        const std::string body = std::to_string(thread) + ":" + std::to_string(i);
        if (transport.send({.method = "POST", .url = server.url() + "/", .body = body}).body == body) ++right;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 200);
}

TEST(CurlTransport, StreamsABodySource) {
  const std::string content(3u << 20, 'x');
  std::size_t position = 99;
  BodySource source{.size = content.size(),
                    .rewind = [&] { position = 0; },
                    .read =
                        [&](char* buffer, std::size_t size) {
                          const std::size_t count = std::min(size, content.size() - position);
                          std::memcpy(buffer, content.data() + position, count);
                          position += count;
                          return count;
                        }};
  LoopbackServer server({ScriptedReply{}});
  CurlTransport transport(isolated());
  const Request request{.method = "PUT", .url = server.url() + "/", .body_source = &source};
  EXPECT_EQ(transport.send(request).status, 200);
  EXPECT_EQ(transport.send(request).status, 200);
  for (const auto& seen : server.requests()) EXPECT_EQ(seen.body, content);
  // A long upload asks first.
  EXPECT_EQ(server.requests().at(0).header("expect"), "100-continue");
}

TEST(CurlTransport, ThrowsWhatTheBodySourceThrows) {
  BodySource source{.size = 10,
                    .rewind = [] {},
                    .read = [](char*, std::size_t) -> std::size_t {
                      throw Error(ErrorKind::kCorrupt, "reading the file: it changed");
                    }};
  LoopbackServer server({ScriptedReply{}});
  CurlTransport transport(isolated());
  const Error error = failure_of(transport, {.method = "PUT", .url = server.url() + "/", .body_source = &source});
  EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
}

TEST(CurlTransport, RefusesABodySourceThatEndsEarly) {
  BodySource source{.size = 10, .rewind = [] {}, .read = [](char*, std::size_t) -> std::size_t { return 0; }};
  LoopbackServer server({ScriptedReply{}});
  CurlTransport transport(isolated());
  const Error error = failure_of(transport, {.method = "PUT", .url = server.url() + "/", .body_source = &source});
  EXPECT_EQ(error.kind(), ErrorKind::kInternal);
}

TEST(CurlTransport, GivesSuccessfulBodiesToTheSink) {
  LoopbackServer server({{.body = "streamed"}, {.status = 404, .body = "collected"}});
  CurlTransport transport(isolated());
  std::string streamed;
  Request request{.url = server.url() + "/"};
  request.on_body = [&](std::string_view piece) { streamed += piece; };
  EXPECT_EQ(transport.send(request).body, "");
  EXPECT_EQ(transport.send(request).body, "collected");
  EXPECT_EQ(streamed, "streamed");
}

TEST(CurlTransport, TellsWhatIsStreamedBeforeItsFirstPiece) {
  LoopbackServer server({ScriptedReply{.status = 206, .headers = {{"Content-Range", "bytes 3-8/9"}}, .body = "pieces"},
                         ScriptedReply{.status = 404, .body = "none"}});
  CurlTransport transport(isolated());
  std::string order;
  Request request{.url = server.url() + "/"};
  request.on_head = [&](const Response& head) {
    order += std::to_string(head.status) + " " + std::string(head.headers.find("content-range").value_or("")) + ": ";
  };
  request.on_body = [&](std::string_view piece) { order += piece; };
  transport.send(request);
  EXPECT_EQ(transport.send(request).body, "none");
  EXPECT_EQ(order, "206 bytes 3-8/9: pieces");
}

TEST(CurlTransport, EndsARequestWhoseAnswerIsNotWanted) {
  LoopbackServer server({ScriptedReply{.body = "unwanted"}});
  CurlTransport transport(isolated());
  Request request{.url = server.url() + "/"};
  request.on_head = [](const Response&) { throw Error(ErrorKind::kConflict, "not that one"); };
  request.on_body = [](std::string_view) { FAIL() << "the head was refused"; };
  EXPECT_EQ(failure_of(transport, request).kind(), ErrorKind::kConflict);
}

TEST(CurlTransport, BoundsAnErrorsBodyWhereOthersAreStreamed) {
  LoopbackServer server({ScriptedReply{.status = 500, .body = std::string((1u << 20) + 1, 'x')}});
  CurlTransport transport(isolated());
  Request request{.url = server.url() + "/", .max_response_bytes = 1u << 30};
  request.on_body = [](std::string_view) {};
  EXPECT_EQ(failure_of(transport, request).kind(), ErrorKind::kExhausted);
  request.on_body = {};
  EXPECT_EQ(transport.send(request).body.size(), (1u << 20) + 1);
}

TEST(CurlTransport, BoundsTheAnswer) {
  LoopbackServer server({ScriptedReply{.body = std::string(2000, 'x')}});
  CurlTransport transport(isolated());
  const Error error = failure_of(transport, {.url = server.url() + "/", .max_response_bytes = 1999});
  EXPECT_EQ(error.kind(), ErrorKind::kExhausted);
  EXPECT_TRUE(error.may_have_happened());
  EXPECT_EQ(transport.send({.url = server.url() + "/", .max_response_bytes = 2000}).body.size(), 2000u);
}

TEST(CurlTransport, BoundsTheHeader) {
  std::string raw = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 400; ++i) raw += "X-Filler: " + std::string(1000, 'x') + "\r\n";
  LoopbackServer server({ScriptedReply{.raw = raw + "\r\n"}});
  CurlTransport transport(isolated());
  EXPECT_EQ(failure_of(transport, {.url = server.url() + "/"}).kind(), ErrorKind::kExhausted);
}

TEST(CurlTransport, KeepsInterimAnswersAndTrailersOutOfTheAnswer) {
  LoopbackServer server({ScriptedReply{.raw = "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
                                              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Late: 1\r\n\r\n"
                                              "2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n"}});
  CurlTransport transport(isolated());
  const Response response = transport.send({.url = server.url() + "/"});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "ok");
  EXPECT_FALSE(response.headers.find("x-early"));
  EXPECT_TRUE(response.headers.find("x-late"));
  EXPECT_FALSE(response.headers.find("x-trailer"));
}

TEST(CurlTransport, NeverFollowsARedirect) {
  LoopbackServer server({{.status = 302, .headers = {{"Location", "/elsewhere"}}}});
  CurlTransport transport(isolated());
  EXPECT_EQ(transport.send({.url = server.url() + "/"}).status, 302);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST(CurlTransport, TimesOut) {
  LoopbackServer server({ScriptedReply{.delay = milliseconds(60000)}});
  CurlTransport transport(isolated());
  const Error error = failure_of(
      transport, {.method = "POST", .url = server.url() + "/", .body = "x", .total_timeout = milliseconds(100)});
  EXPECT_EQ(error.kind(), ErrorKind::kTimeout);
  EXPECT_TRUE(error.may_have_happened());
}

TEST(CurlTransport, NoticesAStalledTransfer) {
  LoopbackServer server({ScriptedReply{.delay = milliseconds(60000)}});
  CurlTransport transport(isolated());
  EXPECT_EQ(failure_of(transport, {.url = server.url() + "/", .stall_timeout = std::chrono::seconds(1)}).kind(),
            ErrorKind::kTimeout);
}

TEST(CurlTransport, IsStoppedAtOnce) {
  std::stop_source stop;
  LoopbackServer server([&](const ReceivedRequest&) {
    stop.request_stop();
    return ScriptedReply{.delay = milliseconds(60000)};
  });
  CurlTransport transport(isolated());
  const auto start = std::chrono::steady_clock::now();
  const Error error = failure_of(transport, {.url = server.url() + "/", .stop = stop.get_token()});
  EXPECT_EQ(error.kind(), ErrorKind::kCancelled);
  EXPECT_TRUE(error.may_have_happened());
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(900));
  const Error again = failure_of(transport, {.url = server.url() + "/", .stop = stop.get_token()});
  EXPECT_EQ(again.kind(), ErrorKind::kCancelled);
  EXPECT_FALSE(again.may_have_happened());
}

TEST(CurlTransport, KnowsThatARefusedConnectionCarriedNothing) {
  int port = 0;
  {
    LoopbackServer server({ScriptedReply{}});
    port = server.port();
  }
  CurlTransport transport(isolated());
  const Error error = failure_of(
      transport,
      {.method = "POST", .url = "http://127.0.0.1:" + std::to_string(port) + "/p?secret=hunter2", .body = "x"});
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_FALSE(error.may_have_happened());
  EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos) << error.what();
  EXPECT_NE(std::string(error.what()).find("requesting POST \"http://127.0.0.1:"), std::string::npos) << error.what();
}

TEST(CurlTransport, KnowsThatADroppedRequestMayHaveBeenCarriedOut) {
  LoopbackServer server({ScriptedReply{.drop = true}});
  CurlTransport transport(isolated());
  const Error error = failure_of(transport, {.method = "POST", .url = server.url() + "/", .body = "x"});
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_TRUE(error.may_have_happened());
}

TEST(CurlTransport, ReportsAConnectionResetBeforeItWasRead) {
  LoopbackServer server([](const ReceivedRequest&) { return ScriptedReply{}; }, {.drop_before_reading = true});
  CurlTransport transport(isolated());
  const Error error = failure_of(transport, {.method = "POST", .url = server.url() + "/", .body = "x"});
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
}

TEST(CurlTransport, DoesNotRepeatARequestThatWentOutOnADeadConnection) {
  // The second request on the connection is read and dropped: libcurl would send it again by itself.
  LoopbackServer server([](const ReceivedRequest& request) { return ScriptedReply{.drop = request.index == 1}; });
  CurlTransport transport(isolated());
  const Request request{.method = "POST", .url = server.url() + "/", .body = "once"};
  EXPECT_EQ(transport.send(request).status, 200);
  const Error error = failure_of(transport, request);
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_TRUE(error.may_have_happened());
  EXPECT_EQ(server.requests().size(), 2u);
  EXPECT_EQ(transport.send(request).status, 200);
}

TEST(CurlTransport, OpensAFreshConnectionWhenTheServerClosedTheIdleOne) {
  LoopbackServer server({ScriptedReply{.close_after = true}});
  CurlTransport transport(isolated());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(transport.send({.method = "POST", .url = server.url() + "/", .body = "x"}).status, 200);
    while (server.closed_connections() <= i) std::this_thread::yield();
  }
  EXPECT_EQ(server.connections(), 3);
}

TEST(CurlTransport, ReportsGarbage) {
  LoopbackServer server({ScriptedReply{.raw = "SSH-2.0-OpenSSH_9.2\r\n"}});
  CurlTransport transport(isolated());
  const Error error = failure_of(transport, {.url = server.url() + "/"});
  EXPECT_TRUE(error.may_have_happened());
}

TEST(CurlTransport, ReportsATruncatedAnswer) {
  LoopbackServer server({ScriptedReply{.headers = {{"Content-Length", "100"}}, .body = "short", .close_after = true}});
  CurlTransport transport(isolated());
  const Error error = failure_of(transport, {.url = server.url() + "/"});
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_TRUE(error.may_have_happened());
}

TEST(CurlTransport, RefusesAnUntrustedCertificateAndAcceptsItsCa) {
  LoopbackServer server([](const ReceivedRequest&) { return ScriptedReply{.body = "safe"}; }, {.tls = true});
  CurlTransport distrusting(isolated());
  const Error error = failure_of(distrusting, {.url = server.url() + "/"});
  EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
  EXPECT_FALSE(error.may_have_happened());

  const TemporaryDirectory directory;
  CurlTransport::Options options = isolated();
  options.ca_file = directory.path() / "ca.pem";
  CurlTransport missing(options);
  EXPECT_EQ(failure_of(missing, {.url = server.url() + "/"}).kind(), ErrorKind::kConfiguration);
  write_file_atomically(options.ca_file, server.certificate_pem());
  CurlTransport trusting(options);
  EXPECT_EQ(trusting.send({.url = server.url() + "/"}).body, "safe");
  EXPECT_EQ(trusting.send({.url = server.url() + "/"}).body, "safe");
}

TEST(CurlTransport, UsesTheProxyOfTheEnvironmentUnlessExempt) {
  LoopbackServer proxy([](const ReceivedRequest& request) {
    if (request.method == "CONNECT") return ScriptedReply{.status = 407};
    return ScriptedReply{.body = "proxied"};
  });
  std::map<std::string, std::string> environment = {
      {"HTTP_PROXY", proxy.url()}, {"https_proxy", proxy.url()}, {"NO_PROXY", "exempt.invalid"}};
  CurlTransport::Options options = isolated();
  options.variable = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  };
  CurlTransport transport(options);
  EXPECT_EQ(transport.send({.url = "http://some.invalid/a/../b?c"}).body, "proxied");
  EXPECT_EQ(proxy.requests().at(0).target, "http://some.invalid/a/../b?c");

  const Error refused = failure_of(transport, {.method = "POST", .url = "https://some.invalid/x", .body = "x"});
  EXPECT_EQ(refused.kind(), ErrorKind::kConfiguration);
  EXPECT_FALSE(refused.may_have_happened());
  EXPECT_NE(std::string(refused.what()).find("407"), std::string::npos);

  EXPECT_FALSE(failure_of(transport, {.url = "http://exempt.invalid/"}).may_have_happened());
  EXPECT_FALSE(failure_of(transport, {.url = "http://some.invalid/", .proxy = ProxyUse::kNever}).may_have_happened());
  EXPECT_EQ(proxy.requests().size(), 2u);
}

struct Malformed {
  const char* name;
  Request request;
  ErrorKind kind;
};

TEST(CurlTransport, RefusesMalformedRequests) {
  Request smuggled{.url = "http://127.0.0.1:1/"};
  smuggled.headers.add("X", "a\r\nY: b");
  Request bad_name{.url = "http://127.0.0.1:1/"};
  bad_name.headers.add("X: y", "a");
  const std::vector<Malformed> cases = {
      {"scheme", {.url = "file:///etc/passwd"}, ErrorKind::kConfiguration},
      {"user info", {.url = "http://user:hunter2@127.0.0.1:1/"}, ErrorKind::kConfiguration},
      {"method", {.method = "GET / HTTP/1.1\r\nX:", .url = "http://127.0.0.1:1/"}, ErrorKind::kInvalidInput},
      {"header value", smuggled, ErrorKind::kInvalidInput},
      {"header name", bad_name, ErrorKind::kInvalidInput},
  };
  CurlTransport transport(isolated());
  for (const auto& [name, request, kind] : cases) {
    const Error error = failure_of(transport, request);
    EXPECT_EQ(error.kind(), kind) << name << ": " << error.what();
    EXPECT_FALSE(error.may_have_happened()) << name;
    EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace penstock::http
