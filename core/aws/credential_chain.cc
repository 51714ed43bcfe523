#include "core/aws/credential_chain.h"

#include <set>
#include <utility>

#include "core/aws/credential_process.h"
#include "core/aws/metadata_credentials.h"
#include "core/aws/refreshing_credentials.h"
#include "core/aws/sts.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"

namespace penstock::aws {

namespace {

using Provider = std::shared_ptr<CredentialsProvider>;
using Expired = RefreshingCredentials::Expired;

constexpr std::size_t kMaxWebIdentityToken = 20000;

std::optional<Credentials> static_keys(const ConfigSection& profile, const std::string& name) {
  const auto id = find_value(profile, "aws_access_key_id");
  const auto secret = find_value(profile, "aws_secret_access_key");
  if (!id && !secret) return std::nullopt;
  if (!id || !secret) {
    throw Error(ErrorKind::kConfiguration, "reading AWS credentials of the profile " + in_quotes(name) +
                                               ": it has only " + (id ? "aws_access_key_id" : "aws_secret_access_key"));
  }
  Credentials credentials;
  credentials.access_key_id = *id;
  credentials.secret_access_key = Secret(*secret);
  credentials.session_token = Secret(find_value(profile, "aws_session_token").value_or(""));
  return credentials;
}

class Chain {
 public:
  Chain(const CredentialChainOptions& options, std::shared_ptr<http::HttpTransport> transport, const Clock& clock)
      : options_(options), variable_(options.variable), transport_(std::move(transport)), clock_(clock) {
    config_ = load_shared_config(variable_);
  }

  Provider resolve() {
    const ConfigSection* profile = config_.find_profile(options_.profile);
    if (profile == nullptr && options_.profile_source != CredentialChainOptions::ProfileSource::kDefault) {
      throw Error(ErrorKind::kConfiguration, "finding AWS credentials: there is no profile " +
                                                 in_quotes(options_.profile) + " in the shared files");
    }
    const bool named = options_.profile_source == CredentialChainOptions::ProfileSource::kConfiguration;
    if (!named) {
      if (Provider found = from_environment()) return found;
    }
    if (profile != nullptr && find_value(*profile, "role_arn")) return from_profile(options_.profile);
    if (!named) {
      if (Provider found = web_identity_from_environment()) return found;
    }
    if (profile != nullptr) {
      if (Provider found = from_profile(options_.profile)) return found;
    }
    if (has_container_credentials(variable_)) return container();
    return instance(profile != nullptr ? *profile : ConfigSection());
  }

 private:
  Provider refreshing(std::function<Credentials()> load, Expired expired = Expired::kRefuse) {
    return std::make_shared<RefreshingCredentials>(std::move(load), expired, clock_);
  }

  Provider from_environment() {
    const auto id = variable_("AWS_ACCESS_KEY_ID");
    const auto secret = variable_("AWS_SECRET_ACCESS_KEY");
    if (!id && !secret) return nullptr;
    if (!id || !secret) {
      throw Error(ErrorKind::kConfiguration, std::string("finding AWS credentials: ") +
                                                 (id ? "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not"
                                                     : "AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not"));
    }
    Credentials credentials;
    credentials.access_key_id = std::string(trim(*id));
    credentials.secret_access_key = Secret(std::string(trim(*secret)));
    auto token = variable_("AWS_SESSION_TOKEN");
    if (!token) token = variable_("AWS_SECURITY_TOKEN");
    credentials.session_token = Secret(std::string(trim(token.value_or(""))));
    if (const auto expires = variable_("AWS_CREDENTIAL_EXPIRATION")) credentials.expires_at = parse_rfc3339(*expires);
    return std::make_shared<StaticCredentials>(std::move(credentials));
  }

  Provider web_identity(AssumeRoleRequest request, std::string token_file, const std::string& region) {
    auto sts = options_.sts(nullptr, region);
    return refreshing([sts = std::move(sts), request = std::move(request), token_file = std::move(token_file)] {
      std::string token;
      try {
        token = read_file(token_file, kMaxWebIdentityToken);
      } catch (const Error& error) {
        throw error.with_context("reading the web identity token");
      }
      const Secret secret{std::string(trim(token))};
      wipe(token);
      return StsClient(sts).assume_role_with_web_identity(request, secret);
    });
  }

