#include "core/events/event.h"

#include <array>
#include <cmath>
#include <initializer_list>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/json/document.h"

namespace penstock::events {
namespace {

using json::Type;
using json::Value;

// CodePipeline's own names have at most 100 characters; event ids are UUIDs.
constexpr std::size_t kMaxText = 256;

// "execution-id", "executionId" and "execution_id" are one name.
bool is_name(std::string_view written, std::string_view plain) {
  std::size_t at = 0;
  for (char c : written) {
    if (c == '-' || c == '_') continue;
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (at == plain.size() || plain[at] != c) return false;
    ++at;
  }
  return at == plain.size();
}

std::optional<Value> find_member(const Value& object, std::initializer_list<std::string_view> names) {
  std::optional<Value> found;
  object.for_each_member([&](std::string_view written, Value value) {
    if (found || value.is_null()) return;
    for (const std::string_view name : names) {
      if (is_name(written, name)) found = value;
    }
  });
  return found;
}

// Nothing when it is absent, of another type or too long to be what it should be.
std::string text_of(const Value& object, std::initializer_list<std::string_view> names) {
  const auto value = find_member(object, names);
  const auto text = value ? value->string() : std::nullopt;
  return text && text->size() <= kMaxText ? std::string(trim(*text)) : std::string();
}

// A version is a text in the one event and a number in the other.
std::string version_of(const Value& type) {
  const auto value = find_member(type, {"version"});
  if (!value) return "";
  if (const auto number = value->integer()) return std::to_string(*number);
  const auto text = value->string();
  return text && text->size() <= kMaxText ? std::string(trim(*text)) : std::string();
}

std::optional<Change> change_of(std::string_view state) {
  if (state.empty()) return Change::kUntold;
  const auto is_one_of = [&](std::initializer_list<std::string_view> states) {
    for (const std::string_view candidate : states) {
      if (equals_ignoring_case(candidate, state)) return true;
    }
    return false;
  };
  if (is_one_of({"STARTED", "RESUMED"})) return Change::kBegun;
  if (is_one_of({"ABANDONED", "CANCELED", "CANCELLED", "FAILED", "STOPPED", "STOPPING", "SUPERSEDED"})) {
    return Change::kOver;
  }
  if (is_one_of({"SUCCEEDED"})) return Change::kNeither;
  return std::nullopt;
}

bool begins_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// The members of a state change, which stand in `detail` or, transformed, anywhere.
std::optional<Event> read_change(const Value& detail) {
  Event event;
  event.pipeline = text_of(detail, {"pipeline", "pipelinename"});
  event.execution_id = text_of(detail, {"executionid", "pipelineexecutionid"});
  event.stage = text_of(detail, {"stage", "stagename"});
  event.action = text_of(detail, {"action", "actionname"});
  const auto type = find_member(detail, {"type", "actiontype", "actiontypeid"});
  const bool is_whole_type = type && type->type() == Type::kObject;
  const Value& told = is_whole_type ? *type : detail;
  event.type.category = text_of(told, {"category"});
  event.type.owner = text_of(told, {"owner"});
  event.type.provider = text_of(told, {"provider"});
  // Beside the others it would be the pipeline's.
  if (is_whole_type) event.type.version = version_of(told);
  const auto change = change_of(text_of(detail, {"state"}));
  if (!change) return std::nullopt;
  event.change = *change;
  const bool is_about_an_action = !event.action.empty() || !event.type.provider.empty();
  event.subject = is_about_an_action ? Subject::kAction : !event.stage.empty() ? Subject::kStage : Subject::kPipeline;
  // Whether a job begins can be told without the execution, that it ended cannot.
  const bool is_enough = !event.execution_id.empty() ||
                         (event.change == Change::kBegun && (!event.pipeline.empty() || is_about_an_action));
  return is_enough ? std::optional(std::move(event)) : std::nullopt;
}

std::optional<Event> read_event(const Value& value) {
  if (value.type() != Type::kObject) return std::nullopt;
  const std::string source = text_of(value, {"source"});
  if (!source.empty() && source != "aws.codepipeline") return std::nullopt;
  const std::string kind = text_of(value, {"detailtype"});
  if (!kind.empty() && !begins_ignoring_case(kind, "codepipeline ")) return std::nullopt;
  const auto detail = find_member(value, {"detail"});
  auto event = read_change(detail && detail->type() == Type::kObject ? *detail : value);
  if (event) event->id = text_of(value, {"id", "eventid"});
  return event;
}

// The text that SNS wraps what it was given in.
std::optional<std::string_view> message_of(const Value& value) {
  if (value.type() != Type::kObject || !value.find("TopicArn")) return std::nullopt;
  const auto message = value.find("Message");
  return message ? message->string() : std::nullopt;
}

void read_all(const Value& root, ParsedEvents& parsed) {
  const auto read = [&](const Value& value) {
    if (auto event = read_event(value)) {
      parsed.events.push_back(std::move(*event));
    } else {
      ++parsed.unknown;
    }
  };
  if (root.type() != Type::kArray) {
    read(root);
    return;
  }
  if (root.size() > kMaxEventsInABody) {
    throw Error(ErrorKind::kExhausted, "parsing events: " + std::to_string(root.size()) + " in one body, at most " +
                                           std::to_string(kMaxEventsInABody) + " are read");
  }
  root.for_each_element(read);
}

}  // namespace

bool may_be(const aws::ActionTypeId& told, const aws::ActionTypeId& worked) noexcept {
  const auto agree = [](const std::string& a, const std::string& b) { return a.empty() || a == b; };
  return agree(told.category, worked.category) && agree(told.owner, worked.owner) &&
         agree(told.provider, worked.provider) && agree(told.version, worked.version);
}

ParsedEvents parse_events(std::string_view body) {
  ParsedEvents parsed;
  const json::Document document = json::Document::parse(body);
  const Value root = document.root();
  const auto message = message_of(root);
  if (!message) {
    read_all(root, parsed);
    return parsed;
  }
  try {
    const json::Document inner = json::Document::parse(*message);
    read_all(inner.root(), parsed);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInvalidInput) throw;
    ++parsed.unknown;  // a text for people
  }
  return parsed;
}

}  // namespace penstock::events
