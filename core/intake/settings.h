// What the receiver needs to know of the configuration: who may post where, and which webhooks listen. Immutable once
// built; replaced as a whole on reload.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/secret.h"
#include "core/config/settings.h"
#include "core/hooks/authentication.h"
#include "core/hooks/webhook.h"

namespace penstock::intake {

struct WebhookSettings {
  std::shared_ptr<const hooks::Webhook> webhook;
  // Replaces the endpoint's authentication for this webhook; empty = the endpoint's.
  std::optional<hooks::EndpointAuthentication> authentication;
  // Without an authentication of its own: the endpoint's must pass and the sender be in one of these; empty = all.
  std::vector<hooks::IpRange> allowed_ip_ranges;
};

struct IntakeSettings {
  std::map<std::string, hooks::EndpointAuthentication> endpoints;  // by name
  std::vector<WebhookSettings> webhooks;
};

using SecretLookup = std::function<Secret(const SecretReference&)>;

// Compiles the webhooks and resolves the secrets of a validated configuration. Error{kConfiguration} naming the webhook
// or endpoint; errors of the lookup pass with that name in front.
IntakeSettings make_settings(const config::Settings& settings, const SecretLookup& resolve);

// Who may post to endpoints, of webhooks or of events, by name. Errors likewise.
std::map<std::string, hooks::EndpointAuthentication> make_endpoints(const std::vector<config::Endpoint>& endpoints,
                                                                    const SecretLookup& resolve);

// The compiled webhooks alone: no secret is resolved.
std::vector<std::shared_ptr<const hooks::Webhook>> make_webhooks(const config::Settings& settings);

}  // namespace penstock::intake
