// One AWS service: endpoint, signing, retries with a token bucket, clock-skew correction, error classification.
// The service clients (codepipeline.h, s3.h, secrets_manager.h, sts.h) are thin over this.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "core/aws/credentials.h"
#include "core/base/time.h"
#include "core/http/transport.h"

namespace penstock::aws {

struct Endpoint {
  std::string url;      // "https://codepipeline.eu-central-1.amazonaws.com", no trailing slash
  std::string region;   // signing region
  bool custom = false;  // set by configuration or AWS_ENDPOINT_URL
};

struct ClientOptions {
  std::string service;  // signing name: "codepipeline", "s3", …
  Endpoint endpoint;
  int max_attempts = 3;
  std::chrono::milliseconds request_timeout{30000};
};

// Thread-safe; shares connections through the transport. The retry bucket and the clock offset belong to the object.
class Client {
 public:
  Client(ClientOptions options, std::shared_ptr<http::HttpTransport> transport,
         std::shared_ptr<CredentialsProvider> credentials, const Clock& clock);
  ~Client();

  struct Call {
    std::string method = "POST";
    std::string path = "/";  // percent-encoded, sent as is
    std::string query;       // percent-encoded
    http::Headers headers;
    std::string body;
    const http::BodySource* body_source = nullptr;
    std::string payload_sha256;  // lower-case hex when the caller knows it; else computed over `body`
    bool sign = true;
    // Overrides for one call (S3: other host per bucket, the job's credentials, a redirect's region).
    std::optional<Endpoint> endpoint;
    CredentialsProvider* credentials = nullptr;
    std::chrono::milliseconds timeout{0};  // 0 = the client's
    std::function<void(std::string_view)> on_body;
    std::stop_token stop;
    int max_attempts = 0;  // 0 = the client's
    // For the protocols: (status, headers, body) -> error code, empty = success. Used to see errors in 200 answers.
    std::function<std::string(const http::Response&)> error_code;
  };
  // Signs, sends, retries. Returns 2xx answers (and 3xx/4xx when `return_failures`); throws Error otherwise.
  http::Response send(const Call& call);

  // awsJson1_1 in one step: target "CodePipeline_20150709.PollForJobs", JSON text in, JSON text out.
  std::string call_json(const std::string& target, const std::string& body, std::stop_token stop = {});

  const ClientOptions& options() const noexcept { return options_; }

 private:
  struct State;
  ClientOptions options_;
  std::unique_ptr<State> state_;
};

}  // namespace penstock::aws
