#include "core/listener/listener.h"

#include <array>
#include <atomic>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/ids.h"
#include "core/base/process.h"
#include "core/http/curl_transport.h"
#include "core/json/json.h"

namespace penstock::listener {
namespace {

class ListenerTest : public ::testing::Test {
 protected:
  void start(std::optional<TlsFiles> tls = std::nullopt) {
    if (options_.addresses.empty()) options_.addresses = {{.host = "127.0.0.1", .unix_path = {}}};
    options_.tls = tls;
    options_.max_body_bytes = 1000;
    options_.threads = 4;
    listener_ = std::make_unique<Listener>(options_, clock_, log_);
    listener_->route("GET", "/items/{item}", [](const Request& request) {
      return Response{.body = request.captures.at(0) + " " + request.query_parameter("q").value_or("none")};
    });
    listener_->route_async("POST", "/later", [this](const Request& request, const Reply& reply) {
      std::lock_guard lock(later_mutex_);
      later_.emplace_back([body = request.body, reply] { reply.send({.body = body}); });
    });
    listener_->route_async(
        "POST", "/now", [](const Request& request, const Reply& reply) { reply.send({.body = request.peer_address}); });
    listener_->route_async("POST", "/never", [](const Request&, const Reply&) {});
    listener_->route("POST", "/echo", [](const Request& request) {
      return Response{.status = 202, .body = request.header("x-twice").value_or("") + request.body};
    });
    listener_->route("GET", "/throws",
                     [](const Request&) -> Response { throw Error(ErrorKind::kInternal, "inner secret"); });
    listener_->route("GET", "/stream", [](const Request&) {
      Response response;
      response.stream = [left = 3](const std::function<bool(std::string_view)>& write) mutable {
        write("piece;");
        return --left > 0;
      };
      return response;
    });
    port_ = listener_->bind();
    base_ = std::string(tls ? "https" : "http") + "://127.0.0.1:" + std::to_string(port_);
    server_ = std::jthread([this] { listener_->serve(); });
  }
  ~ListenerTest() override {
    if (listener_) listener_->stop();
    server_ = {};
  }

  http::Response get(const std::string& path) {
    http::Request request;
    request.url = base_ + path;
    return transport().send(request);
  }
  http::Response post(const std::string& path, const std::string& body) {
    http::Request request;
    request.method = "POST";
    request.url = base_ + path;
    request.body = body;
    request.headers.add("Content-Type", "application/json");
    request.headers.add("X-Twice", "a");
    request.headers.add("X-Twice", "b");
    return transport().send(request);
  }
  http::CurlTransport& transport() {
    if (!transport_) {
      http::CurlTransport::Options options;
      options.ca_file = ca_file_;
      transport_ = std::make_unique<http::CurlTransport>(options);
    }
    return *transport_;
  }

  TlsFiles make_certificate(const std::string& name) {
    const auto certificate = folder_.path() / (name + ".crt");
    const auto key = folder_.path() / (name + ".key");
    ProcessOptions options;
    options.argv = {"openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:prime256v1",
                    "-nodes",
                    "-days",
                    "2",
                    "-subj",
                    "/CN=" + name,
                    "-addext",
                    "subjectAltName=IP:127.0.0.1",
                    "-keyout",
                    key.native(),
                    "-out",
                    certificate.native()};
    if (!run_process(options).succeeded()) throw std::runtime_error("openssl failed");
    return {certificate, key};
  }

