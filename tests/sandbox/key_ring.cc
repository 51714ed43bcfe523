#include "tests/sandbox/key_ring.h"

#include <array>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/base/secret.h"
#include "core/json/json.h"

namespace penstock::sandbox {
namespace {

using json::Json;

std::string random_access_key_id() {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::array<std::byte, 16> bytes;
  fill_random(bytes);
  std::string id = "ASIA";
  for (const auto byte : bytes) id += kAlphabet[std::to_integer<unsigned>(byte) % kAlphabet.size()];
  return id;
}

}  // namespace

KeyRing::KeyRing(std::string sealing_key) : sealing_key_(std::move(sealing_key)) {
  add({.id = std::string(kDefaultAccessKeyId), .secret = std::string(kDefaultSecretAccessKey), .denied = {}});
}

void KeyRing::add(AccessKey key) {
  std::lock_guard lock(mutex_);
  keys_.insert_or_assign(key.id, std::move(key));
}

SessionCredentials KeyRing::issue(const std::string& account, const std::string& arn,
                                  std::chrono::milliseconds lifetime, const std::optional<std::vector<Grant>>& grants,
                                  Timestamp now) const {
  SessionCredentials result;
  result.access_key_id = random_access_key_id();
  result.expires = now + lifetime;
  result.secret_access_key =
      to_base64(hmac(HashAlgorithm::kSha256, sealing_key_, "secret " + result.access_key_id)).substr(0, 40);
  Json claims = {{"k", result.access_key_id},
                 {"i", to_milliseconds(now)},
                 {"e", to_milliseconds(result.expires)},
                 {"a", account},
                 {"r", arn}};
  if (grants) {
    claims["g"] = Json::array();
    for (const auto& grant : *grants) claims["g"].push_back({grant.write, grant.bucket, grant.key});
  }
  const std::string text = to_base64(claims.dump());
  result.session_token = text + "." + to_base64(hmac(HashAlgorithm::kSha256, sealing_key_, text));
  return result;
}

std::optional<Identity> KeyRing::resolve(std::string_view access_key_id, std::string_view session_token, Timestamp now,
                                         TokenFault& fault) const {
  fault = TokenFault::kNone;
  std::lock_guard lock(mutex_);
  if (session_token.empty()) {
    const auto found = keys_.find(access_key_id);
    if (found == keys_.end()) {
      fault = TokenFault::kUnknownKey;
      return std::nullopt;
    }
    const auto& key = found->second;
    return Identity{key.id, key.secret, key.account, "arn:aws:iam::" + key.account + ":user/sandbox", key.denied, {}};
  }
  const auto dot = session_token.find('.');
  fault = TokenFault::kInvalidToken;
  if (dot == std::string_view::npos) return std::nullopt;
  const auto text = session_token.substr(0, dot);
  if (!equal_in_constant_time(to_base64(hmac(HashAlgorithm::kSha256, sealing_key_, text)),
                              session_token.substr(dot + 1))) {
    return std::nullopt;
  }
  const auto claims = Json::parse(*from_base64(text));
  if (claims.at("k").get<std::string>() != access_key_id) return std::nullopt;
  if (from_milliseconds(claims.at("e").get<std::int64_t>()) <= now ||
      from_milliseconds(claims.at("i").get<std::int64_t>()) <= expired_until_) {
    fault = TokenFault::kExpiredToken;
    return std::nullopt;
  }
  fault = TokenFault::kNone;
  Identity identity;
  identity.access_key_id = access_key_id;
  identity.secret =
      to_base64(hmac(HashAlgorithm::kSha256, sealing_key_, "secret " + identity.access_key_id)).substr(0, 40);
  identity.account = claims.at("a").get<std::string>();
  identity.arn = claims.at("r").get<std::string>();
  if (claims.contains("g")) {
    identity.grants.emplace();
    for (const auto& grant : claims.at("g")) {
      identity.grants->push_back({grant[0].get<bool>(), grant[1].get<std::string>(), grant[2].get<std::string>()});
    }
  }
  return identity;
}

void KeyRing::expire_sessions(Timestamp issued_until) {
  std::lock_guard lock(mutex_);
  expired_until_ = issued_until;
}

}  // namespace penstock::sandbox
