#include "core/authz/provider.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/error.h"

namespace penstock::authz {
namespace {

constexpr std::array<bool, 256> kBase64Url = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

std::optional<Regex> compile(const std::string& pattern) {
  if (pattern == kDefaultTokenPattern) return std::nullopt;
  return Regex(pattern);
}

}  // namespace

bool has_default_token_form(std::string_view authorization) noexcept {
  if (!authorization.starts_with("Bearer ") && !authorization.starts_with("bearer ")) return false;
  std::size_t position = std::string_view("Bearer ").size();
  for (int part = 0; part < 3; ++part) {
    if (part > 0 && (position == authorization.size() || authorization[position++] != '.')) return false;
    const std::size_t begin = position;
    while (position < authorization.size() && kBase64Url[static_cast<unsigned char>(authorization[position])])
      ++position;
    if (position == begin) return false;
  }
  return position == authorization.size();
}

Provider::Provider(ProviderSettings settings, std::shared_ptr<KeyRing> keys, const Clock& clock)
    : settings_(std::move(settings)),
      pattern_(compile(settings_.token_pattern)),
      keys_(std::move(keys)),
      clock_(clock) {}

std::shared_ptr<const Grant> Provider::find_cached(std::string_view digest) {
  return cache_.find(digest, now());
}

Provider::Signature Provider::check(const JwkSet& keys, const Jws& jws) const {
  for (const Jwk* jwk : keys.candidates(jws.algorithm, jws.key_id)) {
    if (jwk->key.verify(jws.algorithm, jws.signing_input, jws.signature)) return Signature::kGood;
  }
  // A known key that does not fit will not fit better when it is fetched again.
  return jws.key_id && keys.knows(*jws.key_id) ? Signature::kBad : Signature::kKeyUnknown;
}

Provider::Result Provider::verify(const Jws& jws, std::string_view digest) try {
  if (std::find(settings_.algorithms.begin(), settings_.algorithms.end(), jws.algorithm) ==
      settings_.algorithms.end()) {
    return {.grant = nullptr, .fault = "its algorithm is not allowed"};
  }
  const std::shared_ptr<const JwkSet> known = keys_->keys();
  Signature signature = known ? check(*known, jws) : Signature::kKeyUnknown;
  if (signature == Signature::kKeyUnknown) {
    const KeyRing::Newer newer = keys_->newer_than(known);
    if (newer.come_again) {
      return {.grant = nullptr, .fault = "the keys of its issuer are not known at the moment", .come_again = true};
    }
    if (newer.keys) signature = check(*newer.keys, jws);
  }
  if (signature == Signature::kKeyUnknown) return {.grant = nullptr, .fault = "no known key has signed it"};
  if (signature == Signature::kBad) return {.grant = nullptr, .fault = "its signature is wrong"};

  Claims claims = parse_claims(jws.payload, settings_.scope_claim);
  const PolicyCache::Moment moment = now();
  std::string fault = find_fault(claims,
                                 {.issuer = settings_.issuer,
                                  .audiences = settings_.audiences,
                                  .leeway = {settings_.leeway_start, settings_.leeway_end}},
                                 moment.civil);
  if (!fault.empty()) return {.grant = nullptr, .fault = std::move(fault)};

  const Timestamp end = *claims.expires;
  auto grant = std::make_shared<const Grant>(
      Grant{.principal = claims.subject,
            .subject = claims.subject,
            .token_id = std::move(claims.token_id),
            .policy = Policy(settings_.permissions, std::move(claims.scopes), settings_.route_scopes)});
  if (settings_.cache_ttl.count() > 0) cache_.put(digest, grant, end, moment.steady + settings_.cache_ttl);
  return {.grant = std::move(grant), .fault = ""};
} catch (const Error& error) {
  return {.grant = nullptr, .fault = error.what()};
}

}  // namespace penstock::authz
