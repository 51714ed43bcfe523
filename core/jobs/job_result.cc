#include "core/jobs/job_result.h"

#include <array>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/json/json.h"

namespace penstock::jobs {
namespace {

using json::Json;

constexpr std::array kFailureTypes = {
    aws::FailureType::kJobFailed,         aws::FailureType::kConfigurationError,  aws::FailureType::kPermissionError,
    aws::FailureType::kRevisionOutOfSync, aws::FailureType::kRevisionUnavailable, aws::FailureType::kSystemUnavailable,
};

struct Writer {
  Json operator()(const Success& success) const {
    Json object{{"kind", "success"}};
    if (success.current_revision) {
      const aws::CurrentRevision& revision = *success.current_revision;
      Json& out = object["currentRevision"];
      out = {{"revision", revision.revision},
             {"changeIdentifier", revision.change_identifier},
             {"summary", revision.summary}};
      if (revision.created) out["created"] = to_milliseconds(*revision.created);
    }
    object["outputVariables"] = Json::object();
    for (const auto& [name, value] : success.output_variables) object["outputVariables"][name] = value;
    object["externalExecutionId"] = success.external_execution_id;
    object["summary"] = success.summary;
    return object;
  }
  Json operator()(const Continue& next) const {
    Json object{{"kind", "continue"},
                {"continuationToken", next.continuation_token},
                {"externalExecutionId", next.external_execution_id},
                {"summary", next.summary}};
    if (next.percent_complete) object["percentComplete"] = *next.percent_complete;
    return object;
  }
  Json operator()(const Fail& fail) const {
    return Json{{"kind", "fail"},
                {"type", aws::to_string(fail.type)},
                {"message", fail.message},
                {"externalExecutionId", fail.external_execution_id}};
  }
};

Success read_success(const Json& object) {
  Success success;
  if (const Json* revision = json::find(object, "currentRevision")) {
    aws::CurrentRevision& out = success.current_revision.emplace();
    out.revision = json::string_or(*revision, "revision");
    out.change_identifier = json::string_or(*revision, "changeIdentifier");
    out.summary = json::string_or(*revision, "summary");
    const Json* created = json::find(*revision, "created");
    if (created != nullptr && created->is_number_integer())
      out.created = from_milliseconds(created->get<std::int64_t>());
  }
  if (const Json* variables = json::find(object, "outputVariables"); variables != nullptr && variables->is_object()) {
    for (const auto& [name, value] : variables->items()) {
      if (value.is_string()) success.output_variables[name] = value.get<std::string>();
    }
  }
  success.external_execution_id = json::string_or(object, "externalExecutionId");
  success.summary = json::string_or(object, "summary");
  return success;
}

}  // namespace

std::string progress_to_json(const Progress& progress, const std::string& external_execution_id) {
  Json object = Json::object();
  if (progress.percent) object["percentComplete"] = *progress.percent;
  if (!progress.summary.empty()) object["summary"] = progress.summary;
  if (!external_execution_id.empty()) object["externalExecutionId"] = external_execution_id;
  return object.empty() ? "" : json::dump(object);
}

std::string result_to_json(const Result& result) {
  return json::dump(std::visit(Writer{}, result));
}

Result result_from_json(std::string_view text) {
  const Json object = json::parse_json(text, "journalled result");
  const std::string kind = json::string_or(object, "kind");
  if (kind == "success") return read_success(object);
  if (kind == "continue") {
    Continue next;
    next.continuation_token = json::string_or(object, "continuationToken");
    next.external_execution_id = json::string_or(object, "externalExecutionId");
    next.summary = json::string_or(object, "summary");
    const Json* percent = json::find(object, "percentComplete");
    if (percent != nullptr && percent->is_number_integer()) next.percent_complete = percent->get<int>();
    return next;
  }
  if (kind == "fail") {
    Fail fail;
    const std::string type = json::string_or(object, "type");
    for (const aws::FailureType known : kFailureTypes) {
      if (type == aws::to_string(known)) fail.type = known;
    }
    fail.message = json::string_or(object, "message");
    fail.external_execution_id = json::string_or(object, "externalExecutionId");
    return fail;
  }
  throw Error(ErrorKind::kInvalidInput, "reading a journalled result: unknown kind " + in_quotes(kind));
}

}  // namespace penstock::jobs
