// What the sandbox's CodePipeline knows. Times are milliseconds since 1970; 0 = never.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/json/json.h"

namespace penstock::sandbox {

using json::Json;
using StringMap = std::map<std::string, std::string>;

struct ActionProperty {
  std::string name, description, type;
  bool required = false, key = false, secret = false, queryable = false;
};

struct ActionType {
  std::string category, owner, provider, version;
  Json settings = Json::object();
  std::vector<ActionProperty> properties;
  int min_inputs = 0, max_inputs = 0, min_outputs = 0, max_outputs = 0;
  bool deleted = false;  // its name stays taken
  Json tags = Json::array();

  std::string id() const { return category + "/" + owner + "/" + provider + "/" + version; }
  const ActionProperty* find_property(const std::string& property) const {
    for (const auto& candidate : properties) {
      if (candidate.name == property) return &candidate;
    }
    return nullptr;
  }
};

// The right to work the third-party jobs of somebody's pipeline.
struct ThirdPartyClient {
  std::string id, token;
};

struct Pipeline {
  std::string name, arn;
  std::vector<Json> versions;  // declarations; the last one is current
  std::int64_t created = 0, updated = 0;
  Json tags = Json::array();

  const Json& declaration() const { return versions.back(); }
};

struct Artifact {
  std::string name, bucket, key;
};

struct ActionExecution {
  std::string id, stage, action, action_type, status;  // InProgress, Abandoned, Succeeded, Failed
  std::int64_t started = 0, updated = 0;
  std::string job_id;       // the newest job of a custom action
  StringMap configuration;  // with #{…} resolved; secrets in clear
  std::vector<Artifact> inputs, outputs;
  std::string summary, external_execution_id, error_code, error_message;
  int percent = -1;
  bool retried = false;   // a later attempt takes its place
  Json current_revision;  // as the worker sent it
  StringMap output_variables;
};

struct Execution {
  std::string id, pipeline, client_request_token, trigger_type, trigger_detail, mode;
  int version = 0;
  std::string status = "InProgress", status_summary, stop_reason;
  std::int64_t number = 0;  // rises with each start
  std::int64_t started = 0, updated = 0;
  StringMap variables;
  Json source_revisions = Json::array();  // overrides given at the start
  int stage = 0;                          // index
  bool in_stage = false;                  // false: it waits before the stage
  bool abandon = false;                   // the stop asked for it
  bool outdated = false;                  // the pipeline was updated while it ran
  std::vector<ActionExecution> actions;
};

struct JobEvent {
  std::int64_t at = 0;
  std::string event, detail;
};

struct Job {
  std::string id, execution_id, action_execution_id, pipeline, stage, action, action_type;
  std::string status = "Queued";  // Queued, Dispatched, InProgress, Succeeded, Failed, TimedOut
  std::string nonce, continuation_token, account;
  std::int64_t created = 0, available_at = 0, offered_at = 0, acknowledged_at = 0, finished_at = 0, deadline = 0;
  int offers = 0;
  std::vector<JobEvent> history;

  bool is_open() const { return status == "Queued" || status == "Dispatched" || status == "InProgress"; }
};

Json to_json(const ActionType& value);
Json to_json(const Pipeline& value);
Json to_json(const Execution& value);
Json to_json(const Job& value);
void from_json(const Json& json, ActionType& value);
void from_json(const Json& json, Pipeline& value);
void from_json(const Json& json, Execution& value);
void from_json(const Json& json, Job& value);

}  // namespace penstock::sandbox