  // A client that says what it is told to, byte by byte.
  class Raw {
   public:
    explicit Raw(UniqueFd socket) : socket_(std::move(socket)) {
      const timeval patience{.tv_sec = 10, .tv_usec = 0};
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    Raw& send(std::string_view text) {
      EXPECT_EQ(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
      return *this;
    }
    // All that comes until the text has come, or the end.
    std::string read_until(std::string_view text) {
      std::string all;
      std::array<char, 4096> buffer;
      while (all.find(text) == std::string::npos) {
        const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
        if (got <= 0) return all + (got == 0 ? "<end>" : "<nothing>");
        all.append(buffer.data(), static_cast<std::size_t>(got));
      }
      return all;
    }
    std::string read_all() { return read_until("<never>"); }

   private:
    UniqueFd socket_;
  };
  Raw raw() const {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(static_cast<std::uint16_t>(port_));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
    return Raw(std::move(socket));
  }
  void answer_later() {
    std::vector<std::function<void()>> answers;
    while (answers.empty()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      std::lock_guard lock(later_mutex_);
      answers.swap(later_);
    }
    for (const auto& answer : answers) answer();
  }

  const SystemClock clock_;
  const telemetry::Log log_{{.level = telemetry::LogLevel::kOff}};
  Listener::Options options_;
  int port_ = 0;
  std::mutex later_mutex_;
  std::vector<std::function<void()>> later_;
  const TemporaryDirectory folder_;
  std::string ca_file_;
  std::string base_;
  std::unique_ptr<http::CurlTransport> transport_;
  std::unique_ptr<Listener> listener_;
  std::jthread server_;
};

TEST_F(ListenerTest, RoutesWithCapturesAndQuery) {
  start();
  EXPECT_EQ(get("/items/a%20b?q=c%26d").body, "a b c&d");
  EXPECT_EQ(get("/items/x").body, "x none");
}

TEST_F(ListenerTest, JoinsRepeatedHeadersAndNamesTheRequest) {
  start();
  const http::Response response = post("/echo", "!");
  EXPECT_EQ(response.status, 202);
  EXPECT_EQ(response.body, "a, b!");
  EXPECT_TRUE(is_uuid(response.headers.find("X-Request-Id").value_or("")));
}

TEST_F(ListenerTest, BoundsBodies) {
  start();
  EXPECT_EQ(post("/echo", std::string(998, 'x')).status, 202);
  EXPECT_EQ(post("/echo", std::string(1001, 'x')).status, 413);
}

TEST_F(ListenerTest, UnknownAddressesAreProblems) {
  start();
  const http::Response response = get("/no/such");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.headers.find("Content-Type"), "application/problem+json");
  EXPECT_EQ(json::parse_json(response.body, "problem")["status"], 404);
}

TEST_F(ListenerTest, AnErrorInsideDoesNotShowOutside) {
  start();
  const http::Response response = get("/throws");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body.find("secret"), std::string::npos);
}

TEST_F(ListenerTest, StreamsInPieces) {
  start();
  EXPECT_EQ(get("/stream").body, "piece;piece;piece;");
}

TEST_F(ListenerTest, ServesSeveralClientsAtOnce) {
  start();
  transport();
  std::vector<std::jthread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      for (int j = 0; j < 20; ++j) good += get("/items/x").status == 200;
    });
  }
  clients.clear();
  EXPECT_EQ(good, 160);
}

TEST_F(ListenerTest, PresentsARenewedCertificateAndKeepsTheOldOneWhenItIsBroken) {
  const auto first = make_certificate("first");
  const auto second = make_certificate("second");
  ca_file_ = first.certificate;
  start(first);
  EXPECT_EQ(get("/items/x").status, 200);
  EXPECT_GT(*listener_->certificate_expiry(), SystemClock().now());
  EXPECT_THROW(listener_->use_certificate({first.certificate, second.private_key}), Error);
  EXPECT_EQ(get("/items/x").status, 200);

  listener_->use_certificate(second);
  ca_file_ = second.certificate;
  transport_.reset();
  EXPECT_EQ(get("/items/x").status, 200);
}

