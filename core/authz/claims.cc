#include "core/authz/claims.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/authz/jws.h"
#include "core/authz/strict_json.h"
#include "core/base/error.h"

namespace penstock::authz {
namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxScopes = 500;
constexpr std::size_t kMaxAudiences = 100;
constexpr double kEndOfYear9999 = 253'402'300'800;  // as Unix time

[[noreturn]] void refuse(std::string_view claim, std::string_view cause) {
  throw Error(ErrorKind::kUnauthenticated,
              "reading the token's claims: \"" + std::string(claim) + "\" " + std::string(cause));
}

json::Document parse_object(std::string_view payload) {
  return parse_strict_object(payload, "the token's claims", ErrorKind::kUnauthenticated,
                             {.max_bytes = kMaxTokenBytes, .max_depth = kMaxDepth});
}

std::string text_of(json::Value claims, std::string_view name) {
  const auto member = claims.find(name);
  if (!member) return "";
  const auto text = member->string();
  if (!text) refuse(name, "is no text");
  return std::string(*text);
}

std::optional<Timestamp> date_of(json::Value claims, std::string_view name) {
  const auto member = claims.find(name);
  if (!member) return std::nullopt;
  const auto seconds = member->number();
  if (!seconds || !std::isfinite(*seconds) || *seconds < 0 || *seconds >= kEndOfYear9999) {
    refuse(name, "is no number of seconds between 1970 and 9999");
  }
  return from_milliseconds(static_cast<std::int64_t>(std::floor(*seconds)) * 1000);
}

void add_words(std::string_view text, std::vector<std::string>& words) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void add_scopes(json::Value claims, std::string_view name, std::vector<std::string>& scopes) {
  const auto member = claims.find(name);
  if (!member) return;
  if (const auto text = member->string()) {
    add_words(*text, scopes);
  } else if (member->type() == json::Type::kArray) {
    member->for_each_element([&](json::Value element) {
      const auto word = element.string();
      if (!word) refuse(name, "holds something that is no text");
      add_words(*word, scopes);
    });
  } else {
    refuse(name, "is neither a text nor a list");
  }
  if (scopes.size() > kMaxScopes) refuse(name, "holds too many scopes");
}

void add_audiences(json::Value claims, std::vector<std::string>& audiences) {
  const auto member = claims.find("aud");
  if (!member) return;
  if (const auto text = member->string()) {
    audiences.emplace_back(*text);
  } else if (member->type() == json::Type::kArray && member->size() <= kMaxAudiences) {
    member->for_each_element([&](json::Value element) {
      const auto audience = element.string();
      if (!audience) refuse("aud", "holds something that is no text");
      audiences.emplace_back(*audience);
    });
  } else {
    refuse("aud", "is neither a text nor a list of a sane length");
  }
}

}  // namespace

std::string parse_issuer(std::string_view payload) {
  const json::Document document = parse_object(payload);
  return text_of(document.root(), "iss");
}

Claims parse_claims(std::string_view payload, const std::string& scope_claim) {
  const json::Document document = parse_object(payload);
  const json::Value root = document.root();
  Claims claims;
  claims.issuer = text_of(root, "iss");
  for (const std::string_view name : {"sub", "client_id", "azp", "appid"}) {
    if (claims.subject.empty()) claims.subject = text_of(root, name);
  }
  claims.token_id = text_of(root, "jti");
  add_audiences(root, claims.audiences);
  claims.expires = date_of(root, "exp");
  claims.not_before = date_of(root, "nbf");
  claims.issued_at = date_of(root, "iat");
  if (!scope_claim.empty()) {
    add_scopes(root, scope_claim, claims.scopes);
  } else {
    for (const std::string_view name : {"scp", "scope", "roles"}) add_scopes(root, name, claims.scopes);
  }
  std::sort(claims.scopes.begin(), claims.scopes.end());
  claims.scopes.erase(std::unique(claims.scopes.begin(), claims.scopes.end()), claims.scopes.end());
  return claims;
}

std::string find_fault(const Claims& claims, const Expectations& expected, Timestamp now) {
  if (claims.issuer.empty() || claims.issuer != expected.issuer) return "another issuer";
  const bool is_for_us =
      std::any_of(claims.audiences.begin(), claims.audiences.end(), [&](const std::string& audience) {
        return std::find(expected.audiences.begin(), expected.audiences.end(), audience) != expected.audiences.end();
      });
  if (!is_for_us) return "another audience";
  if (!claims.expires) return "it never expires: \"exp\" is missing";
  if (now >= *claims.expires + expected.leeway.end) return "expired";
  if (claims.not_before && now + expected.leeway.start < *claims.not_before) return "not valid yet: \"nbf\"";
  if (claims.issued_at && now + expected.leeway.start < *claims.issued_at) return "issued in the future: \"iat\"";
  return "";
}

}  // namespace penstock::authz
