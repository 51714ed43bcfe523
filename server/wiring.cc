#include "server/wiring.h"

#include <cstdlib>
#include <utility>

#include "core/base/certificate.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "core/hooks/event.h"
#include "core/hooks/evidence.h"
#include "core/hooks/search_text.h"
#include "core/jobs/process_guard.h"
#include "server/version.h"

namespace penstock::server {
namespace {

constexpr std::size_t kMaxAuthoritiesBytes = 8u << 20;

// Absolute: git runs in the mirror's folder, where a relative path would mean another file.
std::string certificate_authorities_of(const config::Git& settings) {
  if (!settings.certificate_authorities.empty()) return std::filesystem::absolute(settings.certificate_authorities);
  for (const char* name : {"GIT_SSL_CAINFO", "SSL_CERT_FILE"}) {
    if (auto path = environment_variable(name); path && !path->empty()) return *path;
  }
  return "";
}

}  // namespace

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

std::shared_ptr<http::CurlTransport> make_public_transport() {
  http::CurlTransport::Options options;
  options.user_agent = "penstock/" + std::string(kVersion);
  options.ca_file = environment_variable("SSL_CERT_FILE").value_or("");
  return std::make_shared<http::CurlTransport>(options);
}

std::shared_ptr<http::CurlTransport> make_transport(const config::Aws& settings) {
  http::CurlTransport::Options options;
  options.user_agent = "penstock/" + std::string(kVersion);
  options.ca_file = aws::find_ca_bundle(aws_options(settings));
  return std::make_shared<http::CurlTransport>(options);
}

store::Store::Options store_options(const config::Settings& settings, telemetry::Metrics& metrics,
                                    const telemetry::Log& log) {
  store::Store::Options options;
  options.path = settings.history_database();
  options.make_request_token = [](const std::string& push_key, const std::string& webhook, const std::string& pipeline,
                                  int generation) {
    return hooks::client_request_token(push_key, webhook, pipeline, generation);
  };
  options.expand_decisions = hooks::expand_decisions;
  options.search_text = hooks::search_text_of_body;
  options.on_progress = [&log](const std::string& how_far) { log.info(how_far); };
  options.metrics = &metrics;
  options.on_trouble = [&log](const store::Trouble& trouble) {
    const std::string_view part = trouble.part == store::Trouble::Part::kWriting
                                      ? "the history cannot be written"
                                      : "the log cannot be copied into the history";
    if (trouble.state == store::Trouble::State::kBegins) {
      log.error(part, {{"error", trouble.cause}});
    } else {
      log.warning(std::string(part) + ": over",
                  {{"error", trouble.cause}, {"failures", trouble.failures}, {"milliseconds", trouble.lasted.count()}});
    }
  };
  return options;
}

git::Mirrors::Options mirror_options(const std::filesystem::path& directory, const config::Git& settings) {
  git::Mirrors::Options options;
  options.directory = directory;
  options.allow_file_protocol = settings.allow_file_protocol;
  options.quota_bytes = settings.mirror_quota;
  options.proxy = settings.proxy;
  options.certificate_authorities = certificate_authorities_of(settings);
  return options;
}

std::shared_ptr<http::CurlTransport> make_git_transport(const config::Git& settings) {
  http::CurlTransport::Options options;
  options.user_agent = "penstock/" + std::string(kVersion);
  options.ca_file = certificate_authorities_of(settings);
  if (!settings.proxy.empty()) {
    options.variable = [proxy = settings.proxy](const std::string& name) {
      return to_lower(name) == "no_proxy" ? environment_variable(name) : std::optional<std::string>(proxy);
    };
  }
  return std::make_shared<http::CurlTransport>(options);
}

jobs::ArtifactOptions artifact_options(const config::Artifact& settings) {
  jobs::ArtifactOptions options;
  options.compression = settings.compression;
  options.subdirectory = settings.subdirectory;
  options.include = settings.include;
  options.exclude = settings.exclude;
  switch (settings.submodules) {
    case config::Artifact::Submodules::kNone:
      options.submodules = jobs::ArtifactOptions::Submodules::kNone;
      break;
    case config::Artifact::Submodules::kDirect:
      options.submodules = jobs::ArtifactOptions::Submodules::kDirect;
      break;
    case config::Artifact::Submodules::kRecursive:
      options.submodules = jobs::ArtifactOptions::Submodules::kRecursive;
      break;
  }
  options.lfs = settings.lfs;
  options.git_metadata = settings.git_metadata;
  options.export_ignore = settings.export_ignore;
  options.refuse_outside_links = settings.refuse_outside_links;
  options.refuse_case_clashes = settings.refuse_case_clashes;
  return options;
}

void check_certificate_authorities(const config::Git& settings) {
  if (settings.certificate_authorities.empty()) return;
  try {
    parse_certificates(read_file(settings.certificate_authorities, kMaxAuthoritiesBytes));
  } catch (const Error& error) {
    throw Error(ErrorKind::kConfiguration, "expected a PEM file of certificates, found " +
                                               in_quotes(settings.certificate_authorities.native()) + ": " +
                                               error.what());
  }
}

jobs::CommandHandler::Options command_options(const config::Command& settings, const std::string& region) {
  jobs::CommandHandler::Options options;
  options.argv = settings.argv;
  for (const std::string& variable : settings.environment) {
    const std::size_t equals = variable.find('=');
    if (equals != std::string::npos) {
      options.environment[variable.substr(0, equals)] = variable.substr(equals + 1);
    } else if (const auto value = environment_variable(variable)) {
      options.environment[variable] = *value;
    }
  }
  options.user = settings.user;
  options.guard = {"/proc/self/exe", std::string(jobs::kGuardCommand)};
  options.region = region;
  options.limits = {.memory = settings.memory,
                    .processes = static_cast<std::uint64_t>(settings.processes),
                    .file_size = settings.output};
  options.inputs.max_download = settings.input;
  options.inputs.unpacked.max_bytes = settings.input;
  options.outputs = {.max_entries = static_cast<std::uint64_t>(settings.files), .max_bytes = settings.output};
  options.max_log_bytes = settings.log;
  if (settings.when_interrupted == config::Command::WhenInterrupted::kFail) {
    options.when_interrupted = jobs::CommandHandler::WhenInterrupted::kFail;
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

signup::Subjects sign_up_subjects(const std::vector<config::ThirdParty>& settings,
                                  const std::function<Secret(const SecretReference&)>& resolve) {
  signup::Subjects subjects;
  for (const config::ThirdParty& entry : settings) {
    const config::ActionType& type = entry.work.action_type;
    std::vector<Secret> keys;
    for (const SecretReference& reference : entry.keys) keys.push_back(resolve(reference));
    signup::Subject& subject = subjects[entry.signup_path];
    subject.action_type = aws::ActionTypeId{type.category, type.owner, type.provider, type.version}.to_string();
    subject.provider = type.provider;
    subject.confirmation_url = entry.confirmation_url;
    subject.properties = entry.properties;
    try {
      subject.sealer = std::make_shared<const Sealer>(keys);
    } catch (const Error& error) {
      throw error.with_context("thirdParty " + in_quotes(type.provider));
    }
  }
  return subjects;
}

trigger::Starter::Options starter_options(const config::Settings& settings) {
  trigger::Starter::Options options;
  options.worked_action_types = action_types(settings);
  options.unclaimed.timeout = settings.unclaimed_job_timeout;
  return options;
}

std::vector<hooks::IpRange> trusted_proxies(const config::Settings& settings) {
  std::vector<hooks::IpRange> ranges;
  for (const std::string& text : settings.server.trusted_proxies) {
    if (const auto range = hooks::IpRange::parse(text)) ranges.push_back(*range);
  }
  return ranges;
}

listener::TlsFiles tls_files(const config::Tls& tls) {
  return {tls.certificate, tls.private_key, tls.client_authorities};
}

listener::Listener::Options listener_options(const config::Settings& settings,
                                             std::function<bool(const std::string& address)> is_trusted_proxy) {
  listener::Listener::Options options;
  options.addresses = listener::take_inherited_sockets();
  if (options.addresses.empty()) {
    listener::Address address;
    address.host = settings.server.listen_host;
    address.port = settings.server.listen_port;
    address.unix_path = settings.server.listen_path;
    options.addresses.push_back(std::move(address));
  }
  if (settings.server.tls) options.tls = tls_files(*settings.server.tls);
  options.max_body_bytes = settings.server.max_body_bytes;
  options.max_connections = static_cast<std::size_t>(settings.server.max_connections);
  options.max_connections_per_address = static_cast<std::size_t>(settings.server.max_connections_per_address);
  options.proxy_protocol = settings.server.proxy_protocol;
  options.is_trusted_proxy = std::move(is_trusted_proxy);
  return options;
}

}  // namespace penstock::server
