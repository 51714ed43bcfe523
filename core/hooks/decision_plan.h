// A list of webhooks, prepared for judging many events: what several webhooks ask is asked once an event, so that a
// webhook that does not match costs a few nanoseconds and no memory.
#pragma once

#include <memory>
#include <vector>

#include "core/hooks/decision.h"
#include "core/hooks/evidence.h"
#include "core/hooks/webhook_set.h"

namespace penstock::hooks {

// Immutable and thread-safe once made. The webhooks must outlive it.
class DecisionPlan {
 public:
  explicit DecisionPlan(const std::vector<const Webhook*>& webhooks);
  ~DecisionPlan();

  const WebhookSet& set() const noexcept;

  // Judges an event as decide() does. Matches and webhooks that wait are always among the evidence's `told`. Empty for
  // an event that is `not_actionable`. Pure but for the lookup.
  Evidence judge(const Event& event, const ActionConfigurationLookup& configuration,
                 const DecideLimits& limits = {}) const;

 private:
  struct Compiled;
  class Judge;
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace penstock::hooks
