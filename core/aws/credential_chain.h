// Which source of credentials applies: environment, profile (static, assumed role, web identity, process), container,
// instance. Source: AWS SDKs and Tools reference guide, "Standardized credential providers".
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/aws/client.h"
#include "core/aws/credentials.h"
#include "core/aws/shared_config.h"

namespace penstock::aws {

struct CredentialChainOptions {
  VariableLookup variable;
  std::string profile = "default";
  // Named in our configuration: then the environment's keys do not count. A profile that is named anywhere must exist.
  enum class ProfileSource { kDefault, kEnvironment, kConfiguration } profile_source = ProfileSource::kDefault;
  // A client of STS that signs with the given credentials (none for web identity), in the region that a profile names
  // or the program's own when it names none.
  std::function<std::shared_ptr<Client>(std::shared_ptr<CredentialsProvider>, const std::string& region)> sts;
};

// The first source that is configured; whether it works shows when it is asked. Never blocks on the network.
// Error{kConfiguration} for a missing or contradictory profile, a cycle of source profiles, half an environment.
std::shared_ptr<CredentialsProvider> make_credential_chain(const CredentialChainOptions& options,
                                                           std::shared_ptr<http::HttpTransport> transport,
                                                           const Clock& clock);

}  // namespace penstock::aws
