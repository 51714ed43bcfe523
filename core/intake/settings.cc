#include "core/intake/settings.h"

#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::intake {
namespace {

HashAlgorithm algorithm_of(const std::string& name) {
  if (name == "sha1") return HashAlgorithm::kSha1;
  if (name == "sha512") return HashAlgorithm::kSha512;
  if (name == "sha256" || name.empty()) return HashAlgorithm::kSha256;
  throw Error(ErrorKind::kConfiguration,
              "reading algorithm: expected sha1, sha256 or sha512, found " + in_quotes(name));
}

std::vector<hooks::IpRange> make_ranges(const std::vector<std::string>& texts) {
  std::vector<hooks::IpRange> ranges;
  for (const std::string& text : texts) {
    const auto range = hooks::IpRange::parse(text);
    if (!range)
      throw Error(ErrorKind::kConfiguration, "reading allowedIpRanges: not an address range: " + in_quotes(text));
    ranges.push_back(*range);
  }
  return ranges;
}

hooks::EndpointAuthentication make_authentication(const std::vector<config::AuthenticationMethod>& methods,
                                                  bool unauthenticated, const std::vector<std::string>& ranges,
                                                  const SecretLookup& resolve) {
  hooks::EndpointAuthentication result;
  result.unauthenticated = unauthenticated;
  result.allowed_ip_ranges = make_ranges(ranges);
  for (const config::AuthenticationMethod& method : methods) {
    Secret secret = resolve(method.secret);
    // An empty secret would let everybody in who sends an empty value.
    if (secret.empty()) {
      throw Error(ErrorKind::kConfiguration, "resolving " + method.secret.to_string() + ": the secret is empty");
    }
    switch (method.type) {
      case config::AuthenticationMethod::Type::kBasic:
        result.basic.push_back({method.username, std::move(secret)});
        break;
      case config::AuthenticationMethod::Type::kHeader:
        result.header.push_back({method.name, std::move(secret)});
        break;
      case config::AuthenticationMethod::Type::kHmac:
        result.hmac.push_back({method.name, algorithm_of(method.algorithm), std::move(secret)});
        break;
    }
  }
  return result;
}

std::optional<hooks::PatternLists> copy_lists(const std::optional<config::PatternLists>& lists) {
  if (!lists) return std::nullopt;
  return hooks::PatternLists{.includes = lists->includes, .excludes = lists->excludes};
}

std::optional<hooks::PullRequestFilterDefinition> copy_pull_request(
    const std::optional<config::PullRequestFilter>& filter) {
  if (!filter) return std::nullopt;
  hooks::PullRequestFilterDefinition copy;
  for (const std::string& name : filter->events) {
    const auto event = hooks::parse_pull_request_event(name);
    if (!event) throw Error(ErrorKind::kConfiguration, "reading events: found " + in_quotes(name));
    copy.events.push_back(*event);
  }
  copy.branches = copy_lists(filter->branches);
  copy.file_paths = copy_lists(filter->file_paths);
  return copy;
}

hooks::PathRulesDefinition make_path_rules(const config::Webhook& webhook) {
  hooks::PathRulesDefinition rules;
  for (const config::TriggerFilter& filter : webhook.triggers) {
    rules.triggers.push_back({.branches = copy_lists(filter.branches),
                              .tags = copy_lists(filter.tags),
                              .file_paths = copy_lists(filter.file_paths),
                              .pull_request = copy_pull_request(filter.pull_request)});
  }
  rules.ignore_paths = webhook.ignore_paths;
  for (const config::Route& route : webhook.routes)
    rules.routes.push_back({.paths = route.paths, .target_pipeline = route.target_pipeline});
  return rules;
}

std::shared_ptr<const hooks::Webhook> compile(const config::Webhook& webhook) {
  hooks::WebhookDefinition definition;
  definition.name = webhook.name;
  definition.endpoint = webhook.endpoint;
  definition.target_pipeline = webhook.target_pipeline;
  definition.target_action = webhook.target_action;
  for (const config::Filter& filter : webhook.filters) {
    hooks::FilterDefinition copy;
    copy.json_path = filter.json_path;
    copy.match_equals = filter.match_equals;
    copy.match_glob = filter.match_glob;
    copy.match_regex = filter.match_regex;
    copy.not_equals = filter.not_equals;
    copy.exists = filter.exists;
    definition.filters.push_back(std::move(copy));
  }
  definition.ignore_deletes = webhook.ignore_deletes;
  definition.action_configuration = webhook.action_configuration;
  definition.variables = webhook.variables;
  definition.path_rules = make_path_rules(webhook);
  return std::make_shared<const hooks::Webhook>(std::move(definition));
}

}  // namespace

std::map<std::string, hooks::EndpointAuthentication> make_endpoints(const std::vector<config::Endpoint>& endpoints,
                                                                    const SecretLookup& resolve) {
  std::map<std::string, hooks::EndpointAuthentication> result;
  for (const config::Endpoint& endpoint : endpoints) {
    try {
      result[endpoint.name] =
          make_authentication(endpoint.authentication, endpoint.unauthenticated, endpoint.allowed_ip_ranges, resolve);
    } catch (const Error& error) {
      throw error.with_context("preparing endpoint " + in_quotes(endpoint.name));
    }
  }
  return result;
}

IntakeSettings make_settings(const config::Settings& settings, const SecretLookup& resolve) {
  IntakeSettings result;
  result.endpoints = make_endpoints(settings.endpoints, resolve);
  for (const config::Webhook& webhook : settings.webhooks) {
    try {
      WebhookSettings item;
      item.webhook = compile(webhook);
      if (webhook.authentication || webhook.unauthenticated) {
        item.authentication =
            make_authentication(webhook.authentication.value_or(std::vector<config::AuthenticationMethod>{}),
                                webhook.unauthenticated, webhook.allowed_ip_ranges, resolve);
      } else {
        item.allowed_ip_ranges = make_ranges(webhook.allowed_ip_ranges);
      }
      result.webhooks.push_back(std::move(item));
    } catch (const Error& error) {
      throw error.with_context("preparing webhook " + in_quotes(webhook.name));
    }
  }
  return result;
}

std::vector<std::shared_ptr<const hooks::Webhook>> make_webhooks(const config::Settings& settings) {
  std::vector<std::shared_ptr<const hooks::Webhook>> webhooks;
  for (const config::Webhook& webhook : settings.webhooks) {
    try {
      webhooks.push_back(compile(webhook));
    } catch (const Error& error) {
      throw error.with_context("preparing webhook " + in_quotes(webhook.name));
    }
  }
  return webhooks;
}

}  // namespace penstock::intake
