#include "tests/sandbox/sts.h"

#include <algorithm>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/json/json.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

[[noreturn]] void invalid(const std::string& message) {
  throw ServiceError(400, "ValidationError", message);
}

std::string required(const Form& form, const std::string& name) {
  const auto found = form.find(name);
  if (found == form.end() || found->second.empty()) invalid("Value null at '" + name + "': Member must not be null");
  return found->second;
}

struct Role {
  std::string account, name, session;
};

Role checked_role(const Form& form) {
  static const Regex kRole(R"(arn:aws(-[\w]+)*:iam::[0-9]{12}:role/[\w+=,.@/-]+)");
  static const Regex kSession(R"([\w+=,.@-]{2,64})");
  const auto arn = required(form, "RoleArn");
  const auto session = required(form, "RoleSessionName");
  if (arn.size() < 20 || arn.size() > 2048 || !kRole.matches_whole(arn)) invalid(arn + " is invalid");
  if (!kSession.matches_whole(session)) {
    invalid("Value '" + session + "' at 'roleSessionName' must satisfy regular expression pattern: [\\w+=,.@-]{2,64}");
  }
  const auto at = arn.find("::") + 2;
  return {arn.substr(at, 12), arn.substr(arn.rfind('/') + 1), session};
}

std::chrono::seconds checked_duration(const Form& form) {
  const auto found = form.find("DurationSeconds");
  if (found == form.end()) return std::chrono::seconds(3600);
  const auto value = parse_unsigned(found->second);
  if (!value || *value < 900 || *value > 43'200) invalid("DurationSeconds must be between 900 and 43200");
  return std::chrono::seconds(*value);
}

// A JSON web token whose `exp` has passed is refused; other texts stand for themselves.
void check_web_identity_token(const std::string& token, Timestamp now) {
  if (token.size() < 4 || token.size() > 20'000) invalid("WebIdentityToken must have 4 to 20000 characters");
  const auto parts = split(token, '.');
  if (parts.size() != 3) return;
  auto payload = parts[1];
  std::replace(payload.begin(), payload.end(), '-', '+');
  std::replace(payload.begin(), payload.end(), '_', '/');
  while (payload.size() % 4 != 0) payload += '=';
  const auto text = from_base64(payload);
  if (!text) throw ServiceError(400, "InvalidIdentityToken", "The web identity token is no JSON web token");
  const auto claims = json::Json::parse(*text, nullptr, false);
  if (!claims.is_object())
    throw ServiceError(400, "InvalidIdentityToken", "The web identity token is no JSON web token");
  if (const auto* expires = json::find(claims, "exp");
      expires && expires->is_number() && from_milliseconds(expires->get<std::int64_t>() * 1000) <= now) {
    throw ServiceError(400, "ExpiredTokenException", "The web identity token has expired");
  }
}

std::string seconds_only(Timestamp time) {
  return format_rfc3339(time).substr(0, 19) + "Z";
}

Response answer(const std::string& action, const std::string& result) {
  Response response;
  response.headers.push_back({"Content-Type", "text/xml"});
  response.body = "<" + action + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" + action + "Result>" +
                  result + "</" + action + "Result><ResponseMetadata><RequestId>" + make_uuid_v4() +
                  "</RequestId></ResponseMetadata></" + action + "Response>";
  return response;
}

}  // namespace

std::string escape_xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\r':
        out += "&#13;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

Form parse_form(const std::string& body) {
  Form form;
  for (const auto& part : split(body, '&')) {
    if (part.empty()) continue;
    auto text = part;
    std::replace(text.begin(), text.end(), '+', ' ');
    const auto equals = text.find('=');
    const auto name = percent_decode(text.substr(0, equals));
    const auto value = percent_decode(equals == std::string::npos ? "" : text.substr(equals + 1));
    if (!name || !value) throw ServiceError(400, "MalformedQueryString", "The form holds a broken percent escape");
    form[*name] = *value;
  }
  return form;
}

Response call_sts(const Form& form, const std::optional<Identity>& identity, const KeyRing& keys, Timestamp now) {
  const auto action = required(form, "Action");
  if (const auto version = form.find("Version"); version == form.end() || version->second != "2011-06-15") {
    throw ServiceError(400, "InvalidAction", "Could not find operation " + action + " for the given version");
  }
  if (action == "GetCallerIdentity") {
    return answer(action, "<Arn>" + escape_xml(identity->arn) + "</Arn><UserId>" + escape_xml(identity->access_key_id) +
                              "</UserId><Account>" + identity->account + "</Account>");
  }
  if (action != "AssumeRole" && action != "AssumeRoleWithWebIdentity") {
    throw ServiceError(400, "InvalidAction", "Could not find operation " + action);
  }
  const auto role = checked_role(form);
  const auto duration = checked_duration(form);
  if (action == "AssumeRole") {
    if (const auto external = form.find("ExternalId"); external != form.end()) {
      static const Regex kExternal(R"([\w+=,.@:/-]{2,1224})");
      if (!kExternal.matches_whole(external->second)) invalid("ExternalId has 2 to 1224 of [\\w+=,.@:/-]");
    }
  } else {
    check_web_identity_token(required(form, "WebIdentityToken"), now);
  }
  const auto arn = "arn:aws:sts::" + role.account + ":assumed-role/" + role.name + "/" + role.session;
  const auto credentials = keys.issue(role.account, arn, duration, std::nullopt, now);
  std::string result = "<Credentials><AccessKeyId>" + credentials.access_key_id + "</AccessKeyId><SecretAccessKey>" +
                       credentials.secret_access_key + "</SecretAccessKey><SessionToken>" + credentials.session_token +
                       "</SessionToken><Expiration>" + seconds_only(credentials.expires) +
                       "</Expiration></Credentials><AssumedRoleUser><Arn>" + escape_xml(arn) +
                       "</Arn><AssumedRoleId>AROASANDBOX:" + escape_xml(role.session) +
                       "</AssumedRoleId></AssumedRoleUser>";
  if (action != "AssumeRole") result += "<SubjectFromWebIdentityToken>sandbox</SubjectFromWebIdentityToken>";
  return answer(action, result);
}

}  // namespace penstock::sandbox
