#include "core/aws/sts.h"

#include <utility>
#include <vector>

#include "core/aws/xml.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::aws {

namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

std::string call(Client& client, const std::string& action, const Parameters& parameters, bool sign) {
  Client::Call call{.name = action};
  call.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  call.body = "Action=" + action + "&Version=2011-06-15";
  for (const auto& [name, value] : parameters) {
    if (!value.empty()) call.body += "&" + name + "=" + percent_encode(value);
  }
  call.sign = sign;
  return client.send(call).body;
}

Parameters role_parameters(const AssumeRoleRequest& request) {
  std::string session = request.session_name;
  if (session.empty()) session = "penstock-" + std::to_string(to_milliseconds(SystemClock().now()));
  return {{"RoleArn", request.role_arn},
          {"RoleSessionName", std::move(session)},
          {"ExternalId", request.external_id},
          {"DurationSeconds", request.duration.count() > 0 ? std::to_string(request.duration.count()) : ""}};
}

Credentials parse_credentials(std::string_view body, std::string_view action) {
  const auto text = [&](const char* name) {
    return find_xml_text(body, "Credentials/" + std::string(name)).value_or("");
  };
  Credentials credentials;
  credentials.access_key_id = text("AccessKeyId");
  credentials.secret_access_key = Secret(text("SecretAccessKey"));
  credentials.session_token = Secret(text("SessionToken"));
  credentials.expires_at = parse_rfc3339(text("Expiration"));
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty() || !credentials.expires_at) {
    throw Error(ErrorKind::kUnavailable, "calling sts:" + std::string(action) + ": the answer holds no credentials");
  }
  return credentials;
}

}  // namespace

Credentials StsClient::assume_role(const AssumeRoleRequest& request) {
  return parse_credentials(call(*client_, "AssumeRole", role_parameters(request), true), "AssumeRole");
}

Credentials StsClient::assume_role_with_web_identity(const AssumeRoleRequest& request, const Secret& token) {
  Parameters parameters = role_parameters(request);
  parameters.emplace_back("WebIdentityToken", token.reveal());
  return parse_credentials(call(*client_, "AssumeRoleWithWebIdentity", parameters, false), "AssumeRoleWithWebIdentity");
}

CallerIdentity StsClient::get_caller_identity() {
  const std::string body = call(*client_, "GetCallerIdentity", {}, true);
  const auto text = [&](const char* name) {
    return find_xml_text(body, "GetCallerIdentityResult/" + std::string(name)).value_or("");
  };
  return {text("Account"), text("Arn"), text("UserId")};
}

}  // namespace penstock::aws
