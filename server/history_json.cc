#include "server/history_json.h"

#include "core/base/text.h"
#include "core/intake/request_record.h"

namespace penstock::server {
namespace {

using json::Json;

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json time_or_null(const std::optional<Timestamp>& time) {
  return time ? Json(format_rfc3339(*time)) : Json(nullptr);
}

// Stored JSON text; anything that cannot be read any more is shown as the text that it is.
Json embedded(const std::string& text, Json fallback) {
  if (text.empty()) return fallback;
  Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_discarded() ? Json(truncate_utf8(text, text.size(), 3 * text.size())) : parsed;
}

// Null when it waits for nothing but its turn.
Json waits_for(const store::Trigger& trigger) {
  if (trigger.state == store::TriggerState::kDeferred) return "calendar";
  if (trigger.state != store::TriggerState::kPending) return nullptr;
  return trigger.undecided ? Json("actionConfiguration") : trigger.awaits_paths ? Json("changedPaths") : Json(nullptr);
}

Json trigger_to_json(const store::Trigger& trigger) {
  return {{"id", trigger.id},
          {"webhook", trigger.webhook},
          {"pipeline", text_or_null(trigger.pipeline)},
          {"ref", text_or_null(trigger.ref)},
          {"commitId", text_or_null(trigger.commit_id)},
          {"state", store::to_string(trigger.state)},
          {"generation", trigger.generation},
          {"clientRequestToken", trigger.client_request_token},
          {"pipelineExecutionId", text_or_null(trigger.pipeline_execution_id)},
          {"attempts", trigger.attempts},
          {"nextAttemptAt", time_or_null(trigger.next_attempt_at)},
          {"startedAt", time_or_null(trigger.started_at)},
          {"error", text_or_null(trigger.error)},
          {"note", text_or_null(trigger.note)},
          {"waitingFor", waits_for(trigger)}};
}

std::string trace_id(const Json& headers, const std::string& delivery_id) {
  if (headers.is_object()) {
    for (const auto& [name, value] : headers.items()) {
      if (value.is_string() && equals_ignoring_case(name, "traceparent")) {
        return intake::trace_id_of(value.get<std::string>(), delivery_id);
      }
    }
  }
  return intake::trace_id_of(std::nullopt, delivery_id);
}

}  // namespace

Json delivery_summary(const store::Delivery& delivery) {
  Json result = {{"id", delivery.id},
                 {"receivedAt", format_rfc3339(delivery.received_at)},
                 {"endpoint", delivery.endpoint},
                 {"remoteAddress", delivery.remote_address},
                 {"outcome", store::to_string(delivery.outcome)},
                 {"reason", delivery.reason},
                 {"duplicateOf", delivery.duplicate_of ? Json(*delivery.duplicate_of) : Json(nullptr)},
                 {"redeliveryOf", delivery.redelivery_of ? Json(*delivery.redelivery_of) : Json(nullptr)},
                 {"event",
                  {{"eventType", text_or_null(delivery.event_type)},
                   {"id", text_or_null(delivery.event_id)},
                   {"subscriptionId", text_or_null(delivery.subscription_id)},
                   {"notificationId", delivery.notification_id ? Json(*delivery.notification_id) : Json(nullptr)},
                   {"publisherId", text_or_null(delivery.publisher_id)}}}};
  const bool has_repository = !delivery.repository_id.empty() || !delivery.repository_name.empty();
  result["repository"] = has_repository ? Json{{"id", text_or_null(delivery.repository_id)},
                                               {"name", text_or_null(delivery.repository_name)},
                                               {"project", text_or_null(delivery.project)}}
                                        : Json(nullptr);
  result["refUpdates"] = Json::array();
  for (const store::RefUpdateRecord& ref : delivery.ref_updates) {
    result["refUpdates"].push_back(
        {{"name", ref.name}, {"oldObjectId", ref.old_object_id}, {"newObjectId", ref.new_object_id}});
  }
  result["pullRequest"] = embedded(delivery.pull_request_json, nullptr);
  result["triggers"] = Json::array();
  for (const store::Trigger& trigger : delivery.triggers) result["triggers"].push_back(trigger_to_json(trigger));
  return result;
}

Json delivery_whole(const store::Delivery& delivery) {
  Json result = delivery_summary(delivery);
  Json triggers = std::move(result["triggers"]);
  result.erase("triggers");
  result["decisions"] = embedded(delivery.decisions_json, Json::array());
  result["triggers"] = std::move(triggers);
  Json headers = embedded(delivery.request_headers_json, Json::object());
  result["traceId"] = trace_id(headers, delivery.id);
  result["request"] = {{"headers", std::move(headers)},
                       {"body", embedded(delivery.body, nullptr)},
                       {"bodyBytes", delivery.body_bytes},
                       {"bodySha256", delivery.body_sha256}};
  return result;
}

Json job_to_json(const store::Job& job) {
  Json result = {{"id", job.id},
                 {"jobId", job.job_id},
                 {"actionType", job.action_type},
                 {"handler", job.handler},
                 {"pipeline", text_or_null(job.pipeline)},
                 {"pipelineExecutionId", text_or_null(job.pipeline_execution_id)},
                 {"stage", text_or_null(job.stage)},
                 {"action", text_or_null(job.action)},
                 {"deliveryId", job.delivery_id ? Json(*job.delivery_id) : Json(nullptr)},
                 {"commitId", text_or_null(job.commit_id)},
                 {"ref", text_or_null(job.ref)},
                 {"state", store::to_string(job.state)},
                 {"claimedAt", format_rfc3339(job.claimed_at)},
                 {"finishedAt", time_or_null(job.finished_at)}};
  result["phases"] = Json::object();
  for (const auto& [phase, seconds] : job.phases) result["phases"][phase] = seconds;
  result["artifact"] = job.artifact_key.empty() ? Json(nullptr)
                                                : Json{{"bucket", job.artifact_bucket},
                                                       {"key", job.artifact_key},
                                                       {"bytes", job.artifact_bytes},
                                                       {"entries", job.artifact_entries},
                                                       {"sha256", text_or_null(job.artifact_sha256)}};
  result["continuationOf"] = job.continuation_of ? Json(*job.continuation_of) : Json(nullptr);
  result["progress"] = embedded(job.progress_json, nullptr);
  result["work"] = text_or_null(job.work_state);
  // A job that was lost has a reason and no type.
  result["failure"] = job.failure_type.empty() && job.failure_message.empty()
                          ? Json(nullptr)
                          : Json{{"type", text_or_null(job.failure_type)}, {"message", job.failure_message}};
  return result;
}

std::string delivery_line(const store::Delivery& delivery) {
  return json::dump(delivery_summary(delivery));
}

std::string job_line(const store::Job& job) {
  return json::dump(job_to_json(job));
}

}  // namespace penstock::server
