#include "core/azure/entra_tokens.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/json/json.h"

namespace penstock::azure {
namespace {

// Azure DevOps's own application id is the resource.
constexpr std::string_view kScope = "499b84ac-1321-427f-aa17-267ca6975798/.default";
constexpr auto kRenewBefore = std::chrono::minutes(5);
constexpr auto kShortestUse = std::chrono::seconds(30);

struct KnownCode {
  std::string_view code;
  ErrorKind kind;
  std::string_view meaning;
};
constexpr KnownCode kKnownCodes[] = {
    {"AADSTS7000215", ErrorKind::kUnauthenticated, "the client secret is wrong (its value is needed, not its id)"},
    {"AADSTS7000222", ErrorKind::kUnauthenticated, "the client secret has expired; create a new one"},
    {"AADSTS700016", ErrorKind::kConfiguration, "the tenant does not know this clientId"},
    {"AADSTS90002", ErrorKind::kConfiguration, "there is no such tenantId"},
    {"AADSTS900023", ErrorKind::kConfiguration, "the tenantId is neither a GUID nor a domain"},
    {"AADSTS7000112", ErrorKind::kPermission, "the application is disabled"},
    {"AADSTS500011", ErrorKind::kPermission,
     "Azure DevOps is not known in this tenant; connect the organisation to it"},
};

// "AADSTS7000215: Invalid client secret…" -> "AADSTS7000215"
std::string code_of(const std::string& description) {
  if (!description.starts_with("AADSTS")) return "";
  return description.substr(0, description.find_first_not_of("0123456789", 6));
}

}  // namespace

EntraTokens::EntraTokens(Options options, std::shared_ptr<http::HttpTransport> transport, const Clock& clock)
    : options_(std::move(options)), transport_(std::move(transport)), clock_(clock) {}

Secret EntraTokens::get() {
  std::lock_guard lock(mutex_);
  if (!token_.empty() && clock_.steady_now() < renew_after_) return token_;
  std::chrono::seconds lifetime{0};
  token_ = request_token(lifetime);
  const std::chrono::seconds use = lifetime - kRenewBefore;
  renew_after_ = clock_.steady_now() + std::max<std::chrono::seconds>(use, kShortestUse);
  return token_;
}

void EntraTokens::forget() {
  std::lock_guard lock(mutex_);
  token_ = Secret();
}

Secret EntraTokens::request_token(std::chrono::seconds& lifetime) {
  const std::string doing = "getting an Entra token for the client " + in_quotes(options_.client_id);
  http::Request request;
  request.method = "POST";
  request.url = options_.authority + "/" + percent_encode(options_.tenant_id) + "/oauth2/v2.0/token";
  request.headers.add("Content-Type", "application/x-www-form-urlencoded");
  request.headers.add("Accept", "application/json");
  request.total_timeout = options_.timeout;
  request.max_response_bytes = 1u << 20;
  request.body = "grant_type=client_credentials&client_id=" + percent_encode(options_.client_id) +
                 "&scope=" + percent_encode(kScope) +
                 "&client_secret=" + percent_encode(options_.client_secret().reveal());
  http::Response response;
  try {
    response = transport_->send(request);
  } catch (const Error& error) {
    wipe(request.body);
    throw error.with_context(doing);
  }
  wipe(request.body);

  json::Json answer;
  try {
    answer = json::parse_json(response.body, "Entra's answer");
  } catch (const Error&) {
    throw Error(response.status >= 500 || response.status == 200 ? ErrorKind::kUnavailable : ErrorKind::kConfiguration,
                doing + ": HTTP " + std::to_string(response.status) + " without a JSON answer");
  }
  wipe(response.body);
  if (response.status == 200) {
    std::string token = json::string_or(answer, "access_token");
    if (token.empty()) throw Error(ErrorKind::kUnavailable, doing + ": the answer holds no token");
    const json::Json* expires_in = json::find(answer, "expires_in");
    lifetime = std::chrono::seconds(static_cast<std::int64_t>(expires_in != nullptr && expires_in->is_number()
                                                                  ? std::clamp(expires_in->get<double>(), 0.0, 86400.0)
                                                                  : 300.0));
    return Secret(std::move(token));
  }

  const std::string description = json::string_or(answer, "error_description");
  const std::string code = code_of(description);
  ErrorKind kind = response.status == 429   ? ErrorKind::kRateLimited
                   : response.status >= 500 ? ErrorKind::kUnavailable
                                            : ErrorKind::kUnauthenticated;
  std::string cause = "HTTP " + std::to_string(response.status) + " " +
                      (code.empty() ? json::string_or(answer, "error", "without a reason") : code);
  for (const KnownCode& known : kKnownCodes) {
    if (known.code != code) continue;
    kind = known.kind;
    cause += ": " + std::string(known.meaning);
  }
  throw Error(kind, doing + ": " + cause).with_code(code);
}

}  // namespace penstock::azure
