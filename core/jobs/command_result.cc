#include "core/jobs/command_result.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstring>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/jobs/continuation_tokens.h"
#include "core/json/json.h"

namespace penstock::jobs {
namespace {

using json::Json;

constexpr std::size_t kMaxVariableBytes = 122'880;
constexpr std::size_t kMaxTail = 4000;

// What partners write and what CodePipeline calls it.
struct FailureName {
  std::string_view name;
  aws::FailureType type;
};
constexpr std::array kFailureTypes = {
    FailureName{"ConfigurationError", aws::FailureType::kConfigurationError},
    FailureName{"JobFailed", aws::FailureType::kJobFailed},
    FailureName{"PermissionsError", aws::FailureType::kPermissionError},
    FailureName{"PermissionError", aws::FailureType::kPermissionError},
    FailureName{"RevisionOutOfSync", aws::FailureType::kRevisionOutOfSync},
    FailureName{"RevisionUnavailable", aws::FailureType::kRevisionUnavailable},
    FailureName{"SystemUnavailable", aws::FailureType::kSystemUnavailable},
};

// The documentation writes members with and without a capital.
const Json* find_member(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  for (const auto& [key, value] : object.items()) {
    if (equals_ignoring_case(key, name)) return value.is_null() ? nullptr : &value;
  }
  return nullptr;
}

std::string text_of(const Json* value) {
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::optional<int> percent_of(const Json* value) {
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const double number = value->get<double>();
  if (!(number >= 0) || number > 100) return std::nullopt;
  return static_cast<int>(std::lround(number));
}

std::optional<Json> parse_object(std::string_view line) {
  line = trim(line);
  if (!line.starts_with('{') || !line.ends_with('}')) return std::nullopt;
  try {
    Json value = json::parse_json(line, "a line");
    return value.is_object() ? std::optional(std::move(value)) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

Fail bad_result(const std::string& why) {
  return Fail{aws::FailureType::kJobFailed, "reading the command's result: " + why, ""};
}

// Its members that stand beside the result's kind.
struct Answer {
  std::string kind, external_execution_id, summary;
  std::optional<int> percent;
  const Json* object = nullptr;

  explicit Answer(const Json& value, const CommandProgress& progress) : object(&value) {
    kind = text_of(find_member(value, "result"));
    if (const Json* status = find_member(value, "status")) {
      external_execution_id = text_of(find_member(*status, "ExternalExecutionId"));
      summary = text_of(find_member(*status, "Summary"));
      percent = percent_of(find_member(*status, "PercentComplete"));
    }
    if (summary.empty()) summary = progress.summary;
    if (!percent) percent = progress.percent;
  }
};

Result read_success(const Answer& answer) {
  Success success;
  success.external_execution_id = answer.external_execution_id;
  success.summary = answer.summary;
  if (const Json* variables = find_member(*answer.object, "outputVariables")) {
    if (!variables->is_object()) return bad_result("outputVariables is no object");
    std::size_t bytes = 0;
    for (const auto& [name, value] : variables->items()) {
      const bool is_name = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '@' || c == '-' ||
               c == '_';
      });
      if (!is_name) {
        return bad_result("the output variable " + in_quotes(name) +
                          " has other characters than letters, digits, @, - and _");
      }
      if (value.is_structured() || value.is_null()) {
        return bad_result("the output variable " + in_quotes(name) + " is no text");
      }
      const std::string text = value.is_string() ? value.get<std::string>() : json::dump(value);
      bytes += name.size() + text.size();
      success.output_variables[name] = text;
    }
    if (bytes > kMaxVariableBytes) {
      return bad_result("the output variables have " + std::to_string(bytes) + " bytes, CodePipeline takes 122880");
    }
  }
  if (const Json* revision = find_member(*answer.object, "currentRevision")) {
    aws::CurrentRevision& current = success.current_revision.emplace();
    current.revision = text_of(find_member(*revision, "revision"));
    current.change_identifier = text_of(find_member(*revision, "changeIdentifier"));
    current.summary = text_of(find_member(*revision, "revisionSummary"));
    if (current.revision.empty()) return bad_result("currentRevision has no revision");
    if (current.change_identifier.empty()) current.change_identifier = truncate_utf8(current.revision, 100, 100);
  }
  return success;
}

Result read_continue(const Answer& answer) {
  const Json* continuation = find_member(*answer.object, "continuation");
  const Json* state = continuation != nullptr ? find_member(*continuation, "State") : nullptr;
  if (state == nullptr) return bad_result("Continue needs continuation.State");
  Continue next;
  next.continuation_token = state->is_string() ? state->get<std::string>() : json::dump(*state);
  if (next.continuation_token.empty() || next.continuation_token.size() > kMaxContinuationState) {
    return bad_result("continuation.State has " + std::to_string(next.continuation_token.size()) +
                      " bytes, expected 1 to " + std::to_string(kMaxContinuationState));
  }
  next.external_execution_id = answer.external_execution_id;
  next.summary = answer.summary;
  next.percent_complete = answer.percent;
  return next;
}

Result read_fail(const Answer& answer) {
  Fail fail;
  fail.external_execution_id = answer.external_execution_id;
  fail.message = answer.summary.empty() ? "the command failed without saying why" : answer.summary;
  const std::string type = text_of(find_member(*answer.object, "failureType"));
  const auto known = std::find_if(kFailureTypes.begin(), kFailureTypes.end(),
                                  [&](const auto& row) { return equals_ignoring_case(row.name, type); });
  if (known != kFailureTypes.end()) fail.type = known->type;
  return fail;
}

std::string describe(const std::string& program, const GuardedResult& end) {
  const std::string command = "the command " + in_quotes(program);
  switch (end.end) {
    case GuardedEnd::kExited:
      return command + " exited with status " + std::to_string(end.exit_code);
    case GuardedEnd::kSignalled: {
      const char* name = ::sigabbrev_np(end.signal);
      std::string hint;
      if (end.signal == SIGXFSZ) hint = "; it wrote a file larger than limits.output allows";
      return command + " was ended by signal " + std::to_string(end.signal) +
             (name != nullptr ? std::string(" (SIG") + name + ")" : "") + hint;
    }
    case GuardedEnd::kMemory:
      return command + " used " + std::to_string(end.measured >> 20) + " MiB of memory, more than limits.memory allows";
    case GuardedEnd::kProcesses:
      return command + " had or wanted " + std::to_string(end.measured) +
             " processes, more than limits.processes allows";
    case GuardedEnd::kStopped:
    case GuardedEnd::kInspection:
      break;
  }
  return command + " was ended";
}

}  // namespace

std::optional<CommandProgress> parse_progress(std::string_view line) {
  const auto object = parse_object(line);
  if (!object || find_member(*object, "result") != nullptr) return std::nullopt;
  const Json* percent = find_member(*object, "percentComplete");
  const Json* summary = find_member(*object, "summary");
  CommandProgress progress{.percent = percent_of(percent), .summary = truncate_utf8(text_of(summary), 2048, 2048)};
  if (!progress.percent && progress.summary.empty()) return std::nullopt;
  return progress;
}

Result command_result(const std::string& program, const GuardedResult& end, const CommandOutput& output) {
  const bool exited_well = end.end == GuardedEnd::kExited && end.exit_code == 0;
  const bool exited = end.end == GuardedEnd::kExited;
  if (exited) {
    if (const auto object = parse_object(output.last_line); object && find_member(*object, "result") != nullptr) {
      const Answer answer(*object, output.progress);
      if (equals_ignoring_case(answer.kind, "Fail")) return read_fail(answer);
      const bool is_success = equals_ignoring_case(answer.kind, "Success");
      if (!is_success && !equals_ignoring_case(answer.kind, "Continue")) {
        return bad_result("expected result Success, Continue or Fail, found " + in_quotes(answer.kind));
      }
      if (exited_well) return is_success ? read_success(answer) : read_continue(answer);
    }
  }
  if (exited_well) {
    Success success;
    success.summary = output.progress.summary;
    return success;
  }
  std::string message = describe(program, end);
  const std::string_view tail = trim(output.error_tail);
  if (!tail.empty()) message += ":\n" + std::string(tail.substr(tail.size() - std::min(tail.size(), kMaxTail)));
  return Fail{aws::FailureType::kJobFailed, truncate_utf8(message, 5000, 5000), ""};
}

}  // namespace penstock::jobs
