#include "core/trigger/unclaimed_policy.h"

#include "core/base/error.h"
#include "core/json/json.h"

namespace penstock::trigger {
namespace {

bool holds_action(const json::Json& stage, const std::string& action) {
  const json::Json* actions = json::find(stage, "actionStates");
  if (actions == nullptr || !actions->is_array()) return false;
  for (const json::Json& state : *actions) {
    if (json::string_or(state, "actionName") == action) return true;
  }
  return false;
}

bool is_inbound(const json::Json& stage, const std::string& execution_id) {
  const json::Json* one = json::find(stage, "inboundExecution");
  if (one != nullptr && json::string_or(*one, "pipelineExecutionId") == execution_id) return true;
  const json::Json* several = json::find(stage, "inboundExecutions");
  if (several == nullptr || !several->is_array()) return false;
  for (const json::Json& execution : *several) {
    if (json::string_or(execution, "pipelineExecutionId") == execution_id) return true;
  }
  return false;
}

}  // namespace

Place find_place(std::string_view pipeline_state_json, const std::string& execution_id, const std::string& action) {
  const json::Json state = json::parse_json(pipeline_state_json, "GetPipelineState");
  const json::Json* stages = json::find(state, "stageStates");
  if (stages == nullptr || !stages->is_array() || stages->empty()) {
    throw Error(ErrorKind::kInvalidInput, "reading GetPipelineState: it lists no stages");
  }
  const json::Json* source = &stages->front();
  for (const json::Json& stage : *stages) {
    if (!action.empty() && holds_action(stage, action)) {
      source = &stage;
      break;
    }
  }
  const json::Json* latest = json::find(*source, "latestExecution");
  if (latest != nullptr && json::string_or(*latest, "pipelineExecutionId") == execution_id) return Place::kInStage;
  if (is_inbound(*source, execution_id)) return Place::kInbound;
  if (latest != nullptr && json::string_or(*latest, "status") == "InProgress") return Place::kOccupied;
  return Place::kUnknown;
}

UnclaimedStep judge_unclaimed(std::string_view status, Place place,
                              std::optional<std::chrono::milliseconds> since_waiting,
                              std::chrono::milliseconds timeout) {
  if (status != "InProgress") return UnclaimedStep::kForget;
  if (place == Place::kInbound || place == Place::kOccupied) return UnclaimedStep::kLookAgain;
  if (since_waiting && *since_waiting < timeout) return UnclaimedStep::kLookAgain;
  return UnclaimedStep::kStop;
}

}  // namespace penstock::trigger
