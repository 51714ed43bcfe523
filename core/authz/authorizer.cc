#include "core/authz/authorizer.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <span>
#include <unordered_set>
#include <utility>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/text.h"

namespace penstock::authz {
namespace {

constexpr auto kPasswordTtl = std::chrono::minutes(5);
constexpr std::size_t kMaxKnownPasswords = 1'000;
// Each takes 32 MiB or more and a core.
constexpr int kPasswordsAtOnce = 2;
constexpr auto kPasswordPatience = std::chrono::seconds(5);
constexpr std::size_t kMaxPasswordBytes = 1'024;

Decision refused(Decision::Method method, std::string reason) {
  Decision decision;
  decision.method = method;
  decision.reason = std::move(reason);
  return decision;
}

// What follows "SCHEME " (RFC 9110 section 11.4), the scheme without case.
std::optional<std::string_view> after_scheme(std::string_view authorization, std::string_view scheme) {
  if (authorization.size() <= scheme.size() || authorization[scheme.size()] != ' ' ||
      !equals_ignoring_case(authorization.substr(0, scheme.size()), scheme)) {
    return std::nullopt;
  }
  return trim(authorization.substr(scheme.size() + 1));
}

}  // namespace

std::string digest_of_token(const Secret& token, const std::string& name) {
  if (token.empty())
    throw Error(ErrorKind::kConfiguration, "reading the access token " + in_quotes(name) + ": it is empty");
  return hash(HashAlgorithm::kSha256, token.reveal());
}

// One provider with what is revoked of its tokens: the former outlives a reload, the latter may change with each.
struct Authorizer::IssuedTokens {
  std::shared_ptr<Provider> provider;
  std::unordered_set<std::string> revoked_ids, revoked_subjects;

  bool is_revoked(const Grant& grant) const {
    return (!grant.token_id.empty() && revoked_ids.contains(grant.token_id)) ||
           (!grant.subject.empty() && revoked_subjects.contains(grant.subject));
  }
};

// Shared by an authorizer and its successors.
struct Authorizer::Passwords {
  explicit Passwords(const FailedAttempts::Options& wrong) : failures(wrong) {
    key.resize(32);
    fill_random(std::as_writable_bytes(std::span(key)));
  }

  std::string key;  // of this process, so that what `right` holds is no digest of a password that could be tried out
  // The same work for names that nobody has.
  const PasswordDigest nobody = PasswordDigest::make("");
  PolicyCache right{kMaxKnownPasswords};
  FailedAttempts failures;

