#include "server/access.h"

#include <algorithm>

#include "core/base/digest.h"
#include "core/base/text.h"

namespace penstock::server {
namespace {

std::optional<std::string_view> bearer_token(std::string_view authorization) {
  static constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size() ||
      !equals_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  return trim(authorization.substr(kScheme.size()));
}

}  // namespace

AccessTokens::AccessTokens(const std::vector<Token>& tokens) {
  for (const Token& token : tokens) {
    // An empty token would let everyone in who sends "Bearer " and nothing.
    if (!token.value.empty()) {
      entries_.push_back({token.name, hash(HashAlgorithm::kSha256, token.value.reveal()), token.scopes});
    }
  }
}

const AccessTokens::Entry* AccessTokens::find(std::string_view token) const {
  const std::string digest = hash(HashAlgorithm::kSha256, token);
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {
    if (equal_in_constant_time(entry.digest, digest)) found = &entry;
  }
  return found;
}

std::string AccessTokens::name_of(const std::optional<std::string>& authorization) const {
  const auto token = authorization ? bearer_token(*authorization) : std::nullopt;
  const Entry* const found = token && !token->empty() ? find(*token) : nullptr;
  return found != nullptr ? found->name : "";
}

AccessResult AccessTokens::check(const std::optional<std::string>& authorization, std::string_view scope) const {
  const auto token = authorization ? bearer_token(*authorization) : std::nullopt;
  if (!token || token->empty()) return AccessResult::kNoCredential;
  const Entry* const found = find(*token);
  if (found == nullptr) return AccessResult::kUnknownToken;
  return std::find(found->scopes.begin(), found->scopes.end(), scope) != found->scopes.end()
             ? AccessResult::kAllowed
             : AccessResult::kScopeMissing;
}

}  // namespace penstock::server
