// Shared by the tests of this folder: a transport that plays a script, and credentials.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/aws/client.h"
#include "core/base/error.h"
#include "tests/support/fake_clock.h"

namespace penstock::aws {

inline const std::string kSecretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

inline Credentials test_credentials(std::string token = "") {
  Credentials credentials;
  credentials.access_key_id = "AKIDEXAMPLE";
  credentials.secret_access_key = Secret(kSecretKey);
  credentials.session_token = Secret(std::move(token));
  return credentials;
}

inline http::Response answer(int status, std::string body = "",
                             std::vector<std::pair<std::string, std::string>> headers = {}) {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  for (auto& [name, value] : headers) response.headers.add(std::move(name), std::move(value));
  return response;
}

// Thread-safe. Reads body sources like a real transport, so that their faults show.
class FakeTransport final : public http::HttpTransport {
 public:
  struct Sent {
    std::string method, url, body;
    http::Headers headers;
    http::ProxyUse proxy = http::ProxyUse::kFromEnvironment;
    std::string header(std::string_view name) const { return std::string(headers.find(name).value_or("")); }
  };
  using Handler = std::function<http::Response(const Sent& sent, int index)>;

  explicit FakeTransport(Handler handler) : handler_(std::move(handler)) {}

  http::Response send(const http::Request& request) override {
    Sent sent{request.method, request.url, request.body, request.headers, request.proxy};
    if (request.stop.stop_requested()) throw Error(ErrorKind::kCancelled, "stopped");
    if (const http::BodySource* source = request.body_source) {
      source->rewind();
      std::vector<char> buffer(256u << 10);
      sent.body.reserve(source->size);
      while (const std::size_t count = source->read(buffer.data(), buffer.size()))
        sent.body.append(buffer.data(), count);
    }
    int index = 0;
    {
      std::lock_guard guard(mutex_);
      index = static_cast<int>(sent_.size());
      sent_.push_back(sent);
      if (sent.body.size() > kMaxKept) sent_.back().body.clear();
    }
    http::Response response = handler_(sent, index);
    if (request.on_body && response.status / 100 == 2) {
      // "test-cut: N": the connection breaks after so many bytes.
      const auto cut = response.headers.find("test-cut");
      if (cut) response.body.resize(std::min(response.body.size(), std::size_t{std::stoul(std::string(*cut))}));
      if (request.on_head && !response.body.empty()) request.on_head(response);
      if (!response.body.empty()) request.on_body(response.body);
      if (cut) throw Error(ErrorKind::kUnavailable, "requesting: broken").with_may_have_happened(true);
      response.body.clear();
    }
    return response;
  }

  std::vector<Sent> sent() const {
    std::lock_guard guard(mutex_);
    return sent_;
  }

 private:
  static constexpr std::size_t kMaxKept = 1u << 20;
  Handler handler_;
  mutable std::mutex mutex_;
  std::vector<Sent> sent_;
};

[[noreturn]] inline void throw_network(ErrorKind kind, bool may_have_happened) {
  throw Error(kind, "requesting POST \"https://host/\": broken").with_may_have_happened(may_have_happened);
}

template <typename Function>
Error error_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorKind::kInternal, "nothing was thrown");
}

}  // namespace penstock::aws
