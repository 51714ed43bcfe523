// The configuration turned into the options of the parts. Pure but for reading the environment.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/aws/codepipeline.h"
#include "core/aws/environment.h"
#include "core/config/settings.h"
#include "core/git/mirror.h"
#include "core/hooks/ip_range.h"
#include "core/http/curl_transport.h"
#include "core/jobs/artifact_options.h"
#include "core/jobs/command_handler.h"
#include "core/listener/listener.h"
#include "core/store/store.h"
#include "core/telemetry/log.h"
#include "core/telemetry/metrics.h"
#include "core/trigger/starter.h"
#include "server/sign_up_routes.h"

namespace penstock::server {

std::optional<std::string> environment_variable(const std::string& name);

telemetry::LogLevel to_log_level(const std::string& name);
aws::EnvironmentOptions aws_options(const config::Aws& settings);
// Trusts what AWS_CA_BUNDLE or the profile's ca_bundle names, else the system's authorities.
std::shared_ptr<http::CurlTransport> make_transport(const config::Aws& settings);
// Error{kConfiguration} when it cannot be made.
void make_data_directory(const std::filesystem::path& directory);
// Troubles of the store go to the log; both references must outlive it.
store::Store::Options store_options(const config::Settings& settings, telemetry::Metrics& metrics,
                                    const telemetry::Log& log);
// For services that the world knows (Entra ID): trusts SSL_CERT_FILE, else the system's authorities, and never what AWS
// or git alone were told to trust.
std::shared_ptr<http::CurlTransport> make_public_transport();
// Certificate authorities for git over https: the setting, else GIT_SSL_CAINFO, else SSL_CERT_FILE, else the system's.
git::Mirrors::Options mirror_options(const std::filesystem::path& directory, const config::Git& settings);
// For what is fetched from git servers without git (Git LFS): the same authorities, the same proxy.
std::shared_ptr<http::CurlTransport> make_git_transport(const config::Git& settings);
jobs::ArtifactOptions artifact_options(const config::Artifact& settings);
jobs::CommandHandler::Options command_options(const config::Command& settings, const std::string& region);
// Error{kConfiguration} unless the file holds certificates. Nothing to check when none is set.
void check_certificate_authorities(const config::Git& settings);
std::set<aws::ActionTypeId> action_types(const config::Settings& settings);
// Error{kConfiguration} for a key that is none.
signup::Subjects sign_up_subjects(const std::vector<config::ThirdParty>& settings,
                                  const std::function<Secret(const SecretReference&)>& resolve);
trigger::Starter::Options starter_options(const config::Settings& settings);
std::vector<hooks::IpRange> trusted_proxies(const config::Settings& settings);
listener::TlsFiles tls_files(const config::Tls& tls);
// The sockets that systemd passed, if any, take the place of `server.listen`.
listener::Listener::Options listener_options(const config::Settings& settings,
                                             std::function<bool(const std::string& address)> is_trusted_proxy);

}  // namespace penstock::server
