// When a started execution whose source job never shows up is to be stopped. Pure.
//
// That no worker polled the job is only one reason for its absence: in QUEUED mode an execution waits until the one
// before it has ended, in SUPERSEDED mode until the source stage is free. Stopping those would lose pushes, so the
// pipeline's state is asked where the execution stands.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::trigger {

enum class Place {
  kInStage,   // the source stage works on this execution: its job exists and nobody takes it
  kInbound,   // listed as waiting for the stage
  kOccupied,  // another execution is in the stage; this one waits or has ended
  kUnknown,   // the state does not say (PARALLEL mode lists only the latest execution)
};

// From a GetPipelineState answer. The stage is the one that holds `action`, or the first when that is empty or missing.
// Error{kInvalidInput} for what is no such answer.
Place find_place(std::string_view pipeline_state_json, const std::string& execution_id, const std::string& action);

enum class UnclaimedStep {
  kStop,
  kLookAgain,  // later
  kForget,     // the execution has ended by itself
};

// `status` is GetPipelineExecution's. `since_waiting` is how long ago it was last seen waiting; a job gets the whole
// time-out from there on, since its stage may have begun only then.
UnclaimedStep judge_unclaimed(std::string_view status, Place place,
                              std::optional<std::chrono::milliseconds> since_waiting,
                              std::chrono::milliseconds timeout);

}  // namespace penstock::trigger
