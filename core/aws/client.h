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
#include "core/base/error.h"
#include "core/base/time.h"
#include "core/http/transport.h"

namespace penstock::aws {

struct Endpoint {
  std::string url = {};     // "https://codepipeline.eu-central-1.amazonaws.com", no trailing slash
  std::string region = {};  // signing region
  bool custom = false;      // set by configuration or AWS_ENDPOINT_URL
};

struct ClientOptions {
  std::string service = {};  // signing name: "codepipeline", "s3", …
  Endpoint endpoint = {};
  int max_attempts = 3;
  std::chrono::milliseconds request_timeout{30000};  // of one attempt
  // Told of each attempt that is repeated: "calling codepipeline:PollForJobs: HTTP 400 ThrottlingException …". Called
  // on the caller's thread; must be thread-safe.
  std::function<void(const std::string& message)> on_retry = {};
  // Told of each call when it has ended, with all its attempts: null = it was answered. Likewise.
  std::function<void(const std::string& service, const std::string& operation, const Error* failure,
                     std::chrono::duration<double> took)>
      on_call = {};
  // Chance and waiting, which tests replace. `sleep` returns early when stopped.
  std::function<double()> random_unit = {};
  std::function<void(std::chrono::milliseconds, const std::stop_token&)> sleep = {};
};

// Thread-safe; shares connections through the transport. The retry bucket and the clock offset belong to the object.
class Client {
 public:
  Client(ClientOptions options, std::shared_ptr<http::HttpTransport> transport,
         std::shared_ptr<CredentialsProvider> credentials, const Clock& clock);
  ~Client();

  struct Call {
    std::string name = {};  // for messages: "PollForJobs"
    std::string method = "POST";
    std::string path = "/";  // percent-encoded, sent as is below the endpoint's own path
    std::string query = {};  // percent-encoded
    http::Headers headers = {};
    std::string body = {};
    const http::BodySource* body_source = nullptr;
    std::string payload_sha256 = {};  // lower-case hex when the caller knows it; else computed over `body`
    bool sign = true;
    // Overrides for one call (S3: other host per bucket, the job's credentials, a redirect's region).
    std::optional<Endpoint> endpoint = {};
    CredentialsProvider* credentials = nullptr;
    std::chrono::milliseconds timeout{0};  // 0 = the client's
    // Gets a successful body in pieces. An attempt that breaks after the first piece is not repeated.
    std::function<void(std::string_view)> on_body = {};
    // As http::Request has it.
    std::function<void(const http::Response&)> on_head = {};
    std::size_t max_response_bytes = 16u << 20;
    std::stop_token stop = {};
    int max_attempts = 0;  // 0 = the client's
    // Sees errors in 2xx answers: the error code, empty = success.
    std::function<std::string(const http::Response&)> error_code = {};
    // Answers outside 2xx that need no retry are returned instead of thrown (S3's region redirects).
    bool return_failures = false;
    http::ProxyUse proxy = http::ProxyUse::kFromEnvironment;
  };
  // Signs, sends, retries. Throws Error with code() = the service's; may_have_happened() covers all attempts.
  http::Response send(const Call& call);

  // The exception for an answer that `return_failures` brought.
  Error failure(const Call& call, const http::Response& response) const;

  // awsJson1_1 in one step: target "CodePipeline_20150709.PollForJobs", JSON text in, JSON text out.
  std::string call_json(const std::string& target, const std::string& body, std::stop_token stop = {});

  const ClientOptions& options() const noexcept { return options_; }

 private:
  http::Response send_until_answered(const Call& call);

  struct State;
  ClientOptions options_;
  std::unique_ptr<State> state_;
};

}  // namespace penstock::aws
