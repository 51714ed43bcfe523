#include "core/aws/client.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "core/aws/retry_policy.h"
#include "core/aws/service_error.h"
#include "core/aws/sigv4.h"
#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/base/wake.h"
#include "core/http/url.h"

namespace penstock::aws {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSkewThreshold = std::chrono::minutes(4);

bool same(const Credentials& a, const Credentials& b) {
  return a.access_key_id == b.access_key_id && a.secret_access_key.equals(b.secret_access_key.reveal()) &&
         a.session_token.equals(b.session_token.reveal());
}

void redact(std::string& text, const Secret& secret) {
  const std::string_view value = secret.reveal();
  if (value.size() < 8) return;
  for (std::size_t at; (at = text.find(value)) != std::string::npos;) text.replace(at, value.size(), "***");
}

std::string doing(const ClientOptions& options, const Client::Call& call) {
  return "calling " + options.service + ":" + (call.name.empty() ? call.method : call.name);
}

Error make_failure(const ClientOptions& options, const Client::Call& call, int status, const ServiceError& error) {
  std::string message = doing(options, call) + ": HTTP " + std::to_string(status);
  if (!error.code.empty()) message += " " + error.code;
  if (!error.message.empty()) message += ": " + error.message;
  if (!error.request_id.empty()) message += " (request " + error.request_id + ")";
  return Error(error_kind(options.service, error.code, status), message).with_code(error.code);
}

}  // namespace

struct Client::State {
  std::shared_ptr<http::HttpTransport> transport;
  std::shared_ptr<CredentialsProvider> credentials;
  const Clock& clock;
  SigningKeyCache keys;
  RetryBucket bucket;
  std::mutex mutex;
  milliseconds clock_offset{0};

  Timestamp signing_time() {
    std::lock_guard guard(mutex);
    return clock.now() + clock_offset;
  }

  // True when the answer's date shows that what was signed with `signed_at` was far from the server's time; the offset
  // is then corrected. An answer from a cache (`Age`) carries an old date.
  bool correct_clock(const http::Response& response, Timestamp signed_at) {
    const auto header = response.headers.find("date");
    if (!header || response.headers.find("age")) return false;
    const auto date = parse_http_date(trim(*header));
    if (!date) return false;
    const milliseconds difference = *date - signed_at;
    if (difference < kSkewThreshold && difference > -kSkewThreshold) return false;
    std::lock_guard guard(mutex);
    clock_offset = *date - clock.now();
    return true;
  }
};

namespace {

// One call from its first attempt to its last.
class Attempts {
 public:
  Attempts(const ClientOptions& options, const Client::Call& call) : options_(options), call_(call) {
    const Endpoint& endpoint = call.endpoint ? *call.endpoint : options.endpoint;
    const auto url = http::parse_url(endpoint.url);
    if (!url) {
      throw Error(ErrorKind::kConfiguration, doing(options, call) + ": the endpoint " +
                                                 in_quotes(http::printable_url(endpoint.url)) +
                                                 " is not an http(s) URL");
    }
    region_ = endpoint.region;
    signing_.method = call.method;
    signing_.path = (url->path == "/" ? "" : url->path) + call.path;
    signing_.query = call.query;
    signing_.headers = call.headers;
    signing_.headers.set("Host", url->authority());
    if (!call.payload_sha256.empty()) {
      signing_.payload_sha256 = call.payload_sha256;
    } else if (call.body_source != nullptr) {
      signing_.payload_sha256 = std::string(kUnsignedPayload);
    } else if (!call.body.empty()) {
      signing_.payload_sha256 = sha256_hex(call.body);
    }
    request_.method = call.method;
    request_.url = url->origin() + signing_.path + (call.query.empty() ? "" : "?" + call.query);
    request_.body = call.body;
    request_.body_source = call.body_source;
    request_.total_timeout = call.timeout.count() > 0 ? call.timeout : options.request_timeout;
    request_.max_response_bytes = call.max_response_bytes;
    request_.proxy = call.proxy;
    request_.stop = call.stop;
    request_.on_head = call.on_head;
    if (call.on_body) {
      request_.on_body = [this](std::string_view piece) {
        delivered_ = true;
        call_.on_body(piece);
      };
    }
    max_attempts_ = std::max(1, call.max_attempts > 0 ? call.max_attempts : options.max_attempts);
  }
  Attempts(const Attempts&) = delete;
  Attempts& operator=(const Attempts&) = delete;

  int max_attempts() const { return max_attempts_; }
  bool delivered() const { return delivered_; }

  const http::Request& prepare(const Credentials* credentials, Timestamp time, SigningKeyCache& keys, int attempt) {
    signing_.headers.set("amz-sdk-invocation-id", invocation_id_);
    signing_.headers.set("amz-sdk-request",
                         "attempt=" + std::to_string(attempt) + "; max=" + std::to_string(max_attempts_));
    request_.headers = signing_.headers;
    if (credentials != nullptr) {
      SigningOptions options = SigningOptions::for_service(region_, options_.service, time);
      options.cache = &keys;
      const SignedRequest result = sign_headers(signing_, *credentials, options);
      for (const auto& field : result.headers.fields()) request_.headers.set(field.name, field.value);
    }
    return request_;
  }

 private:
  const ClientOptions& options_;
  const Client::Call& call_;
  std::string region_;
  SigningRequest signing_;
  http::Request request_;
  std::string invocation_id_ = make_uuid_v4();
  int max_attempts_ = 1;
  bool delivered_ = false;
};

}  // namespace