  Provider web_identity_from_environment() {
    const auto file = variable_("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (!file) return nullptr;
    const auto role = variable_("AWS_ROLE_ARN");
    if (!role) {
      throw Error(ErrorKind::kConfiguration,
                  "finding AWS credentials: AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not");
    }
    return web_identity({.role_arn = *role, .session_name = variable_("AWS_ROLE_SESSION_NAME").value_or("")}, *file,
                        "");
  }

  Provider container() {
    return refreshing(
        [transport = transport_, variable = variable_] { return load_container_credentials(*transport, variable); },
        Expired::kKeepExpired);
  }

  Provider instance(const ConfigSection& profile) {
    return refreshing(
        [transport = transport_, variable = variable_, profile] {
          try {
            return load_instance_credentials(*transport, variable, profile);
          } catch (const Error& error) {
            throw error.with_context(
                "finding AWS credentials: none in the environment (AWS_ACCESS_KEY_ID), the profile, or a container");
          }
        },
        Expired::kKeepExpired);
  }

  [[noreturn]] void refuse(const std::string& profile, const std::string& why) const {
    throw Error(ErrorKind::kConfiguration, "reading AWS credentials of the profile " + in_quotes(profile) + ": " + why);
  }

  // Empty when the profile says nothing about credentials.
  Provider from_profile(const std::string& name) {
    const ConfigSection* profile = config_.find_profile(name);
    if (profile == nullptr) refuse(name, "there is no such profile");
    const bool seen = !visited_.insert(name).second;
    if (find_value(*profile, "role_arn") && !seen) return from_role(name, *profile);
    if (auto keys = static_keys(*profile, name)) {
      // Read anew when the service refuses them: somebody may have rotated them.
      return refreshing([variable = variable_, name] {
        const SharedConfig config = load_shared_config(variable);
        const ConfigSection* section = config.find_profile(name);
        auto fresh = section != nullptr ? static_keys(*section, name) : std::nullopt;
        if (!fresh) {
          throw Error(ErrorKind::kConfiguration,
                      "reading AWS credentials of the profile " + in_quotes(name) + ": its keys are gone");
        }
        return std::move(*fresh);
      });
    }
    if (seen) refuse(name, "its source_profile leads back to it, and it has no keys of its own");
    if (const auto command = find_value(*profile, "credential_process")) {
      return refreshing([command = *command] { return load_process_credentials(command); });
    }
    for (const char* key : {"sso_session", "sso_start_url", "sso_account_id", "login_session"}) {
      if (find_value(*profile, key)) {
        refuse(name, "a sign-in by a person (" + std::string(key) +
                         ") cannot serve a daemon; use a role (role_arn), credential_process with \"aws configure "
                         "export-credentials --profile NAME\", or the keys of the environment");
      }
    }
    return nullptr;
  }

  Provider from_role(const std::string& name, const ConfigSection& profile) {
    AssumeRoleRequest request;
    request.role_arn = find_value(profile, "role_arn").value_or("");
    request.session_name = find_value(profile, "role_session_name").value_or("");
    request.external_id = find_value(profile, "external_id").value_or("");
    if (const auto duration = find_value(profile, "duration_seconds")) {
      const auto seconds = parse_unsigned(*duration);
      if (!seconds || *seconds < 900 || *seconds > 43200) {
        refuse(name, "expected 900 to 43200 as duration_seconds, found " + in_quotes(*duration));
      }
      request.duration = std::chrono::seconds(*seconds);
    }
    if (find_value(profile, "mfa_serial")) {
      refuse(name, "mfa_serial asks a person for a code, which a daemon cannot");
    }
    const std::string region = find_value(profile, "region").value_or("");
    const auto token_file = find_value(profile, "web_identity_token_file");
    const auto source_profile = find_value(profile, "source_profile");
    const auto source = find_value(profile, "credential_source");
    if (token_file && !source_profile && !source) return web_identity(std::move(request), *token_file, region);
    if (source_profile.has_value() == source.has_value()) {
      refuse(name, "role_arn wants exactly one of source_profile and credential_source");
    }
    Provider base;
    if (source_profile) {
      base = from_profile(*source_profile);
      if (!base) refuse(*source_profile, "it has no credentials to assume the role with");
    } else if (equals_ignoring_case(*source, "Environment")) {
      base = from_environment();
      if (!base) refuse(name, "credential_source is Environment, but AWS_ACCESS_KEY_ID is not set");
    } else if (equals_ignoring_case(*source, "EcsContainer")) {
      base = container();
    } else if (equals_ignoring_case(*source, "Ec2InstanceMetadata")) {
      base = instance(profile);
    } else {
      refuse(name, "expected Environment, Ec2InstanceMetadata or EcsContainer as credential_source, found " +
                       in_quotes(*source));
    }
    auto sts = options_.sts(std::move(base), region);
    return refreshing(
        [sts = std::move(sts), request = std::move(request)] { return StsClient(sts).assume_role(request); });
  }

  const CredentialChainOptions& options_;
  const VariableLookup variable_;
  const std::shared_ptr<http::HttpTransport> transport_;
  const Clock& clock_;
  SharedConfig config_;
  std::set<std::string> visited_;
};

}  // namespace

std::shared_ptr<CredentialsProvider> make_credential_chain(const CredentialChainOptions& options,
                                                           std::shared_ptr<http::HttpTransport> transport,
                                                           const Clock& clock) {
  return Chain(options, std::move(transport), clock).resolve();
}

}  // namespace penstock::aws
