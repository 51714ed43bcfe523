// HttpTransport on libcurl.
//
// Connections are kept and reused: a request takes an idle libcurl handle, preferably the one that talked to the same
// origin last, and gives it back with its connections open. DNS answers and TLS sessions are shared by all handles.
// Certificates are verified always, TLS 1.2 is the minimum, and only http and https are spoken.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/http/transport.h"

namespace penstock::http {

class CurlTransport final : public HttpTransport {
 public:
  struct Options {
    std::string user_agent = "penstock";  // for requests that bring none
    std::string ca_file;                  // PEM bundle that replaces the system's; empty = the system's
    // More handles than this may be in use at once, but only so many stay open afterwards.
    std::size_t max_idle_handles = 32;
    std::chrono::seconds max_idle_time{50};  // an idle connection older than this is not used again
    // HTTP/2 wins nothing while each connection carries one request at a time.
    enum class Version { kHttp1, kHttp2OverTls } version = Version::kHttp1;
    // Looks up https_proxy, http_proxy, all_proxy and no_proxy (each also in upper case); the process environment
    // when empty. Read once, by the constructor.
    std::function<std::optional<std::string>(const std::string& name)> variable;
  };

  CurlTransport();
  explicit CurlTransport(Options options);
  ~CurlTransport() override;

  // A request is never sent twice behind the caller's back: where libcurl would repeat one on a fresh connection after
  // its body went out on a dead one, it fails with may_have_happened() instead, and the caller decides.
  Response send(const Request& request) override;

 private:
  struct Pool;
  std::unique_ptr<Pool> pool_;
};

}  // namespace penstock::http
