#include "server/listener.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/ids.h"
#include "core/base/process.h"
#include "core/http/curl_transport.h"
#include "core/json/json.h"

namespace penstock::server {
namespace {

class ListenerTest : public ::testing::Test {
 protected:
  void start(std::optional<Listener::TlsFiles> tls = std::nullopt) {
    Listener::Options options;
    options.host = "127.0.0.1";
    options.tls = tls;
    options.max_body_bytes = 1000;
    options.threads = 4;
    listener_ = std::make_unique<Listener>(options);
    listener_->route("GET", "/items/([^/]+)", [](const Request& request) {
      return Response{.body = request.captures.at(0) + " " + request.query_parameter("q").value_or("none")};
    });
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
    base_ = std::string(tls ? "https" : "http") + "://127.0.0.1:" + std::to_string(listener_->bind());
    server_ = std::jthread([this] { listener_->serve(); });
  }
  ~ListenerTest() override {
    // stop() before the accept loop runs would be lost.
    if (listener_) {
      try {
        get("/nothing");
      } catch (const Error&) {
      }
      transport_.reset();  // an open connection would be waited for
      listener_->stop();
    }
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

  Listener::TlsFiles make_certificate(const std::string& name) {
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

TEST(Listener, RefusesATakenAddressAndAMissingCertificate) {
  Listener first({.host = "127.0.0.1"});
  const int port = first.bind();
  Listener second({.host = "127.0.0.1", .port = port});
  EXPECT_THROW(second.bind(), Error);
  EXPECT_THROW(Listener({.host = "127.0.0.1", .tls = Listener::TlsFiles{"/no/crt", "/no/key"}}), Error);
}

}  // namespace
}  // namespace penstock::server
