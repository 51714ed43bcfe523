#include "server/wiring.h"

#include <cstdlib>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/hooks/event.h"
#include "core/hooks/evidence.h"
#include "server/version.h"

namespace penstock::server {

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

telemetry::LogLevel to_log_level(const std::string& name) {
  if (name == "debug") return telemetry::LogLevel::kDebug;
  if (name == "warning") return telemetry::LogLevel::kWarning;
  if (name == "error") return telemetry::LogLevel::kError;
  if (name == "off") return telemetry::LogLevel::kOff;
  return telemetry::LogLevel::kInfo;
}

aws::EnvironmentOptions aws_options(const config::Aws& settings) {
  aws::EnvironmentOptions options;
  options.region = settings.region;
  options.endpoint_url = settings.endpoint_url;
  options.variable = environment_variable;
  return options;
}

void make_data_directory(const std::filesystem::path& directory) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) {
    throw Error(ErrorKind::kConfiguration,
                "making dataDirectory " + in_quotes(directory.native()) + ": " + failed.message());
  }
}

std::shared_ptr<http::CurlTransport> make_transport(const config::Aws& settings) {
  http::CurlTransport::Options options;
  options.user_agent = "penstock/" + std::string(kVersion);
  options.ca_file = aws::find_ca_bundle(aws_options(settings));
  return std::make_shared<http::CurlTransport>(options);
}

store::Store::Options store_options(const config::Settings& settings) {
  store::Store::Options options;
  options.path = settings.history_database();
  options.make_request_token = [](const std::string& push_key, const std::string& webhook, const std::string& pipeline,
                                  int generation) {
    return hooks::client_request_token(push_key, webhook, pipeline, generation);
  };
  options.expand_decisions = hooks::expand_decisions;
  return options;
}

git::Mirrors::Options mirror_options(const std::filesystem::path& directory, bool allow_file_protocol) {
  git::Mirrors::Options options;
  options.directory = directory;
  options.allow_file_protocol = allow_file_protocol;
  for (const char* name : {"GIT_SSL_CAINFO", "SSL_CERT_FILE"}) {
    if (options.certificate_authorities.empty()) {
      options.certificate_authorities = environment_variable(name).value_or("");
    }
  }
  return options;
}

std::set<aws::ActionTypeId> action_types(const config::Settings& settings) {
  std::set<aws::ActionTypeId> types;
  for (const config::Worker& worker : settings.workers) {
    const config::ActionType& type = worker.action_type;
    types.insert({type.category, type.owner, type.provider, type.version});
  }
  return types;
}

trigger::Starter::Options starter_options(const config::Settings& settings) {
  trigger::Starter::Options options;
  options.worked_action_types = action_types(settings);
  options.unclaimed.timeout = settings.unclaimed_job_timeout;
  return options;
}

Listener::Options listener_options(const config::Settings& settings) {
  Listener::Options options;
  options.host = settings.server.listen_host;
  options.port = settings.server.listen_port;
  if (settings.server.tls) {
    options.tls = Listener::TlsFiles{settings.server.tls->certificate, settings.server.tls->private_key};
  }
  options.max_body_bytes = settings.server.max_body_bytes;
  return options;
}

}  // namespace penstock::server
