#include "core/hooks/decision.h"
#include "core/hooks/json_writer.h"

namespace penstock::hooks {
namespace {

void write_filter(std::string& out, const FilterResult& filter) {
  ObjectWriter object(out);
  object.text("jsonPath", filter.json_path);
  object.text("condition", to_string(filter.condition));
  object.text("expected", filter.expected);
  object.name("selected");
  write_array(out, filter.selected, [&](const std::string& json) { out += json; });
  object.number("selectedCount", filter.selected_count);
  object.raw("matched", filter.matched ? "true" : "false");
  if (!filter.note.empty()) object.text("note", filter.note);
}

// Nothing when it does not wait.
std::string_view waits_for(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::kWaiting:
      return "actionConfiguration";
    case Verdict::kWaitingForPaths:
      return "changedPaths";
    case Verdict::kMatched:
    case Verdict::kNotMatched:
      break;
  }
  return "";
}

}  // namespace

void append_decision_json(std::string& out, const Decision& decision) {
  ObjectWriter object(out);
  object.text("webhook", decision.webhook);
  object.text_or_null("targetPipeline", decision.target_pipeline);
  object.text("targetAction", decision.target_action);
  object.text_or_null("ref", decision.ref);
  object.text_or_null("commitId", decision.commit_id);
  object.raw("matched", decision.verdict == Verdict::kMatched ? "true" : "false");
  if (const auto what = waits_for(decision.verdict); !what.empty()) {
    object.raw("waiting", "true");
    object.text("waitingFor", what);
  }
  object.text("reason", decision.reason);
  object.name("filters");
  write_array(out, decision.filters, [&](const FilterResult& filter) { write_filter(out, filter); });
  if (!decision.variables.empty()) {
    object.name("variables");
    ObjectWriter variables(out);
    for (const auto& [name, value] : decision.variables) variables.text(name, value);
  }
}

std::string decisions_to_json(const std::vector<Decision>& decisions) {
  std::string out;
  out.reserve(decisions.size() * 512 + 2);
  write_array(out, decisions, [&](const Decision& decision) { append_decision_json(out, decision); });
  return out;
}

}  // namespace penstock::hooks
