#include "tests/sandbox/records.h"

namespace penstock::sandbox {
namespace {

// Each record names its members once, in visit(); a Writer or a Reader goes through them.
template <typename A>
void visit(A& a, ActionProperty& v) {
  a("name", v.name), a("description", v.description), a("type", v.type), a("required", v.required), a("key", v.key);
  a("secret", v.secret), a("queryable", v.queryable);
}
template <typename A>
void visit(A& a, ActionType& v) {
  a("category", v.category), a("owner", v.owner), a("provider", v.provider), a("version", v.version);
  a("settings", v.settings), a("properties", v.properties), a("minInputs", v.min_inputs), a("maxInputs", v.max_inputs);
  a("minOutputs", v.min_outputs), a("maxOutputs", v.max_outputs), a("deleted", v.deleted), a("tags", v.tags);
}
template <typename A>
void visit(A& a, Pipeline& v) {
  a("name", v.name), a("arn", v.arn), a("versions", v.versions), a("created", v.created), a("updated", v.updated);
  a("tags", v.tags);
}
template <typename A>
void visit(A& a, Artifact& v) {
  a("name", v.name), a("bucket", v.bucket), a("key", v.key);
}
template <typename A>
void visit(A& a, ActionExecution& v) {
  a("id", v.id), a("stage", v.stage), a("action", v.action), a("actionType", v.action_type), a("status", v.status);
  a("started", v.started), a("updated", v.updated), a("jobId", v.job_id), a("configuration", v.configuration);
  a("inputs", v.inputs), a("outputs", v.outputs), a("summary", v.summary);
  a("externalExecutionId", v.external_execution_id), a("errorCode", v.error_code), a("errorMessage", v.error_message);
  a("percent", v.percent), a("retried", v.retried), a("currentRevision", v.current_revision),
      a("outputVariables", v.output_variables);
}
template <typename A>
void visit(A& a, Execution& v) {
  a("id", v.id), a("pipeline", v.pipeline), a("clientRequestToken", v.client_request_token);
  a("triggerType", v.trigger_type), a("triggerDetail", v.trigger_detail), a("mode", v.mode), a("version", v.version);
  a("status", v.status), a("statusSummary", v.status_summary), a("stopReason", v.stop_reason), a("number", v.number);
  a("started", v.started), a("updated", v.updated), a("variables", v.variables);
  a("sourceRevisions", v.source_revisions), a("stage", v.stage), a("inStage", v.in_stage), a("abandon", v.abandon);
  a("outdated", v.outdated), a("actions", v.actions);
}
template <typename A>
void visit(A& a, JobEvent& v) {
  a("at", v.at), a("event", v.event), a("detail", v.detail);
}
template <typename A>
void visit(A& a, Job& v) {
  a("id", v.id), a("executionId", v.execution_id), a("actionExecutionId", v.action_execution_id);
  a("pipeline", v.pipeline), a("stage", v.stage), a("action", v.action), a("actionType", v.action_type);
  a("status", v.status), a("nonce", v.nonce), a("continuationToken", v.continuation_token), a("account", v.account);
  a("created", v.created), a("availableAt", v.available_at), a("offeredAt", v.offered_at);
  a("acknowledgedAt", v.acknowledged_at), a("finishedAt", v.finished_at), a("deadline", v.deadline);
  a("offers", v.offers), a("history", v.history);
}

struct Writer {
  Json json = Json::object();

  template <typename T>
  void operator()(const char* name, const T& value) {
    json[name] = encode(value);
  }
  static Json encode(const Json& value) { return value; }
  static Json encode(const std::string& value) { return value; }
  static Json encode(const StringMap& value) { return value; }
  static Json encode(bool value) { return value; }
  static Json encode(int value) { return value; }
  static Json encode(std::int64_t value) { return value; }
  template <typename T>
  static Json encode(const std::vector<T>& values) {
    Json list = Json::array();
    for (const auto& value : values) list.push_back(encode(value));
    return list;
  }
  template <typename T>
  static Json encode(const T& value) {
    Writer writer;
    visit(writer, const_cast<T&>(value));  // visit() serves both directions; a Writer changes nothing
    return writer.json;
  }
};

struct Reader {
  const Json& json;

  template <typename T>
  void operator()(const char* name, T& value) {
    if (const auto found = json.find(name); found != json.end()) decode(*found, value);
  }
  static void decode(const Json& json, Json& value) { value = json; }
  static void decode(const Json& json, std::string& value) { value = json.get<std::string>(); }
  static void decode(const Json& json, StringMap& value) { value = json.get<StringMap>(); }
  static void decode(const Json& json, bool& value) { value = json.get<bool>(); }
  static void decode(const Json& json, int& value) { value = json.get<int>(); }
  static void decode(const Json& json, std::int64_t& value) { value = json.get<std::int64_t>(); }
  template <typename T>
  static void decode(const Json& json, std::vector<T>& values) {
    for (const auto& element : json) {
      values.emplace_back();
      decode(element, values.back());
    }
  }
  template <typename T>
  static void decode(const Json& json, T& value) {
    Reader reader{json};
    visit(reader, value);
  }
};

}  // namespace

Json to_json(const ActionType& value) {
  return Writer::encode(value);
}
Json to_json(const Pipeline& value) {
  return Writer::encode(value);
}
Json to_json(const Execution& value) {
  return Writer::encode(value);
}
Json to_json(const Job& value) {
  return Writer::encode(value);
}
void from_json(const Json& json, ActionType& value) {
  Reader::decode(json, value);
}
void from_json(const Json& json, Pipeline& value) {
  Reader::decode(json, value);
}
void from_json(const Json& json, Execution& value) {
  Reader::decode(json, value);
}
void from_json(const Json& json, Job& value) {
  Reader::decode(json, value);
}

}  // namespace penstock::sandbox
