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
  int max_attempts = 0;  // 0 = AWS_MAX_ATTEMPTS, else the profile's max_attempts, else 3
  std::function<void(const std::string& message)> on_retry = {};  // these two as in ClientOptions
  decltype(ClientOptions::on_call) on_call = {};
};

// The PEM bundle that replaces the system's certificates: AWS_CA_BUNDLE, else the profile's ca_bundle, else empty. Read
// before the transport is made. Error{kConfiguration} for unreadable shared files.
std::string find_ca_bundle(const EnvironmentOptions& options);

// Made once at start; keeps the credential chain and hands out clients that share it. Thread-safe.
class Environment {
 public:
  // Error{kConfiguration} for a missing region, a broken profile, partial environment credentials.
  Environment(EnvironmentOptions options, std::shared_ptr<http::HttpTransport> transport, const Clock& clock);
  ~Environment();

  const std::string& region() const;
  std::shared_ptr<CredentialsProvider> credentials() const;
  // "codepipeline", "s3", "secretsmanager", "sts", …: one for each service, shared by all who ask, so that its retry
  // bucket and clock offset are too. Error{kConfiguration} when no endpoint can be resolved.
  std::shared_ptr<Client> client(const std::string& service_id) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace penstock::aws
