// What a refusal of one credential means for the others, and what is said when none is good. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/git/mirror.h"

namespace penstock::jobs {

// Whether another credential may fetch what this one could not: it was refused, or cannot be used (here), or the server
// does not tell "does not exist" from "you may not see it" (Azure DevOps's TF401019, a bare 403 or 404). Not when the
// server knows who asks and says which permission is missing, and not for faults of the way to it.
bool may_another_credential_help(const Error& error) noexcept;

// Whether asking again with it would send the same bytes.
bool is_same_credential(const git::Credential& a, const git::Credential& b) noexcept;

// What went wrong, without the "fetching …: " that all have in common.
std::string_view cause_of_refusal(const Error& error) noexcept;

struct CredentialRefusal {
  std::string name;
  Error error;
};
// The one error for several refusals, at least one, naming what each got. `remote` holds no secret.
Error all_refused(std::string_view remote, const std::vector<CredentialRefusal>& refusals);

}  // namespace penstock::jobs
