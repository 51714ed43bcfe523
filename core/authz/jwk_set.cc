#include "core/authz/jwk_set.h"

#include <algorithm>

#include "core/authz/strict_json.h"
#include "core/base/digest.h"
#include "core/base/error.h"

namespace penstock::authz {
namespace {

constexpr std::size_t kMaxDepth = 8;
constexpr std::size_t kMaxKeyIdBytes = 1u << 10;

[[noreturn]] void refuse(std::string_view cause) {
  throw Error(ErrorKind::kInvalidInput, "reading a JWK set: " + std::string(cause));
}

std::string text_of(json::Value jwk, std::string_view name) {
  const auto member = jwk.find(name);
  const auto text = member ? member->string() : std::nullopt;
  if (!text) refuse("\"" + std::string(name) + "\" is missing or no text");
  return std::string(*text);
}

std::string bytes_of(json::Value jwk, std::string_view name) {
  auto bytes = from_base64url(text_of(jwk, name));
  if (!bytes) refuse("\"" + std::string(name) + "\" is not base64url");
  return std::move(*bytes);
}

PublicKey public_key_of(json::Value jwk) {
  const std::string type = text_of(jwk, "kty");
  for (const std::string_view name : {"d", "p", "q", "k"}) {
    if (jwk.find(name)) refuse("it holds a secret; only public keys belong there");
  }
  if (type == "RSA") return PublicKey::from_rsa(bytes_of(jwk, "n"), bytes_of(jwk, "e"));
  const bool is_ec = type == "EC";
  if (!is_ec && type != "OKP") refuse("another \"kty\" than RSA, EC and OKP");
  const std::string curve = text_of(jwk, "crv");
  if (!is_ec) {
    if (curve != "Ed25519") refuse("another \"crv\" than Ed25519");
    return PublicKey::from_ed25519(bytes_of(jwk, "x"));
  }
  for (const KeyType key_type : {KeyType::kP256, KeyType::kP384, KeyType::kP521}) {
    if (curve == to_string(key_type)) return PublicKey::from_ec(key_type, bytes_of(jwk, "x"), bytes_of(jwk, "y"));
  }
  refuse("another \"crv\" than P-256, P-384 and P-521");
}

// RFC 7517 sections 4.2 and 4.3.
void check_use(json::Value jwk) {
  if (jwk.find("use") && text_of(jwk, "use") != "sig") refuse("its \"use\" is not \"sig\"");
  const auto operations = jwk.find("key_ops");
  if (!operations) return;
  bool may_verify = false;
  if (operations->type() == json::Type::kArray) {
    operations->for_each_element([&](json::Value element) { may_verify = may_verify || element.string() == "verify"; });
  }
  if (!may_verify) refuse("its \"key_ops\" do not hold \"verify\"");
}

Jwk read_key(json::Value jwk) {
  if (jwk.type() != json::Type::kObject) refuse("it is no object");
  check_use(jwk);
  Jwk read{.key_id = std::nullopt, .algorithm = std::nullopt, .key = public_key_of(jwk)};
  if (jwk.find("alg")) {
    read.algorithm = parse_algorithm(text_of(jwk, "alg"));
    if (!read.algorithm || key_type_of(*read.algorithm) != read.key.type()) refuse("its \"alg\" does not fit");
  }
  if (jwk.find("kid")) {
    read.key_id = text_of(jwk, "kid");
    if (read.key_id->size() > kMaxKeyIdBytes) refuse("its \"kid\" is longer than 1 KiB");
  }
  return read;
}

}  // namespace

JwkSet JwkSet::parse(std::string_view text) {
  const json::Document document = parse_strict_object(text, "a JWK set", ErrorKind::kInvalidInput,
                                                      {.max_bytes = kMaxKeySetBytes, .max_depth = kMaxDepth});
  const auto keys = document.root().find("keys");
  if (!keys || keys->type() != json::Type::kArray) refuse("expected a list \"keys\"");
  if (keys->size() > kMaxKeys) refuse("more than 100 keys");
  JwkSet set;
  keys->for_each_element([&](json::Value jwk) {
    try {
      set.keys_.push_back(read_key(jwk));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInvalidInput) throw;
      set.left_out_.emplace_back(error.what());
    }
  });
  return set;
}

JwkSet JwkSet::from_pem(std::string_view pem) {
  JwkSet set;
  for (PublicKey& key : PublicKey::from_pem(pem)) {
    set.keys_.push_back({.key_id = std::nullopt, .algorithm = std::nullopt, .key = std::move(key)});
  }
  return set;
}

JwkSet JwkSet::parse_any(std::string_view text) {
  return text.find("-----BEGIN ") != std::string_view::npos ? from_pem(text) : parse(text);
}

std::vector<const Jwk*> JwkSet::candidates(Algorithm algorithm, const std::optional<std::string>& key_id) const {
  const bool by_id = key_id && knows(*key_id);
  std::vector<const Jwk*> found;
  for (const Jwk& jwk : keys_) {
    if (by_id ? jwk.key_id != key_id : key_id && jwk.key_id) continue;
    if (jwk.key.type() != key_type_of(algorithm) || (jwk.algorithm && jwk.algorithm != algorithm)) continue;
    found.push_back(&jwk);
    if (found.size() == kMaxCandidates) break;
  }
  return found;
}

bool JwkSet::knows(const std::string& key_id) const noexcept {
  return std::any_of(keys_.begin(), keys_.end(), [&](const Jwk& jwk) { return jwk.key_id == key_id; });
}

std::string parse_discovery(std::string_view text, const std::string& issuer) {
  const json::Document document = parse_strict_object(text, "the provider's metadata", ErrorKind::kInvalidInput,
                                                      {.max_bytes = kMaxKeySetBytes, .max_depth = kMaxDepth});
  const auto text_of_member = [&](std::string_view name) {
    const auto member = document.root().find(name);
    const auto value = member ? member->string() : std::nullopt;
    if (!value) {
      throw Error(ErrorKind::kInvalidInput,
                  "reading the provider's metadata: \"" + std::string(name) + "\" is missing or no text");
    }
    return std::string(*value);
  };
  if (text_of_member("issuer") != issuer) {
    throw Error(ErrorKind::kInvalidInput,
                "reading the provider's metadata: its \"issuer\" is another than the configured");
  }
  return text_of_member("jwks_uri");
}

}  // namespace penstock::authz
