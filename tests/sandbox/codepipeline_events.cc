// State changes as EventBridge would hear of them: what is different from the last time.
#include "core/base/ids.h"
#include "core/base/time.h"
#include "tests/sandbox/codepipeline.h"

namespace penstock::sandbox {
namespace {

std::string event_state(const std::string& status, bool is_again) {
  static const std::map<std::string, std::string> kStates = {
      {"Succeeded", "SUCCEEDED"}, {"Failed", "FAILED"},         {"Stopping", "STOPPING"},  {"Stopped", "STOPPED"},
      {"Abandoned", "ABANDONED"}, {"Superseded", "SUPERSEDED"}, {"Cancelled", "CANCELED"},
  };
  if (status == "InProgress") return is_again ? "RESUMED" : "STARTED";
  const auto found = kStates.find(status);
  return found == kStates.end() ? "" : found->second;
}

}  // namespace

void CodePipeline::emit_changes(const Execution& execution) {
  auto& told = told_[execution.id];
  const auto& arn = pipelines_.contains(execution.pipeline) ? pipelines_.at(execution.pipeline).arn : std::string();
  const auto emit = [&](const std::string& key, const std::string& kind, const std::string& status, Json detail) {
    auto& last = told[key];
    if (last == status) return;
    const auto state = event_state(status, !last.empty());
    last = status;
    if (state.empty()) return;
    Json whole = {{"pipeline", execution.pipeline}, {"execution-id", execution.id}, {"state", state}};
    for (auto& [name, value] : detail.items()) whole[name] = std::move(value);
    whole["version"] = static_cast<double>(execution.version);
    on_event_({{"version", "0"},
               {"id", make_uuid_v4()},
               {"detail-type", "CodePipeline " + kind + " Execution State Change"},
               {"source", "aws.codepipeline"},
               {"account", arn.empty() ? "" : arn.substr(arn.rfind(':') - 12, 12)},
               {"time", format_rfc3339(clock_.now())},
               {"region", "eu-central-1"},
               {"resources", Json::array({arn})},
               {"detail", std::move(whole)}});
  };
  emit("", "Pipeline", execution.status, Json::object());
  for (const auto& action : execution.actions) {
    emit("stage " + action.stage, "Stage", "InProgress", {{"stage", action.stage}});
    auto type = action_type_json(action.action_type);
    emit(action.id, "Action", action.status,
         {{"stage", action.stage},
          {"action", action.action},
          {"action-execution-id", action.id},
          {"type", std::move(type)}});
  }
}

}  // namespace penstock::sandbox
