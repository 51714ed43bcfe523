// The settings in the form in which requests need them: found by endpoint, with the webhooks prepared for judging.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/hooks/decision_plan.h"
#include "core/intake/settings.h"
#include "core/store/records.h"

namespace penstock::intake {

// A list of webhooks that events are judged by, and what is stored of it.
struct JudgingList {
  explicit JudgingList(const std::vector<const hooks::Webhook*>& webhooks);
  std::size_t size() const noexcept { return plan.set().webhooks.size(); }
  hooks::DecisionPlan plan;
  std::shared_ptr<const store::WebhookSet> stored;
};

// Thread-safe.
class PreparedSettings {
 public:
  explicit PreparedSettings(std::shared_ptr<const IntakeSettings> settings);

  struct Endpoint {
    const hooks::EndpointAuthentication* authentication = nullptr;
    std::vector<const WebhookSettings*> webhooks;
    // Whoever passes the endpoint's authentication reaches all of its webhooks, and nobody else any.
    bool is_uniform = true;
    std::shared_ptr<const JudgingList> all;
    std::vector<std::string> credential_headers;  // of the endpoint and its webhooks

    // True when the value of this header must not be stored.
    bool is_sensitive(std::string_view header_name) const;
  };
  // Null when there is none of this name.
  const Endpoint* find(std::string_view name) const;

  // For a part of an endpoint's webhooks, in their order. Lists that were asked for before are ready.
  std::shared_ptr<const JudgingList> list_of(const std::vector<const hooks::Webhook*>& webhooks) const;

  const IntakeSettings& settings() const noexcept { return *settings_; }

 private:
  const std::shared_ptr<const IntakeSettings> settings_;
  std::map<std::string, Endpoint, std::less<>> endpoints_;
  mutable std::mutex mutex_;
  mutable std::map<std::vector<const hooks::Webhook*>, std::shared_ptr<const JudgingList>> lists_;  // guarded by mutex_
};

}  // namespace penstock::intake
