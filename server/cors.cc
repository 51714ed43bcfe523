#include "server/cors.h"

#include <algorithm>
#include <optional>

namespace penstock::server {
namespace {

// In seconds; browsers do not remember it for much longer.
constexpr const char* kRememberPreflight = "600";

std::optional<std::string> allowed_origin(const RequestPolicy& policy, const listener::Request& request) {
  if (policy.cors_origins.empty()) return std::nullopt;
  auto origin = request.header("Origin");
  if (!origin ||
      std::find(policy.cors_origins.begin(), policy.cors_origins.end(), *origin) == policy.cors_origins.end())
    return std::nullopt;
  return origin;
}

}  // namespace

void add_cors_headers(const RequestPolicy& policy, const listener::Request& request, listener::Response& response) {
  if (policy.cors_origins.empty()) return;
  // Whatever the origin is: what was kept of one must not be given to another.
  const auto vary = std::find_if(response.headers.begin(), response.headers.end(),
                                 [](const auto& header) { return header.first == "Vary"; });
  if (vary == response.headers.end()) {
    response.headers.emplace_back("Vary", "Origin");
  } else {
    vary->second += ", Origin";
  }
  const auto origin = allowed_origin(policy, request);
  if (!origin) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", *origin);
  response.headers.emplace_back("Access-Control-Expose-Headers", "ETag, Retry-After, WWW-Authenticate, X-Request-Id");
}

listener::Response answer_options(const RequestPolicy& policy, const listener::Request& request,
                                  const std::string& methods) {
  listener::Response response{.status = 204};
  response.headers.emplace_back("Allow", methods);
  add_cors_headers(policy, request, response);
  if (!allowed_origin(policy, request) || !request.header("Access-Control-Request-Method")) return response;
  response.headers.emplace_back("Access-Control-Allow-Methods", methods);
  response.headers.emplace_back("Access-Control-Allow-Headers",
                                "Accept, Authorization, Content-Type, If-None-Match, Last-Event-ID");
  response.headers.emplace_back("Access-Control-Max-Age", kRememberPreflight);
  return response;
}

}  // namespace penstock::server
