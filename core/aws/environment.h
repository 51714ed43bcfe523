// Everything that the standard AWS settings say: environment, shared files, regions, endpoints; and the factory that
// turns them into clients. Source: reference of AWS SDKs and Tools settings.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/aws/client.h"
#include "core/aws/codepipeline.h"
#include "core/aws/credentials.h"
#include "core/aws/s3.h"
#include "core/aws/secrets.h"
#include "core/http/transport.h"

namespace penstock::aws {

struct EnvironmentOptions {
  std::optional<std::string> region = {};        // from the configuration; wins
  std::optional<std::string> endpoint_url = {};  // from the configuration; wins over AWS_ENDPOINT_URL[_SERVICE]
  std::optional<std::string> profile = {};
  // The process environment; tests bring their own map.
  std::function<std::optional<std::string>(const std::string& name)> variable = {};
  int max_attempts = 0;  // 0 = AWS_MAX_ATTEMPTS, else 3
};

// Made once at start; keeps the credential chain and hands out clients that share it. Thread-safe.
class Environment {
 public:
  // Error{kConfiguration} for a missing region, a broken profile, partial environment credentials.
  Environment(EnvironmentOptions options, std::shared_ptr<http::HttpTransport> transport, const Clock& clock);
  ~Environment();

  const std::string& region() const;
  std::shared_ptr<CredentialsProvider> credentials() const;
  std::shared_ptr<Client> client(const std::string& service_id) const;  // "codepipeline", "s3", "secretsmanager", "sts"

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace penstock::aws