  // A turn to compute a digest; false after having waited in vain.
  bool take_turn() {
    std::unique_lock lock(mutex);
    if (!turn_ended.wait_for(lock, kPasswordPatience, [this] { return running < kPasswordsAtOnce; })) return false;
    ++running;
    return true;
  }
  void end_turn() {
    std::lock_guard lock(mutex);
    --running;
    turn_ended.notify_one();
  }
  std::mutex mutex;
  std::condition_variable turn_ended;
  int running = 0;  // guarded by mutex
};

std::shared_ptr<const Authorizer> Authorizer::make(Settings settings, const Environment& environment,
                                                   const Authorizer* former) {
  return std::shared_ptr<const Authorizer>(new Authorizer(std::move(settings), environment, former));
}

Authorizer::Authorizer(Settings settings, const Environment& environment, const Authorizer* former)
    : settings_(std::move(settings)), clock_(environment.clock) {
  const auto policy = [&](const std::vector<std::string>& scopes) {
    return Policy(settings_.permissions, scopes, Policy::RouteScopes::kCount);
  };
  for (const StaticToken& token : settings_.tokens) {
    tokens_.push_back(
        {token.sha256, {.principal = token.name, .subject = "", .token_id = "", .policy = policy(token.scopes)}});
  }
  for (const Settings::Jwt& jwt : settings_.jwt) {
    std::shared_ptr<Provider> provider;
    std::shared_ptr<KeyRing> keys;
    for (const auto& old :
         former != nullptr ? std::span(former->providers_) : std::span<const std::unique_ptr<IssuedTokens>>()) {
      if (old->provider->settings() == jwt.provider) provider = old->provider;
      if (old->provider->settings().has_same_keys(jwt.provider)) keys = old->provider->keys();
    }
    if (keys && jwt.provider.keys.kind == KeySource::Kind::kFile) keys->refresh();
    if (!provider) {
      try {
        if (!keys) {
          KeyRing::Options options;
          options.name = jwt.provider.issuer;
          options.refresh = jwt.provider.keys_refresh;
          options.expire = jwt.provider.keys_expire;
          options.patience = std::min<std::chrono::milliseconds>(jwt.provider.keys.timeout, options.patience);
          keys =
              std::make_shared<KeyRing>(std::move(options), make_key_loader(jwt.provider.keys, environment.transport),
                                        environment.clock, environment.log);
        }
        provider = std::make_shared<Provider>(jwt.provider, std::move(keys), environment.clock);
      } catch (const Error& error) {
        throw Error(ErrorKind::kConfiguration, error.what());
      }
    }
    auto issued = std::make_unique<IssuedTokens>();
    issued->provider = std::move(provider);
    issued->revoked_ids.insert(jwt.revoked.token_ids.begin(), jwt.revoked.token_ids.end());
    issued->revoked_subjects.insert(jwt.revoked.subjects.begin(), jwt.revoked.subjects.end());
    providers_.push_back(std::move(issued));
  }
  if (!settings_.people.empty()) {
    passwords_ = former != nullptr && former->passwords_ ? former->passwords_
                                                         : std::make_shared<Passwords>(settings_.wrong_passwords);
  }
}

Authorizer::~Authorizer() = default;

Decision Authorizer::judge(const Grant& grant, Decision::Method method, const std::vector<Permission>& document,
                           Policy::RouteScopes route_scopes, const Operation& operation) const {
  Decision decision;
  decision.method = method;
  decision.principal = grant.principal;
  switch (grant.policy.decide(operation)) {
    case Policy::Verdict::kAllow:
      decision.status = Decision::Status::kAllowed;
      return decision;
    case Policy::Verdict::kExplicitDeny:
      decision.reason = "a permission of its scopes denies it";
      break;
    case Policy::Verdict::kDeny:
      decision.reason = "no scope of it allows this";
      decision.missing_scopes = scopes_for(document, route_scopes, operation);
      break;
  }
  decision.status = Decision::Status::kForbidden;
  return decision;
}

// Every one is compared, in constant time, whichever fits.
const Authorizer::Known* Authorizer::find_static(std::string_view digest) const {
  const Known* found = nullptr;
  for (const Known& known : tokens_) {
    if (equal_in_constant_time(known.sha256, digest)) found = &known;
  }
  return found;
}

Decision Authorizer::decide(const Attempt& attempt) const {
  if (!attempt.authorization) return refused(Decision::Method::kNone, "no credential");
  const std::string_view header = *attempt.authorization;
  if (const auto encoded = after_scheme(header, "basic")) return decide_password(*encoded, attempt);
  const auto token = after_scheme(header, "bearer");
  return decide_bearer(header, token.value_or(""), attempt.operation);
}

Decision Authorizer::decide_bearer(std::string_view header, std::string_view token, const Operation& operation) const {
  if (header.size() > kMaxTokenBytes + 64) return refused(Decision::Method::kNone, "a header that is too large");
  const bool may_be_issued = std::any_of(providers_.begin(), providers_.end(),
                                         [&](const auto& issued) { return issued->provider->has_token_form(header); });
  if (may_be_issued) {
    // A pattern of one's own may leave out the scheme.
    if (token.empty()) token = trim(header);
    const std::string digest = hash(HashAlgorithm::kSha256, token);
    if (const Known* known = find_static(digest)) {
      return judge(known->grant, Decision::Method::kToken, settings_.permissions, Policy::RouteScopes::kCount,
                   operation);
    }
    return decide_issued(header, token, digest, operation);
  }
  if (token.empty() || tokens_.empty()) return refused(Decision::Method::kNone, "no token");
  const Known* known = find_static(hash(HashAlgorithm::kSha256, token));
  if (known == nullptr) return refused(Decision::Method::kToken, "an unknown token");
  return judge(known->grant, Decision::Method::kToken, settings_.permissions, Policy::RouteScopes::kCount, operation);
}

Decision Authorizer::decide_issued(std::string_view header, std::string_view token, std::string_view digest,
                                   const Operation& operation) const {
  const auto judge_grant = [&](const IssuedTokens& issued, const Grant& grant) {
    const ProviderSettings& settings = issued.provider->settings();
    if (issued.is_revoked(grant)) return refused(Decision::Method::kJwt, "revoked");
    return judge(grant, Decision::Method::kJwt, settings.permissions, settings.route_scopes, operation);
  };
  for (const auto& issued : providers_) {
    if (const auto grant = issued->provider->find_cached(digest)) return judge_grant(*issued, *grant);
  }
  std::string fault = "no provider with its issuer";
  try {
    const Jws jws = parse_jws(token);
    const std::string issuer = parse_issuer(jws.payload);
    for (const auto& issued : providers_) {
      if (issued->provider->settings().issuer != issuer || !issued->provider->has_token_form(header)) continue;
      Provider::Result result = issued->provider->verify(jws, digest);
      if (result.grant) return judge_grant(*issued, *result.grant);
      fault = std::move(result.fault);
      if (result.come_again) {
        Decision decision = refused(Decision::Method::kJwt, fault);
        decision.status = Decision::Status::kComeAgain;
        return decision;
      }
    }
  } catch (const Error& error) {
    fault = error.what();
  }
  return refused(Decision::Method::kJwt, fault);
}

Decision Authorizer::decide_password(std::string_view encoded, const Attempt& attempt) const {
  constexpr auto kMethod = Decision::Method::kPassword;
  if (!passwords_) return refused(kMethod, "passwords are not accepted");
  auto decoded = encoded.size() <= 2 * kMaxPasswordBytes ? from_base64(encoded) : std::nullopt;
  const std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos) return refused(kMethod, "a malformed password header");
  const Secret both(std::move(*decoded));
  const std::string_view name = both.reveal().substr(0, colon);
  const std::string_view password = both.reveal().substr(colon + 1);
  const auto person = std::find_if(settings_.people.begin(), settings_.people.end(),
                                   [&](const Person& candidate) { return candidate.name == name; });
  const bool exists = person != settings_.people.end();
  const auto let_in = [&] {
    const Grant grant{.principal = person->name,
                      .subject = "",
                      .token_id = "",
                      .policy = Policy(settings_.permissions, person->scopes, Policy::RouteScopes::kCount)};
    return judge(grant, kMethod, settings_.permissions, Policy::RouteScopes::kCount, attempt.operation);
  };

