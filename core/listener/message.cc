#include "core/listener/message.h"

#include "core/base/text.h"
#include "core/json/json.h"

namespace penstock::listener {
namespace {

constexpr int kRetryAfterSeconds = 10;

}  // namespace

std::optional<std::string> Request::header(std::string_view name) const {
  std::optional<std::string> joined;
  for (const auto& [field, value] : headers) {
    if (!equals_ignoring_case(field, name)) continue;
    if (joined) {
      *joined += ", " + value;
    } else {
      joined = value;
    }
  }
  return joined;
}

std::optional<std::string> Request::query_parameter(std::string_view name) const {
  for (const auto& [parameter, value] : query) {
    if (parameter == name) return value;
  }
  return std::nullopt;
}

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

Response problem(const std::string& request_id, int status, std::string_view detail) {
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  const std::string_view phrase = reason_phrase(status);
  response.body = json::dump({{"type", "about:blank"},
                              {"title", phrase.empty() ? "Error" : phrase},
                              {"status", status},
                              {"detail", detail},
                              {"requestId", request_id}});
  return response;
}

Response try_again(const std::string& request_id, std::string_view detail) {
  Response response = problem(request_id, 503, detail);
  response.headers.emplace_back("Retry-After", std::to_string(kRetryAfterSeconds));
  response.close = true;
  return response;
}

}  // namespace penstock::listener