Client::Client(ClientOptions options, std::shared_ptr<http::HttpTransport> transport,
               std::shared_ptr<CredentialsProvider> credentials, const Clock& clock)
    : options_(std::move(options)),
      state_(new State{.transport = std::move(transport),
                       .credentials = std::move(credentials),
                       .clock = clock,
                       .keys = {},
                       .bucket = {},
                       .mutex = {}}) {
  if (!options_.random_unit) options_.random_unit = random_unit;
  if (!options_.sleep) {
    options_.sleep = [](milliseconds duration, const std::stop_token& stop) { Wake().wait_for(stop, duration); };
  }
}

Client::~Client() = default;

Error Client::failure(const Call& call, const http::Response& response) const {
  return make_failure(options_, call, response.status, parse_service_error(response));
}

http::Response Client::send(const Call& call) {
  if (!options_.on_call) return send_until_answered(call);
  const auto begin = std::chrono::steady_clock::now();
  const auto tell = [&](const Error* failure) {
    options_.on_call(options_.service, call.name, failure, std::chrono::steady_clock::now() - begin);
  };
  try {
    http::Response response = send_until_answered(call);
    tell(nullptr);
    return response;
  } catch (const Error& error) {
    tell(&error);
    throw;
  }
}

http::Response Client::send_until_answered(const Call& call) {
  Attempts attempts(options_, call);
  CredentialsProvider* provider = call.credentials != nullptr ? call.credentials : state_->credentials.get();
  if (call.sign && provider == nullptr) {
    throw Error(ErrorKind::kConfiguration, doing(options_, call) + ": there are no credentials");
  }
  std::optional<Credentials> credentials;
  bool may_have_happened = false;
  bool clock_corrected = false;
  bool credentials_renewed = false;
  int retries = 0;  // those that cost
  int last_cost = 1;

  for (int attempt = 1;; ++attempt) {
    std::optional<Error> error;
    std::optional<RetryReason> reason;  // empty = final
    std::optional<milliseconds> hint;
    bool free_retry = false;
    const Timestamp signed_at = state_->signing_time();
    try {
      if (call.stop.stop_requested()) throw Error(ErrorKind::kCancelled, "stopped");
      if (call.sign && !credentials) credentials = provider->get();
      http::Response response = state_->transport->send(
          attempts.prepare(credentials ? &*credentials : nullptr, signed_at, state_->keys, attempt));
      const bool success = response.status >= 200 && response.status < 300;
      const std::string hidden = success && call.error_code ? call.error_code(response) : "";
      if (success && hidden.empty()) {
        state_->bucket.give_back(last_cost);
        return response;
      }

      ServiceError service_error = parse_service_error(response);
      if (!hidden.empty()) service_error.code = hidden;
      if (credentials) {
        redact(service_error.message, credentials->session_token);
        redact(service_error.message, credentials->secret_access_key);
      }
      // An error inside a 200 came after the work had begun.
      if (!hidden.empty() || may_have_been_processed(service_error.code, response.status)) may_have_happened = true;
      error = make_failure(options_, call, response.status, service_error);
      switch (classify_failure(options_.service, service_error.code, response.status)) {
        case FailureClass::kThrottling:
          reason = RetryReason::kThrottling;
          hint = retry_hint(response.headers, signed_at);
          break;
        case FailureClass::kTransient:
          reason = RetryReason::kTransient;
          hint = retry_hint(response.headers, signed_at);
          break;
        case FailureClass::kClockSkew:
          if (!clock_corrected && credentials && state_->correct_clock(response, signed_at)) {
            clock_corrected = free_retry = true;
          }
          break;
        case FailureClass::kExpiredCredentials:
        case FailureClass::kRejectedCredentials:
          if (!credentials_renewed && credentials) {
            credentials_renewed = true;
            provider->invalidate();
            Credentials fresh = provider->get();
            free_retry = !same(fresh, *credentials);
            credentials = std::move(fresh);
          }
          break;
        case FailureClass::kFinal:
          if (call.return_failures && hidden.empty() && !may_have_happened) return response;
          break;
      }
    } catch (const Error& thrown) {
      may_have_happened = may_have_happened || thrown.may_have_happened();
      error = thrown.with_context(doing(options_, call));
      if (thrown.kind() == ErrorKind::kUnavailable || thrown.kind() == ErrorKind::kTimeout) {
        reason = RetryReason::kTransient;
      }
    }

    error->with_may_have_happened(may_have_happened);
    if (free_retry) continue;
    if (!reason || attempts.delivered() || retries + 1 >= attempts.max_attempts()) throw *error;
    const int cost = RetryBucket::cost(*reason);
    if (!state_->bucket.take(cost)) throw *error;
    last_cost = cost;
    if (options_.on_retry) options_.on_retry(error->what());
    options_.sleep(aws_retry_delay(*reason, retries, options_.random_unit(), hint), call.stop);
    ++retries;
    if (call.stop.stop_requested()) {
      throw Error(ErrorKind::kCancelled, std::string(error->what()) + "; stopped while waiting to try again")
          .with_may_have_happened(may_have_happened);
    }
  }
}

std::string Client::call_json(const std::string& target, const std::string& body, std::stop_token stop) {
  Call call;
  call.name = target.substr(target.rfind('.') + 1);
  call.headers.add("Content-Type", "application/x-amz-json-1.1");
  call.headers.add("X-Amz-Target", target);
  call.body = body;
  call.stop = std::move(stop);
  return send(call).body;
}

}  // namespace penstock::aws
