// Names of `credentials:` turned into what git logs in with. The one place that knows PATs, SSH keys and Entra at once.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/aws/secrets.h"
#include "core/azure/entra_tokens.h"
#include "core/base/time.h"
#include "core/config/settings.h"
#include "core/git/mirror.h"
#include "core/http/transport.h"
#include "core/jobs/git_source.h"
#include "server/credential_expiry.h"

namespace penstock::server {

// Thread-safe. Blocks for Secrets Manager and for Entra's token endpoint.
class GitCredentials {
 public:
  GitCredentials(aws::SecretResolver& secrets, std::shared_ptr<http::HttpTransport> transport, const Clock& clock);

  // Replaces the known names, on start and reload.
  void set(const std::vector<config::Credential>& credentials);

  // An empty name is no credential. Error{kConfiguration} for an unknown name and for an SSH key that is none; errors
  // of the secret's source.
  git::Credential get(const std::string& name, jobs::CredentialUse use);

  // When they end, as far as it is known: what the configuration says, and certificates themselves, which are read for
  // it; those that cannot be read are left out.
  std::vector<CredentialExpiry> expiries();

 private:
  struct Known {
    config::Credential credential;
    std::shared_ptr<azure::EntraTokens> entra;  // only for ENTRA
  };
  Known find(const std::string& name);
  Secret resolve(const SecretReference& reference, jobs::CredentialUse use);
  azure::EntraTokens::Proof proof_of(const config::EntraCredential& entra);

  aws::SecretResolver& secrets_;
  const std::shared_ptr<http::HttpTransport> transport_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // guarded by mutex_
};

// What an SSH key secret may hold: a PEM or OpenSSH key, or base64 of one (as scripts for Secrets Manager store it).
// Error{kConfiguration} without a word of the content.
Secret decode_private_key(const Secret& stored, std::string_view credential_name);

}  // namespace penstock::server
