// What a stack's status and events mean for the action. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/aws/cloudformation.h"

namespace penstock::jobs {

// Of a stack that an action is to update, before it is.
enum class StackReadiness { kReady, kBusy, kBroken };
StackReadiness judge_readiness(const std::string& status);
// Why it cannot be updated, and what to do.
std::string explain_readiness(const std::string& stack, const std::string& status);

// Of a stack that is being created or updated for an action.
enum class StackProgress { kUnderWay, kDone, kFailed };
StackProgress judge_progress(const std::string& status);

// The resource that failed first, with its reason, of the events (newest first) of the operation with this token;
// empty when none says.
std::string first_failure(const std::vector<aws::StackEvent>& events, const std::string& client_request_token);

// The same for every job of one run of an action: what was begun by a process that ended is known again by it.
std::string stack_request_token(const std::string& action_execution_id, const std::string& stack);

}  // namespace penstock::jobs
