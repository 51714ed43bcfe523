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

namespace penstock::server {

// Thread-safe. Blocks for Secrets Manager and for Entra's token endpoint.
class GitCredentials {
 public:
  GitCredentials(aws::SecretResolver& secrets, std::shared_ptr<http::HttpTransport> transport, const Clock& clock);

  // Replaces the known names, on start and reload.
  void set(const std::vector<config::Credential>& credentials);

  enum class Freshness {
    kCached,
    kAnew,  // the last one was refused: read the secret, and get the token, again
  };
  // An empty name is no credential. Error{kConfiguration} for an unknown name; errors of the secret's source.
  git::Credential get(const std::string& name, Freshness freshness);

 private:
  struct Known {
    config::Credential credential;
    std::shared_ptr<azure::EntraTokens> entra;  // only for ENTRA
  };

  aws::SecretResolver& secrets_;
  const std::shared_ptr<http::HttpTransport> transport_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // guarded by mutex_
};

}  // namespace penstock::server
