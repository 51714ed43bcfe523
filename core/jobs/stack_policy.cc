#include "core/jobs/stack_policy.h"

#include <string_view>

#include "core/base/digest.h"
#include "core/base/text.h"

namespace penstock::jobs {

StackReadiness judge_readiness(const std::string& status) {
  for (const std::string_view ready : {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE",
                                       "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}) {
    if (status == ready) return StackReadiness::kReady;
  }
  return status.ends_with("_IN_PROGRESS") ? StackReadiness::kBusy : StackReadiness::kBroken;
}

std::string explain_readiness(const std::string& stack, const std::string& status) {
  std::string text = "the stack " + in_quotes(stack) + " cannot be updated, its status is " + status;
  if (status == "ROLLBACK_COMPLETE" || status == "ROLLBACK_FAILED" || status == "CREATE_FAILED") {
    return text + ": its creation has failed; delete it and retry the stage";
  }
  if (status == "UPDATE_ROLLBACK_FAILED") return text + ": continue its rollback first";
  if (status == "REVIEW_IN_PROGRESS") return text + ": execute or delete its change set first";
  if (status == "DELETE_FAILED") return text + ": delete it first";
  if (judge_readiness(status) == StackReadiness::kBusy) return text + ": somebody else changes it";
  return text;
}

StackProgress judge_progress(const std::string& status) {
  if (status == "CREATE_COMPLETE" || status == "UPDATE_COMPLETE") return StackProgress::kDone;
  return status.ends_with("_IN_PROGRESS") ? StackProgress::kUnderWay : StackProgress::kFailed;
}

std::string first_failure(const std::vector<aws::StackEvent>& events, const std::string& client_request_token) {
  std::string found;
  for (const aws::StackEvent& event : events) {  // the last that is seen is the first that happened
    if (!event.status.ends_with("_FAILED") || event.client_request_token != client_request_token) continue;
    // Cancelled because another one failed.
    if (event.reason.empty() || event.reason.find("cancelled") != std::string::npos) continue;
    if (event.resource_type == "AWS::CloudFormation::Stack" && !found.empty()) continue;
    found = event.resource + " (" + event.resource_type + "): " + event.reason;
  }
  return found;
}

std::string stack_request_token(const std::string& action_execution_id, const std::string& stack) {
  return "penstock-" + sha256_hex(action_execution_id + "\n" + stack).substr(0, 40);
}

}  // namespace penstock::jobs
