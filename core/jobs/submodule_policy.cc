#include "core/jobs/submodule_policy.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/git/remote.h"
#include "core/jobs/credential_policy.h"

namespace penstock::jobs {
namespace {

std::string host_of(const git::Remote& remote) {
  return remote.port.empty() ? remote.host : remote.host + ":" + remote.port;
}

}  // namespace

git::Credential submodule_credential(const git::FetchRequest& repository, const std::string& submodule_remote,
                                     const SubmoduleHosts& hosts, const GitCredentialLookup& lookup,
                                     CredentialUse use) {
  const git::Remote own = git::parse_remote(repository.remote);
  const git::Remote remote = git::parse_remote(submodule_remote);
  const std::string host = host_of(remote);
  const auto listed = hosts.find(host);
  if (listed != hosts.end()) {
    return listed->second.empty() ? git::Credential() : lookup(listed->second, use);
  }
  const bool is_file = remote.scheme == git::Scheme::kFile;
  const bool is_ssh = remote.scheme == git::Scheme::kSsh;
  const bool same_host = host == host_of(own);
  const bool same_login = is_file == (own.scheme == git::Scheme::kFile) && is_ssh == (own.scheme == git::Scheme::kSsh);
  if (same_host && same_login) return repository.credential;
  const std::string remedy = "list " + in_quotes(host) +
                             " under `artifact.submoduleHosts`, with the name of its credential or \"\" for none (for "
                             "`penstock artifact`: `--submodule-host " +
                             host + "`)";
  const std::string cause =
      is_file ? "is a local path, which only repositories of local paths may name"
      : same_host
          ? "is reached " + std::string(is_ssh ? "over ssh" : "over https") +
                ", where the repository's own credential does not fit; use a relative address in .gitmodules, or " +
                remedy
          : "is on another host than the repository; to allow it, " + remedy;
  throw Error(ErrorKind::kConfiguration, in_quotes(remote.for_git()) + " " + cause);
}

Error with_submodule_remedy(const Error& error) {
  if (!may_another_credential_help(error)) return error;
  return Error(ErrorKind::kPermission, error.what() + std::string("; the credential for a submodule's host is the one "
                                                                  "that `artifact.submoduleHosts` names for it"))
      .with_code("SubmoduleRefused");
}

}  // namespace penstock::jobs
