// Who may read the history: static tokens, kept as digests. Default deny.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/secret.h"

namespace penstock::server {

enum class AccessResult { kAllowed, kNoCredential, kUnknownToken, kScopeMissing };

// Immutable and thread-safe.
class AccessTokens {
 public:
  struct Token {
    std::string name;
    Secret value;
    std::vector<std::string> scopes;
  };
  explicit AccessTokens(const std::vector<Token>& tokens);

  // `authorization` is the header's value: "Bearer TOKEN" (RFC 6750 section 2.1). Every known token is compared, in
  // constant time, whichever matched.
  AccessResult check(const std::optional<std::string>& authorization, std::string_view scope) const;
  // Whose token it is, for the log; empty for one that is not known.
  std::string name_of(const std::optional<std::string>& authorization) const;

 private:
  struct Entry {
    std::string name;
    std::string digest;  // SHA-256 of the token
    std::vector<std::string> scopes;
  };
  const Entry* find(std::string_view token) const;
  std::vector<Entry> entries_;
};

}  // namespace penstock::server
