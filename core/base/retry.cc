#include "core/base/retry.h"

#include <algorithm>
#include <cmath>

namespace penstock {

std::chrono::milliseconds retry_delay(const BackoffPolicy& policy, int attempt, double random_unit,
                                      std::optional<std::chrono::milliseconds> hint) {
  static constexpr std::chrono::milliseconds kLongestHint = std::chrono::hours(1);
  const double exponent = std::min(std::max(attempt, 1) - 1, 64);
  const double full = std::min(static_cast<double>(policy.ceiling.count()),
                               static_cast<double>(policy.initial.count()) * std::pow(policy.multiplier, exponent));
  const auto delay =
      std::chrono::milliseconds(static_cast<std::int64_t>(full / 2 + full / 2 * std::clamp(random_unit, 0.0, 1.0)));
  return hint ? std::max(delay, std::min(*hint, kLongestHint)) : delay;
}

}  // namespace penstock
