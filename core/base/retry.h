// How long to wait before trying again. Pure: the caller brings the random number and does the waiting.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace penstock {

struct BackoffPolicy {
  std::chrono::milliseconds initial{1000};
  std::chrono::milliseconds ceiling{60000};
  double multiplier = 2.0;
};

// The delay before attempt `attempt + 1` after `attempt` failures (1 = first failure): equal jitter, i.e. half of
// min(ceiling, initial * multiplier^(attempt-1)) plus `random_unit` times the other half. A hint of the server
// (`Retry-After`) raises the result, also above the ceiling, up to an hour.
std::chrono::milliseconds retry_delay(const BackoffPolicy& policy, int attempt, double random_unit,
                                      std::optional<std::chrono::milliseconds> hint = std::nullopt);

}  // namespace penstock