TEST_F(ListenerTest, RefusesATakenAddressAndAMissingCertificate) {
  start();
  Listener second({.addresses = {{.host = "127.0.0.1", .port = port_, .unix_path = {}}}, .is_trusted_proxy = {}},
                  clock_, log_);
  EXPECT_THROW(second.bind(), Error);
  Listener::Options options;
  options.tls = TlsFiles{"/no/crt", "/no/key"};
  EXPECT_THROW(Listener(options, clock_, log_), Error);
}

TEST_F(ListenerTest, AnswersPipelinedRequestsInTheirOrder) {
  start();
  Raw client = raw();
  client.send(
      "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nfirst"
      "GET /items/second HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  answer_later();
  const std::string text = client.read_all();
  EXPECT_LT(text.find("first"), text.find("second none")) << text;
  EXPECT_NE(text.find("<end>"), std::string::npos);
}

TEST_F(ListenerTest, AnswersFromAnotherThreadAndOnlyOnce) {
  start();
  Raw client = raw();
  client.send("POST /later HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  std::vector<std::function<void()>> answers;
  while (answers.empty()) {
    std::lock_guard lock(later_mutex_);
    answers = later_;
  }
  std::jthread other([&] { answers.front()(); });
  EXPECT_NE(client.read_until("abc").find(" 200 OK"), std::string::npos);
  answers.front()();
  client.send("GET /items/x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(client.read_until("x none").find(" 200 OK"), std::string::npos);
}

TEST_F(ListenerTest, ARequestThatNobodyAnswersIsToComeAgain) {
  start();
  Raw client = raw();
  client.send("POST /never HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string text = client.read_all();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 503 ")) << text;
  EXPECT_NE(text.find("Retry-After: "), std::string::npos);
}

TEST_F(ListenerTest, ALateAnswerIs503AndComesToNobodyElse) {
  options_.reply_timeout = std::chrono::seconds(0);
  start();
  Raw client = raw();
  client.send("POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nlate");
  const std::string text = client.read_all();
  EXPECT_NE(text.find(" 503 "), std::string::npos) << text;
  EXPECT_NE(text.find("Retry-After: "), std::string::npos);
  answer_later();
}

TEST_F(ListenerTest, EndsSlowHeadsAndBodiesWith408) {
  options_.head_timeout = std::chrono::seconds(0);
  options_.body_timeout = std::chrono::seconds(0);
  start();
  Raw head = raw(), body = raw();
  head.send("GET / HT");
  body.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_NE(head.read_all().find(" 408 "), std::string::npos);
  EXPECT_NE(body.read_all().find(" 408 "), std::string::npos);
  EXPECT_EQ(listener_->stats().timeouts, 2u);
}

TEST_F(ListenerTest, SaysContinueOnlyWhenItWantsTheBody) {
  start();
  Raw client = raw();
  client.send("POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_NE(client.send("ab").read_until("127.0.0.1").find(" 200 "), std::string::npos);
  Raw large = raw();
  large.send("POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  const std::string text = large.read_all();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 413 ")) << text;
}

TEST_F(ListenerTest, RefusesAChunkedBodyAtItsLimitAndCloses) {
  start();
  Raw client = raw();
  client.send("POST /now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n");
  EXPECT_NE(client.read_all().find(" 413 "), std::string::npos);
}

TEST_F(ListenerTest, KnowsTheMethodsOfAPath) {
  start();
  Raw client = raw();
  client.send("OPTIONS /items/a HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string options = client.read_until("\r\n\r\n");
  EXPECT_TRUE(options.starts_with("HTTP/1.1 204 "));
  EXPECT_NE(options.find("Allow: GET, HEAD, OPTIONS"), std::string::npos);
  EXPECT_EQ(options.find("Content-Length"), std::string::npos);
  client.send("PUT /items/a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(client.read_until("\r\n\r\n{").starts_with("HTTP/1.1 405 "));
  Raw other = raw();
  other.send("BREW /items/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(other.read_all().starts_with("HTTP/1.1 501 "));
  Raw head = raw();
  head.send("HEAD /items/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string text = head.read_all();
  EXPECT_NE(text.find("Content-Length: 6\r\n"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\r\n\r\n<end>"));
}

TEST_F(ListenerTest, RefusesAmbiguousRequestsAndCloses) {
  start();
  Raw client = raw();
  client.send(
      "POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
      "GET /items/smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string text = client.read_all();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 400 ")) << text;
  EXPECT_EQ(text.find("smuggled"), std::string::npos);
  EXPECT_EQ(listener_->stats().bad_requests, 1u);
}

TEST_F(ListenerTest, BoundsConnectionsOfOneAddress) {
  options_.max_connections_per_address = 2;
  start();
  Raw first = raw(), second = raw(), third = raw();
  first.send("GET /items/x HTTP/1.1\r\nHost: h\r\n\r\n").read_until("none");
  EXPECT_EQ(third.read_all(), "<end>");
  EXPECT_EQ(listener_->stats().refused_connections, 1u);
}

TEST_F(ListenerTest, MakesRoomByClosingWhoIdlesLongest) {
  options_.max_connections = 2;
  options_.loops = 1;
  start();
  Raw first = raw(), second = raw();
  second.send("GET /items/x HTTP/1.1\r\nHost: h\r\n\r\n").read_until("none");
  Raw third = raw();
  EXPECT_NE(third.send("GET /items/y HTTP/1.1\r\nHost: h\r\n\r\n").read_until("none").find("y none"),
            std::string::npos);
  EXPECT_EQ(first.read_all(), "<end>");
}

TEST_F(ListenerTest, BelievesTheProxyHeaderOfTrustedAddressesOnly) {
  options_.proxy_protocol = true;
  options_.is_trusted_proxy = [](const std::string& address) { return address == "127.0.0.1"; };
  start();
  Raw proxy = raw();
  proxy.send("PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\nPOST /now HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(proxy.read_until("192.0.2.7").find(" 200 "), std::string::npos);
  Raw plain = raw();
  plain.send("POST /now HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(plain.read_until("HTTP").find("200"), std::string::npos);
}

TEST_F(ListenerTest, StopsAtOnceWhenConnectionsOnlyIdle) {
  start();
  Raw idle = raw(), active = raw();
  active.send("GET /items/x HTTP/1.1\r\nHost: h\r\n\r\n").read_until("none");
  listener_->stop();
  server_.join();
  EXPECT_EQ(idle.read_all(), "<end>");
  EXPECT_EQ(listener_->stats().open, 0u);
}

TEST_F(ListenerTest, AnswersWhatIsInProgressBeforeItEnds) {
  start();
  Raw client = raw();
  client.send("POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nwork");
  std::vector<std::function<void()>> answers;
  while (answers.empty()) {
    std::lock_guard lock(later_mutex_);
    answers.swap(later_);
  }
  listener_->stop();
  answers.front()();
  const std::string text = client.read_all();
  EXPECT_NE(text.find(" 200 OK"), std::string::npos);
  EXPECT_NE(text.find("Connection: close"), std::string::npos);
  server_.join();
}

TEST_F(ListenerTest, DoesNotWaitForSlowClientsWhenItEnds) {
  options_.reply_timeout = std::chrono::seconds(1);
  start();
  Raw client = raw();
  client.send("POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nslow");
  while (listener_->stats().requests == 0) std::this_thread::yield();
  listener_->stop();
  server_.join();
  EXPECT_NE(client.read_all().find(" 408 "), std::string::npos);
}

TEST_F(ListenerTest, ListensOnAUnixSocket) {
  const std::string path = (folder_.path() / "s").native();
  options_.addresses = {{.unix_path = path}};
  start();
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof name.sun_path - 1);
  ASSERT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  Raw client(std::move(socket));
  client.send("GET /items/x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(client.read_until("none").find("x none"), std::string::npos);
}

}  // namespace
}  // namespace penstock::listener
