// What a failed StartPipelineExecution means for its trigger. Pure.
#pragma once

#include <chrono>
#include <string>

#include "core/base/error.h"
#include "core/base/retry.h"

namespace penstock::trigger {

enum class NextStep {
  kRetry,   // the same call with the same token, later
  kGiveUp,  // the trigger has failed
};

struct StartPolicy {
  BackoffPolicy backoff{std::chrono::seconds(2), std::chrono::minutes(5)};
  // A lost answer: the execution may be running, and its source job waits for us to learn so.
  BackoffPolicy unanswered_backoff{std::chrono::milliseconds(500), std::chrono::seconds(10)};
  // Counted from the trigger's creation: CodePipeline's own bound on an action.
  std::chrono::milliseconds give_up_after{std::chrono::hours(24)};
};

struct StartVerdict {
  NextStep step = NextStep::kGiveUp;
  std::chrono::milliseconds delay{0};  // kRetry
  std::string reason;                  // for the trigger's `error`: says what to do where it is known
};

// `attempt` counts the failed ones, this included; `age` is the trigger's.
StartVerdict judge_start_failure(const StartPolicy& policy, const Error& error, const std::string& pipeline,
                                 int attempt, std::chrono::milliseconds age, double random_unit);

// The same for reading the configuration that an undecided trigger waits for. A pipeline that does not exist yet, and a
// permission that a person may grant, are worth waiting for; a pipeline without the target action (kConfiguration) not.
StartVerdict judge_configuration_failure(const StartPolicy& policy, const Error& error, const std::string& pipeline,
                                         int attempt, std::chrono::milliseconds age, double random_unit);

}  // namespace penstock::trigger
