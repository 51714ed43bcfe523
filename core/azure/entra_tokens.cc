#include "core/azure/entra_tokens.h"

#include <algorithm>

#include "core/azure/client_assertion.h"
#include "core/azure/entra_errors.h"
#include "core/base/certificate.h"
#include "core/base/text.h"
#include "core/http/url.h"
#include "core/json/json.h"

namespace penstock::azure {
namespace {

using std::chrono::seconds;

// Azure DevOps's own application id is the resource.
constexpr std::string_view kScope = "499b84ac-1321-427f-aa17-267ca6975798/.default";
constexpr auto kRenewBefore = std::chrono::minutes(5);
constexpr auto kShortestUse = seconds(30);
// What is left of a token must be enough for a request that begins with it.
constexpr auto kShortestRest = seconds(30);
constexpr auto kYoung = seconds(10);
constexpr std::string_view kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

std::string secret_parameter(std::string_view name, const Secret& secret) {
  std::string encoded = percent_encode(secret.reveal());
  std::string parameter = "&" + std::string(name) + "=" + encoded;
  wipe(encoded);
  return parameter;
}

std::string assertion_parameters(const Secret& assertion) {
  std::string parameter = secret_parameter("client_assertion", assertion);
  std::string both = "&client_assertion_type=" + percent_encode(kAssertionType) + parameter;
  wipe(parameter);
  return both;
}

}  // namespace

EntraTokens::EntraTokens(Options options, std::shared_ptr<http::HttpTransport> transport, const Clock& clock)
    : options_(std::move(options)), transport_(std::move(transport)), clock_(clock) {
  const auto url = http::parse_url(options_.authority);
  if (!url || (url->scheme != "https" && !http::is_loopback_host(url->host))) {
    throw Error(ErrorKind::kConfiguration, "asking the authority " +
                                               in_quotes(http::printable_url(options_.authority)) +
                                               " for tokens: expected an https address");
  }
}

Secret EntraTokens::get() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (token_ && clock_.steady_now() < token_->renew_after) return token_->value;
    if (!asking_) break;
    const std::uint64_t round = round_;
    answered_.wait(lock, [&] { return round_ != round; });
    if (failure_ && !token_) throw Error(*failure_);
    if (token_) return token_->value;
  }
  asking_ = true;
  lock.unlock();
  std::optional<Token> fresh;
  std::optional<Error> failure;
  try {
    fresh = request_token();
  } catch (const Error& error) {
    failure = error;
  } catch (const std::exception& error) {
    failure = Error(ErrorKind::kInternal, std::string("getting an Entra token: ") + error.what());
  }
  lock.lock();
  asking_ = false;
  ++round_;
  failure_ = failure;
  if (fresh) {
    token_ = std::move(fresh);
  } else if (const auto now = clock_.steady_now();
             token_ && is_transient(failure->kind()) && now + kShortestRest < token_->ends) {
    token_->renew_after = now + kShortestUse;
  } else {
    token_.reset();
  }
  answered_.notify_all();
  if (!token_) throw Error(*failure_);
  return token_->value;
}

void EntraTokens::forget() {
  std::lock_guard lock(mutex_);
  if (token_ && clock_.steady_now() - token_->asked_at >= kYoung) token_.reset();
}

std::string EntraTokens::proof_parameters(const std::string& endpoint) const {
  struct Visitor {
    const EntraTokens& self;
    const std::string& endpoint;
    std::string operator()(const ClientSecret& secret) const {
      const Secret value = secret.read();
      return secret_parameter("client_secret", Secret(std::string(trim(value.reveal()))));
    }
    std::string operator()(const ClientCertificate& certificate) const {
      const SigningCertificate signer(certificate.read());
      const Timestamp now = self.clock_.now();
      if (signer.certificate().not_after <= now) {
        throw Error(ErrorKind::kUnauthenticated, "the certificate expired " +
                                                     format_rfc3339(signer.certificate().not_after) +
                                                     "; make a new one and upload it to the application");
      }
      return assertion_parameters(make_client_assertion(signer, self.options_.client_id, endpoint, now));
    }
    std::string operator()(const FederatedToken& token) const {
      const Secret value = token.read();
      return assertion_parameters(Secret(std::string(trim(value.reveal()))));
    }
  };
  return std::visit(Visitor{*this, endpoint}, options_.proof);
}

EntraTokens::Token EntraTokens::request_token() const {
  const std::string doing = "getting an Entra token for the client " + in_quotes(options_.client_id);
  http::Request request;
  request.method = "POST";
  request.url = options_.authority + "/" + percent_encode(options_.tenant_id) + "/oauth2/v2.0/token";
  request.headers.add("Content-Type", "application/x-www-form-urlencoded");
  request.headers.add("Accept", "application/json");
  request.total_timeout = options_.timeout;
  request.max_response_bytes = 1u << 20;
  Token token;
  token.asked_at = clock_.steady_now();
  http::Response response;
  try {
    std::string proof = proof_parameters(request.url);
    request.body = "grant_type=client_credentials&client_id=" + percent_encode(options_.client_id) +
                   "&scope=" + percent_encode(kScope);
    request.body.reserve(request.body.size() + proof.size());
    request.body += proof;
    wipe(proof);
    response = transport_->send(request);
  } catch (const Error& error) {
    wipe(request.body);
    throw error.with_context(doing);
  }
  wipe(request.body);

  if (response.status != 200) {
    const EntraFault fault = diagnose_entra_answer(response.status, response.body);
    std::string cause = "HTTP " + std::to_string(response.status);
    if (!fault.code.empty()) cause += " " + fault.code;
    if (!fault.meaning.empty()) cause += ": " + fault.meaning;
    throw Error(fault.kind, doing + ": " + cause).with_code(fault.code);
  }
  json::Json answer;
  try {
    answer = json::parse_json(response.body, "Entra's answer");
  } catch (const Error&) {
    wipe(response.body);
    throw Error(ErrorKind::kUnavailable, doing + ": HTTP 200 without a JSON answer");
  }
  wipe(response.body);
  token.value = Secret(json::string_or(answer, "access_token"));
  if (token.value.empty()) throw Error(ErrorKind::kUnavailable, doing + ": the answer holds no token");
  const json::Json* expires_in = json::find(answer, "expires_in");
  const double lifetime =
      expires_in != nullptr && expires_in->is_number() ? std::clamp(expires_in->get<double>(), 0.0, 86400.0) : 300.0;
  const seconds valid(static_cast<std::int64_t>(lifetime));
  token.ends = token.asked_at + valid;
  token.renew_after = token.asked_at + std::max<seconds>(valid - kRenewBefore, kShortestUse);
  return token;
}

}  // namespace penstock::azure
