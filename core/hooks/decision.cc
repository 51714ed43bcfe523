#include "core/hooks/decision.h"

#include <utility>

#include "core/hooks/decision_plan.h"
#include "core/hooks/evidence.h"

namespace penstock::hooks {

std::vector<Decision> decide(const Event& event, const std::vector<const Webhook*>& webhooks,
                             const ActionConfigurationLookup& configuration, const DecideLimits& limits) {
  const DecisionPlan plan(webhooks);
  std::vector<Decision> decisions;
  for_each_decision(plan.set(), plan.judge(event, configuration, limits), [&](Decision decision) {
    decisions.push_back(std::move(decision));
    return true;
  });
  return decisions;
}

}  // namespace penstock::hooks
