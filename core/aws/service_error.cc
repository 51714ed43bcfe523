#include "core/aws/service_error.h"

#include <algorithm>
#include <array>

#include "core/aws/xml.h"
#include "core/base/text.h"
#include "core/json/json.h"

namespace penstock::aws {

namespace {

constexpr std::size_t kMaxMessage = 600;

template <std::size_t N>
bool is_one_of(std::string_view code, const std::array<std::string_view, N>& names) {
  return std::ranges::find(names, code) != names.end();
}

bool is_throttling(std::string_view service, std::string_view code, int status) {
  static constexpr std::array<std::string_view, 17> kCodes = {"BandwidthLimitExceeded",
                                                              "EC2ThrottledException",
                                                              "PriorRequestNotComplete",
                                                              "ProvisionedThroughputExceededException",
                                                              "RequestLimitExceeded",
                                                              "RequestThrottled",
                                                              "RequestThrottledException",
                                                              "SlowDown",
                                                              "ThrottledException",
                                                              "Throttling",
                                                              "ThrottlingException",
                                                              "TooManyRequestsException",
                                                              "TransactionInProgressException",
                                                              "KMS.ThrottlingException",
                                                              "TooManyRequests",
                                                              "Throttled",
                                                              "ReducedRequestRate"};
  if (is_one_of(code, kCodes)) return true;
  // CodePipeline means an account quota by it, which waiting does not raise.
  if (code == "LimitExceededException") return service != "codepipeline";
  return code.empty() && status == 429;
}

bool is_transient_code(std::string_view code, int status) {
  static constexpr std::array<std::string_view, 13> kCodes = {"RequestTimeout",
                                                              "RequestTimeoutException",
                                                              "TimeoutError",
                                                              "InternalError",
                                                              "InternalFailure",
                                                              "InternalServerError",
                                                              "InternalServerException",
                                                              "InternalServiceError",
                                                              "ServiceUnavailable",
                                                              "ServiceUnavailableException",
                                                              "IDPCommunicationError",
                                                              "Busy",
                                                              "InternalServiceErrorException"};
  return is_one_of(code, kCodes) || status == 500 || status == 502 || status == 503 || status == 504 ||
         (status == 408 && code.empty());
}

bool is_clock_skew(std::string_view code) {
  static constexpr std::array<std::string_view, 6> kCodes = {"RequestTimeTooSkewed",  "RequestExpired",
                                                             "RequestInTheFuture",    "InvalidSignatureException",
                                                             "SignatureDoesNotMatch", "AuthFailure"};
  return is_one_of(code, kCodes);
}

bool is_expired_token(std::string_view code) {
  return code == "ExpiredToken" || code == "ExpiredTokenException" || code == "TokenRefreshRequired";
}

bool is_rejected_credential(std::string_view code) {
  static constexpr std::array<std::string_view, 7> kCodes = {"InvalidAccessKeyId",
                                                             "InvalidClientTokenId",
                                                             "UnrecognizedClientException",
                                                             "MissingAuthenticationToken",
                                                             "MissingAuthenticationTokenException",
                                                             "InvalidToken",
                                                             "IncompleteSignature"};
  return is_one_of(code, kCodes);
}

// A signature error repeats the canonical request, session token included.
std::string clean_message(std::string_view text) {
  for (const std::string_view marker : {"The Canonical String", "The String-to-Sign", "Canonical Request"}) {
    text = text.substr(0, text.find(marker));
  }
  std::string result;
  for (const char c : text) {
    const bool space = static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
    if (space && (result.empty() || result.ends_with(' '))) continue;
    result += space ? ' ' : c;
  }
  return truncate_utf8(trim(result), kMaxMessage, 3 * kMaxMessage);
}

bool parse_json_error(std::string_view body, ServiceError& error) {
  try {
    const json::Json document = json::parse_json(body, "an AWS error");
    if (!document.is_object()) return false;
    const auto first = [&](std::initializer_list<const char*> members) {
      for (const char* member : members) {
        std::string value = json::string_or(document, member);
        if (!value.empty()) return value;
      }
      return std::string();
    };
    error.code = sanitize_error_code(first({"__type", "code", "Code"}));
    error.message = clean_message(first({"message", "Message", "errorMessage"}));
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool parse_xml_error(std::string_view body, ServiceError& error) {
  const std::string root = xml_root(body);
  if (root != "Error" && root != "ErrorResponse" && root != "Response") return false;
  error.code = sanitize_error_code(find_xml_text(body, "Error/Code").value_or(""));
  error.message = clean_message(find_xml_text(body, "Error/Message").value_or(""));
  if (error.request_id.empty()) error.request_id = clean_message(find_xml_text(body, "RequestId").value_or(""));
  return true;
}

}  // namespace

std::string sanitize_error_code(std::string_view raw) {
  raw = raw.substr(0, raw.find(','));
  raw = raw.substr(0, raw.find(':'));
  if (const std::size_t hash = raw.rfind('#'); hash != std::string_view::npos) raw.remove_prefix(hash + 1);
  std::string result;
  for (const char c : trim(raw)) {
    const bool allowed =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!allowed || result.size() >= 100) break;
    result += c;
  }
  return result;
}

ServiceError parse_service_error(const http::Response& response) {
  ServiceError error;
  for (const char* name : {"x-amzn-requestid", "x-amz-request-id", "x-amz-id-2"}) {
    if (const auto value = response.headers.find(name); value && error.request_id.empty()) {
      error.request_id = truncate_utf8(*value, 100, 100);
    }
  }
  const std::string_view body = trim(response.body);
  const bool parsed = body.starts_with('{') ? parse_json_error(body, error) : parse_xml_error(body, error);
  if (error.code.empty()) {
    if (const auto value = response.headers.find("x-amzn-errortype")) error.code = sanitize_error_code(*value);
  }
  if (!parsed && !body.empty()) error.message = in_quotes(clean_message(truncate_utf8(body, 200, 800)));
  return error;
}

FailureClass classify_failure(std::string_view service, std::string_view code, int status) noexcept {
  if (is_throttling(service, code, status)) return FailureClass::kThrottling;
  if (is_expired_token(code)) return FailureClass::kExpiredCredentials;
  if (is_clock_skew(code)) return FailureClass::kClockSkew;
  if (is_rejected_credential(code)) return FailureClass::kRejectedCredentials;
  if (is_transient_code(code, status)) return FailureClass::kTransient;
  return FailureClass::kFinal;
}

ErrorKind error_kind(std::string_view service, std::string_view code, int status) noexcept {
  switch (classify_failure(service, code, status)) {
    case FailureClass::kThrottling:
      return ErrorKind::kRateLimited;
    case FailureClass::kTransient:
      return ErrorKind::kUnavailable;
    case FailureClass::kClockSkew:
    case FailureClass::kExpiredCredentials:
    case FailureClass::kRejectedCredentials:
      return ErrorKind::kUnauthenticated;
    case FailureClass::kFinal:
      break;
  }
  static constexpr std::array<std::string_view, 9> kPermission = {
      "AccessDenied",  "AccessDeniedException", "NotAuthorized",  "UnauthorizedOperation", "UnauthorizedAccess",
      "OptInRequired", "AllAccessDisabled",     "AccountProblem", "InvalidPayer"};
  static constexpr std::array<std::string_view, 7> kConflict = {"ConflictException",
                                                                "ConcurrentPipelineExecutionsLimitExceededException",
                                                                "ConcurrentModificationException",
                                                                "DuplicatedStopRequestException",
                                                                "PipelineExecutionNotStoppableException",
                                                                "OperationAborted",
                                                                "ResourceExistsException"};
  if (is_one_of(code, kPermission)) return ErrorKind::kPermission;
  if (is_one_of(code, kConflict)) return ErrorKind::kConflict;
  if (code == "LimitExceededException") return ErrorKind::kExhausted;
  // The key of a bucket or a secret, which somebody has to put right.
  if (code.starts_with("KMS.")) return ErrorKind::kConfiguration;
  if (code == "DecryptionFailure") return ErrorKind::kPermission;
  if (code.find("NotFound") != std::string_view::npos || code.starts_with("NoSuch")) return ErrorKind::kNotFound;
  if (code.starts_with("Invalid") || code.starts_with("Validation")) return ErrorKind::kInvalidInput;
  if (status >= 300 && status < 400) return ErrorKind::kConfiguration;  // a redirect that nobody may follow
  switch (status) {
    case 401:
      return ErrorKind::kUnauthenticated;
    case 403:
      return ErrorKind::kPermission;
    case 404:
      return ErrorKind::kNotFound;
    case 408:
      return ErrorKind::kUnavailable;
    case 409:
      return ErrorKind::kConflict;
    case 429:
      return ErrorKind::kRateLimited;
    default:
      return status >= 500 ? ErrorKind::kUnavailable : ErrorKind::kInvalidInput;
  }
}

bool may_have_been_processed(std::string_view code, int status) noexcept {
  return status >= 500 && !is_throttling("", code, status);
}

}  // namespace penstock::aws
