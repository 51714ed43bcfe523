#include "core/aws/environment.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "core/aws/credential_chain.h"
#include "core/aws/endpoint.h"
#include "core/aws/shared_config.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::aws {

namespace {

std::optional<std::string> process_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

VariableLookup make_lookup(const EnvironmentOptions& options) {
  auto source = options.variable ? options.variable : process_variable;
  return [source = std::move(source)](const std::string& name) -> std::optional<std::string> {
    auto value = source(name);
    return value && !value->empty() ? value : std::nullopt;
  };
}

bool is_true(const std::optional<std::string>& value) {
  return value && equals_ignoring_case(trim(*value), "true");
}

// The service's id in variable names; its lower case is the key in [services x].
std::string service_variable(const std::string& service_id) {
  if (service_id == "secretsmanager") return "SECRETS_MANAGER";
  std::string name;
  for (const char c : service_id) {
    if (c >= 'a' && c <= 'z') {
      name += static_cast<char>(c - 'a' + 'A');
    } else {
      name += (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
    }
  }
  return name;
}

struct ProfileChoice {
  std::string name = "default";
  CredentialChainOptions::ProfileSource source = CredentialChainOptions::ProfileSource::kDefault;
};

ProfileChoice choose_profile(const EnvironmentOptions& options, const VariableLookup& variable) {
  if (options.profile) return {*options.profile, CredentialChainOptions::ProfileSource::kConfiguration};
  for (const char* name : {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}) {
    if (const auto value = variable(name)) return {*value, CredentialChainOptions::ProfileSource::kEnvironment};
  }
  return {};
}

}  // namespace

struct Environment::State {
  EnvironmentOptions options;
  std::shared_ptr<http::HttpTransport> transport;
  const Clock& clock;
  VariableLookup variable;
  ProfileChoice choice;
  SharedConfig config;
  ConfigSection profile;
  std::string region;
  int max_attempts = 3;
  std::shared_ptr<CredentialsProvider> credentials;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Client>> clients;

  State(EnvironmentOptions given, std::shared_ptr<http::HttpTransport> given_transport, const Clock& given_clock)
      : options(std::move(given)),
        transport(std::move(given_transport)),
        clock(given_clock),
        variable(make_lookup(options)),
        choice(choose_profile(options, variable)),
        config(load_shared_config(variable)) {
    if (const ConfigSection* found = config.find_profile(choice.name)) profile = *found;
    region = find_region();
    max_attempts = find_max_attempts();
    credentials = make_credential_chain(
        {.variable = variable,
         .profile = choice.name,
         .profile_source = choice.source,
         .sts =
             [this](std::shared_ptr<CredentialsProvider> provider, const std::string& sts_region) {
               return make_client("sts", sts_region.empty() ? region : sts_region, std::move(provider));
             }},
        transport, clock);
  }

  std::optional<std::string> setting(const char* name, const char* key) const {
    auto value = variable(name);
    return value ? value : find_value(profile, key);
  }

  std::string find_region() const {
    std::optional<std::string> found = options.region;
    if (!found || found->empty()) found = variable("AWS_REGION");
    if (!found) found = variable("AWS_DEFAULT_REGION");
    if (!found) found = find_value(profile, "region");
    if (!found) {
      throw Error(ErrorKind::kConfiguration,
                  "finding the AWS region: set aws.region, AWS_REGION or the profile's region");
    }
    const std::string text(trim(*found));
    if (!is_region_name(text)) {
      throw Error(ErrorKind::kConfiguration, "finding the AWS region: " + in_quotes(text) + " is not a region name");
    }
    return text;
  }

  int find_max_attempts() const {
    if (options.max_attempts > 0) return options.max_attempts;
    const auto text = setting("AWS_MAX_ATTEMPTS", "max_attempts");
    if (!text) return 3;
    const auto number = parse_unsigned(trim(*text));
    if (!number || *number < 1 || *number > 100) {
      throw Error(ErrorKind::kConfiguration,
                  "reading AWS_MAX_ATTEMPTS: expected a number from 1 to 100, found " + in_quotes(*text));
    }
    return static_cast<int>(*number);
  }

