#include "core/aws/metadata_credentials.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "core/http/url.h"
#include "core/json/json.h"

namespace penstock::aws {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxAnswer = 64u << 10;
constexpr int kContainerAttempts = 3;

http::Response fetch(http::HttpTransport& transport, http::Request request, milliseconds timeout, int attempts) {
  request.connect_timeout = timeout;
  request.total_timeout = timeout;
  request.max_response_bytes = kMaxAnswer;
  request.proxy = http::ProxyUse::kNever;
  for (int attempt = 1;; ++attempt) {
    try {
      http::Response response = transport.send(request);
      if (response.status < 500 || attempt >= attempts) return response;
    } catch (const Error& error) {
      if (!is_transient(error.kind()) || attempt >= attempts) throw;
    }
  }
}

Credentials parse(const http::Response& response, const std::string& doing) {
  if (response.status != 200) {
    const bool passes = response.status >= 500 || response.status == 429;
    throw Error(passes ? ErrorKind::kUnavailable : ErrorKind::kUnauthenticated,
                doing + ": HTTP " + std::to_string(response.status));
  }
  json::Json document;
  try {
    document = json::parse_json(response.body, "credentials");
  } catch (const Error&) {
    throw Error(ErrorKind::kUnavailable, doing + ": the answer is not JSON");
  }
  const std::string code = json::string_or(document, "Code", "Success");
  if (code != "Success") throw Error(ErrorKind::kUnauthenticated, doing + ": it answered " + in_quotes(code));
  Credentials credentials;
  credentials.access_key_id = json::string_or(document, "AccessKeyId");
  credentials.secret_access_key = Secret(json::string_or(document, "SecretAccessKey"));
  credentials.session_token = Secret(json::string_or(document, "Token"));
  credentials.expires_at = parse_rfc3339(json::string_or(document, "Expiration"));
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    throw Error(ErrorKind::kUnauthenticated, doing + ": the answer holds no credentials");
  }
  return credentials;
}

bool is_true(const std::optional<std::string>& value) {
  return value && equals_ignoring_case(*value, "true");
}

}  // namespace

bool has_container_credentials(const VariableLookup& variable) {
  return variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") || variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
}

Credentials load_container_credentials(http::HttpTransport& transport, const VariableLookup& variable) {
  const std::string doing = "reading AWS credentials from the container's endpoint";
  http::Request request;
  if (const auto relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
    if (!relative->starts_with('/')) {
      throw Error(ErrorKind::kConfiguration,
                  doing + ": expected AWS_CONTAINER_CREDENTIALS_RELATIVE_URI to begin with '/'");
    }
    request.url = "http://169.254.170.2" + *relative;
  } else {
    request.url = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").value_or("");
  }
  const auto url = http::parse_url(request.url);
  constexpr std::array<std::string_view, 3> kLent = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23"};
  if (!url || !url->user_info.empty() ||
      (url->scheme != "https" && !http::is_loopback_host(url->host) &&
       std::ranges::find(kLent, url->host) == kLent.end())) {
    throw Error(ErrorKind::kConfiguration, doing +
                                               ": AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http to a "
                                               "loopback or link-local address of ECS or EKS");
  }
  std::string token;
  if (const auto file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
    try {
      token = std::string(trim(read_file(*file, kMaxAnswer)));
    } catch (const Error& error) {
      throw error.with_context(doing);
    }
  } else {
    token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
  }
  if (token.find_first_of("\r\n") != std::string::npos) {
    throw Error(ErrorKind::kConfiguration, doing + ": the authorization token has a line end");
  }
  if (!token.empty()) request.headers.add("Authorization", token);
  request.headers.add("Accept", "application/json");
  try {
    return parse(fetch(transport, std::move(request), milliseconds(2000), kContainerAttempts), doing);
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with(doing)) throw;
    throw error.with_context(doing);
  }
}

Credentials load_instance_credentials(http::HttpTransport& transport, const VariableLookup& variable,
                                      const ConfigSection& profile) {
  const std::string doing = "reading AWS credentials from the instance's metadata";
  if (is_true(variable("AWS_EC2_METADATA_DISABLED"))) {
    throw Error(ErrorKind::kUnauthenticated, doing + ": AWS_EC2_METADATA_DISABLED is set");
  }
  const auto setting = [&](const char* name, const char* key) {
    auto value = variable(name);
    return value ? value : find_value(profile, key);
  };
  std::string base = setting("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint").value_or("");
  if (base.empty()) {
    const auto mode = setting("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");
    base = mode && equals_ignoring_case(*mode, "ipv6") ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  }
  while (base.ends_with('/')) base.pop_back();
  const auto number = [&](const char* name, std::uint64_t fallback, std::uint64_t most) {
    const auto value = parse_unsigned(variable(name).value_or(""));
    return value && *value > 0 ? std::min(*value, most) : fallback;
  };
  const milliseconds timeout(1000 * number("AWS_METADATA_SERVICE_TIMEOUT", 1, 60));
  const int attempts = static_cast<int>(number("AWS_METADATA_SERVICE_NUM_ATTEMPTS", 1, 10));

  http::Response token;
  try {
    http::Request request{.method = "PUT", .url = base + "/latest/api/token"};
    request.headers.add("x-aws-ec2-metadata-token-ttl-seconds", "21600");
    token = fetch(transport, std::move(request), timeout, attempts);
  } catch (const Error& error) {
    throw Error(ErrorKind::kUnauthenticated,
                doing + ": " + error.what() + "; inside a container its hop limit must be at least 2");
  }
  if (token.status != 200 || trim(token.body).empty()) {
    throw Error(ErrorKind::kUnauthenticated,
                doing + ": it gave no session token, HTTP " + std::to_string(token.status));
  }
  const auto get = [&](const std::string& path) {
    http::Request request{.url = base + path};
    request.headers.add("x-aws-ec2-metadata-token", std::string(trim(token.body)));
    try {
      return fetch(transport, std::move(request), timeout, attempts);
    } catch (const Error& error) {
      throw error.with_context(doing);
    }
  };
  const std::string path = "/latest/meta-data/iam/security-credentials/";
  const http::Response roles = get(path);
  const std::string role(trim(std::string_view(roles.body).substr(0, roles.body.find('\n'))));
  if (roles.status != 200 || role.empty()) {
    throw Error(roles.status >= 500 ? ErrorKind::kUnavailable : ErrorKind::kUnauthenticated,
                doing + ": the instance has no role, HTTP " + std::to_string(roles.status));
  }
  return parse(get(path + percent_encode(role)), doing);
}

}  // namespace penstock::aws
