#include "core/intake/prepared_settings.h"

#include <algorithm>

#include "core/base/text.h"

namespace penstock::intake {
namespace {

// Addresses and credentials divide an endpoint's webhooks into a few lists; more are made when they are needed.
constexpr std::size_t kMaxLists = 64;

std::shared_ptr<const store::WebhookSet> to_stored(const hooks::WebhookSet& set) {
  auto stored = std::make_shared<store::WebhookSet>();
  stored->content = hooks::to_json(set);
  stored->id = hooks::webhook_set_id(stored->content);
  for (const auto& webhook : set.webhooks) stored->names.push_back(webhook.name);
  return stored;
}

void add_credential_headers(const hooks::EndpointAuthentication& authentication, std::vector<std::string>& names) {
  for (const auto& credential : authentication.header) names.push_back(credential.name);
  for (const auto& credential : authentication.hmac) names.push_back(credential.header);
}

}  // namespace

JudgingList::JudgingList(const std::vector<const hooks::Webhook*>& webhooks)
    : plan(webhooks), stored(to_stored(plan.set())) {}

bool PreparedSettings::Endpoint::is_sensitive(std::string_view header_name) const {
  return std::any_of(credential_headers.begin(), credential_headers.end(),
                     [&](const std::string& name) { return equals_ignoring_case(name, header_name); }) ||
         hooks::is_telling_header(header_name);
}

PreparedSettings::PreparedSettings(std::shared_ptr<const IntakeSettings> settings) : settings_(std::move(settings)) {
  for (const auto& [name, authentication] : settings_->endpoints) {
    Endpoint endpoint;
    endpoint.authentication = &authentication;
    add_credential_headers(authentication, endpoint.credential_headers);
    std::vector<const hooks::Webhook*> webhooks;
    for (const WebhookSettings& item : settings_->webhooks) {
      if (item.webhook->definition().endpoint != name) continue;
      endpoint.webhooks.push_back(&item);
      webhooks.push_back(item.webhook.get());
      if (item.authentication) add_credential_headers(*item.authentication, endpoint.credential_headers);
      if (item.authentication || !item.allowed_ip_ranges.empty()) endpoint.is_uniform = false;
    }
    endpoint.all = std::make_shared<const JudgingList>(webhooks);
    endpoints_.emplace(name, std::move(endpoint));
  }
}

const PreparedSettings::Endpoint* PreparedSettings::find(std::string_view name) const {
  const auto found = endpoints_.find(name);
  return found == endpoints_.end() ? nullptr : &found->second;
}

std::shared_ptr<const JudgingList> PreparedSettings::list_of(const std::vector<const hooks::Webhook*>& webhooks) const {
  {
    std::lock_guard lock(mutex_);
    if (const auto found = lists_.find(webhooks); found != lists_.end()) return found->second;
  }
  auto list = std::make_shared<const JudgingList>(webhooks);
  std::lock_guard lock(mutex_);
  if (lists_.size() < kMaxLists) lists_.emplace(webhooks, list);
  return list;
}

}  // namespace penstock::intake