  // With the digest in it, a password that was changed is not known any more. Computed for unknown names too.
  const PasswordDigest& digest = exists ? person->password : passwords_->nobody;
  const std::string key = hmac(HashAlgorithm::kSha256, passwords_->key,
                               digest.to_string() + '\0' + std::string(name) + '\0' + std::string(password));
  const PolicyCache::Moment now{clock_.now(), clock_.steady_now()};
  if (passwords_->right.find(key, now) && exists) return let_in();

  // Counted before the work, which is what has to be bounded, and taken back when the password was right.
  if (!passwords_->failures.note(attempt.network, now.steady).within_limit) {
    Decision decision = refused(kMethod, "too many wrong passwords from this address");
    decision.status = Decision::Status::kTooManyAttempts;
    return decision;
  }
  if (!passwords_->take_turn()) {
    passwords_->failures.forgive(attempt.network);
    Decision decision = refused(kMethod, "too many passwords are being checked");
    decision.status = Decision::Status::kComeAgain;
    return decision;
  }
  bool is_right = false;
  try {
    is_right = digest.matches(password);
  } catch (...) {
    passwords_->end_turn();
    throw;
  }
  passwords_->end_turn();
  if (!exists || !is_right) return refused(kMethod, exists ? "a wrong password" : "an unknown name");
  passwords_->failures.forgive(attempt.network);
  passwords_->right.put(key, std::make_shared<const Grant>(), now.civil + kPasswordTtl, now.steady + kPasswordTtl);
  return let_in();
}

}  // namespace penstock::authz
