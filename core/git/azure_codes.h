// Azure DevOps's error codes (TF401019, VS403463, …) in what git prints: what they mean, and what to do. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "core/git/fetch_errors.h"

namespace penstock::git {

struct AzureCode {
  std::string_view code;
  FetchFault fault;
  std::string_view meaning;  // with the remedy
};

inline constexpr auto kAzureCodes = std::to_array<AzureCode>({
    {"TF401019", FetchFault::kRepositoryMissing,
     "no such repository, or the credential may not read it, which the server does not tell apart; compare the names, "
     "and give the identity Read on the repository"},
    {"TF200016", FetchFault::kRepositoryMissing,
     "no such project, or the credential may not see it; compare the project's name, and add the identity to the "
     "project's Readers"},
    {"VS800075", FetchFault::kRepositoryMissing,
     "no such project, or the credential may not see it; compare the project's name, and add the identity to the "
     "project's Readers"},
    {"TF400813", FetchFault::kUnauthenticated,
     "the credential is not known to this organization or may not use it; make a token for this organization, and add "
     "the identity to it as a user"},
    {"TF30063", FetchFault::kUnauthenticated,
     "the credential may not use this server or organization; make a token for it, and add the identity as a user"},
    {"VS30063", FetchFault::kUnauthenticated,
     "the credential may not use this server or organization; make a token for it, and add the identity as a user"},
    {"TF401444", FetchFault::kUnauthenticated,
     "the identity has never entered this organization; a person signs in once with a browser, a service principal is "
     "added as a user"},
    {"TF401027", FetchFault::kPermissionMissing,
     "the identity lacks the permission to read this repository; give it Read there (a disabled repository answers so "
     "too)"},
    {"TF50309", FetchFault::kPermissionMissing,
     "the identity lacks a permission on the project; give it View project-level information, as the project's Readers "
     "have"},
    {"TF400409", FetchFault::kPermissionMissing,
     "the identity's access level does not include Repos; give it Basic access"},
    {"VS403463", FetchFault::kPermissionMissing,
     "a conditional access policy of Entra ID blocks this address; have it excepted"},
    {"TF401175", FetchFault::kIdRefused,
     "the commit or branch does not exist; it was deleted, or removed by a force push: push it again"},
    {"TF400733", FetchFault::kRateLimited,
     "the identity has used up its share of the service and is slowed down; use fewer jobs at a time or an identity "
     "of its own"},
    {"TF401041", FetchFault::kProtocol,
     "the server did not understand the client's protocol; update git on this machine"},
    {"TF400324", FetchFault::kServerFault,
     "the service cannot be reached by its own front end; it passes, or ask status.dev.azure.com"},
    {"TF10216", FetchFault::kServerFault,
     "the service is not available at the moment; it passes, or ask its administrator"},
    {"TF246017", FetchFault::kServerFault, "the server cannot reach its database; it passes, or ask its administrator"},
    {"TF30059", FetchFault::kServerFault, "the server could not start; ask its administrator"},
    {"TF400898", FetchFault::kServerFault, "an internal error of the server; it passes, or ask its administrator"},
});

// Null for codes that are not known here.
inline const AzureCode* find_azure_code(std::string_view code) noexcept {
  const auto found =
      std::find_if(kAzureCodes.begin(), kAzureCodes.end(), [&](const AzureCode& each) { return each.code == code; });
  return found == kAzureCodes.end() ? nullptr : &*found;
}

// The first code in the text: "TF" or "VS" and five or six digits, standing alone. Empty = none.
inline std::string_view first_azure_code(std::string_view text) noexcept {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_word = [&](char c) { return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  for (std::size_t at = 0; at + 7 <= text.size(); ++at) {
    const std::string_view prefix = text.substr(at, 2);
    if ((prefix != "TF" && prefix != "VS") || (at > 0 && is_word(text[at - 1]))) continue;
    std::size_t end = at + 2;
    while (end < text.size() && is_digit(text[end])) ++end;
    const std::size_t digits = end - at - 2;
    if (digits >= 5 && digits <= 6 && (end == text.size() || !is_word(text[end]))) return text.substr(at, end - at);
  }
  return {};
}

}  // namespace penstock::git