  std::optional<std::string> configured_url(const std::string& service_id) const {
    if (options.endpoint_url && !options.endpoint_url->empty()) {
      return checked_endpoint_url(*options.endpoint_url, "aws.endpointUrl");
    }
    if (is_true(setting("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"))) return {};
    const std::string suffix = service_variable(service_id);
    for (const std::string& name : {"AWS_ENDPOINT_URL_" + suffix, std::string("AWS_ENDPOINT_URL")}) {
      if (const auto url = variable(name)) return checked_endpoint_url(*url, name);
    }
    if (const auto services = find_value(profile, "services")) {
      const auto section = config.services.find(*services);
      if (section == config.services.end()) {
        throw Error(ErrorKind::kConfiguration, "reading the AWS profile " + in_quotes(choice.name) +
                                                   ": there is no section [services " + *services + "]");
      }
      if (const auto url = find_value(section->second, to_lower(suffix) + ".endpoint_url")) {
        return checked_endpoint_url(*url, "[services " + *services + "]");
      }
    }
    if (const auto url = find_value(profile, "endpoint_url")) {
      return checked_endpoint_url(*url, "endpoint_url of the profile " + in_quotes(choice.name));
    }
    return std::nullopt;
  }

  Endpoint find_endpoint(const std::string& service_id, const std::string& in) const {
    const bool fips = is_true(setting("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"));
    const bool dual_stack = is_true(setting("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"));
    if (auto url = configured_url(service_id)) {
      if (fips || dual_stack) {
        throw Error(ErrorKind::kConfiguration, std::string("resolving the endpoint of ") + service_id + ": " +
                                                   (fips ? "AWS_USE_FIPS_ENDPOINT" : "AWS_USE_DUALSTACK_ENDPOINT") +
                                                   " and a configured endpoint URL exclude each other");
      }
      return {.url = std::move(*url), .region = in, .custom = true};
    }
    const auto sts_mode = setting("AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints");
    if (service_id == "sts" && sts_mode && equals_ignoring_case(*sts_mode, "legacy") && !fips && !dual_stack &&
        find_partition(in).id == "aws") {
      return {.url = "https://sts.amazonaws.com", .region = "us-east-1"};
    }
    const EndpointVariant variant = fips ? (dual_stack ? EndpointVariant::kFipsDualStack : EndpointVariant::kFips)
                                         : (dual_stack ? EndpointVariant::kDualStack : EndpointVariant::kDefault);
    return {.url = service_url(service_id, in, variant), .region = in};
  }

  std::shared_ptr<Client> make_client(const std::string& service_id, const std::string& in,
                                      std::shared_ptr<CredentialsProvider> provider) const {
    ClientOptions client{
        .service = service_id, .endpoint = find_endpoint(service_id, in), .max_attempts = max_attempts};
    client.on_retry = options.on_retry;
    client.on_call = options.on_call;
    return std::make_shared<Client>(std::move(client), transport, std::move(provider), clock);
  }
};

Environment::Environment(EnvironmentOptions options, std::shared_ptr<http::HttpTransport> transport, const Clock& clock)
    : state_(std::make_unique<State>(std::move(options), std::move(transport), clock)) {}

Environment::~Environment() = default;

const std::string& Environment::region() const {
  return state_->region;
}

std::shared_ptr<CredentialsProvider> Environment::credentials() const {
  return state_->credentials;
}

std::shared_ptr<Client> Environment::client(const std::string& service_id) const {
  std::lock_guard guard(state_->mutex);
  auto& client = state_->clients[service_id];
  if (!client) client = state_->make_client(service_id, state_->region, state_->credentials);
  return client;
}

std::string find_ca_bundle(const EnvironmentOptions& options) {
  const VariableLookup variable = make_lookup(options);
  if (auto value = variable("AWS_CA_BUNDLE")) return std::move(*value);
  const SharedConfig config = load_shared_config(variable);
  const ConfigSection* profile = config.find_profile(choose_profile(options, variable).name);
  return profile != nullptr ? find_value(*profile, "ca_bundle").value_or("") : "";
}

}  // namespace penstock::aws
