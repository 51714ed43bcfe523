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

std::string summarize(const VerdictCounts& counts) {
  std::string text;
  const auto add = [&](std::size_t count, std::string_view alone, std::string_view one, std::string_view many) {
    if (count == 0) return;
    if (text.empty() && !alone.empty()) {
      text = alone;
      return;
    }
    if (!text.empty()) text += "; ";
    text += std::to_string(count);
    text += count == 1 ? one : many;
  };
  add(counts.matched, "", " webhook matched", " webhooks matched");
  add(counts.waiting_for_paths, kWaitsForPaths, " waits for the changed paths", " wait for the changed paths");
  add(counts.waiting, "waiting for the configuration of the target action",
      " waits for the configuration of its target action", " wait for the configuration of their target actions");
  return text.empty() ? "no webhook matched" : text;
}

}  // namespace penstock::hooks
