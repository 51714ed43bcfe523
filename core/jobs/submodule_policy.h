// Where submodules may be fetched from, and with what: their addresses come from the repository, which is not trusted.
#pragma once

#include <map>
#include <string>

#include "core/base/error.h"
#include "core/git/mirror.h"
#include "core/jobs/credential_rotation.h"

namespace penstock::jobs {

// "host" or "host:port" -> the name of a credential; empty = without.
using SubmoduleHosts = std::map<std::string, std::string>;

// The credential for a submodule: the repository's own on its own host, else that of the host, looked up with `use`.
// Error{kConfiguration} naming the host when it is not listed. May block for the secret's source. `lookup` may be null
// when no host has a credential.
git::Credential submodule_credential(const git::FetchRequest& repository, const std::string& submodule_remote,
                                     const SubmoduleHosts& hosts, const GitCredentialLookup& lookup, CredentialUse use);

// What to make of an error with another credential than the repository's: when it is that credential's fault, the
// repository's others must not be tried for it, and a person looks elsewhere.
Error with_submodule_remedy(const Error& error);

}  // namespace penstock::jobs
