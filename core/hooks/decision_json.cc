#include "core/hooks/decision.h"
#include "core/hooks/json_text.h"

namespace penstock::hooks {
namespace {

// Members in order of writing; the separators are its only state.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;
  ~ObjectWriter() { out_ += '}'; }

  std::string& name(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_string(out_, name);
    return out_ += ':';
  }
  void text(std::string_view member, std::string_view value) { append_json_string(name(member), value); }
  void text_or_null(std::string_view member, std::string_view value) {
    if (value.empty()) {
      name(member) += "null";
    } else {
      text(member, value);
    }
  }
  void raw(std::string_view member, std::string_view json) { name(member) += json; }

 private:
  std::string& out_;
  bool first_ = true;
};

template <typename Items, typename Write>
void write_array(std::string& out, const Items& items, const Write& write) {
  out += '[';
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ',';
    first = false;
    write(item);
  }
  out += ']';
}

void write_filter(std::string& out, const FilterResult& filter) {
  ObjectWriter object(out);
  object.text("jsonPath", filter.json_path);
  object.text("condition", to_string(filter.condition));
  object.text("expected", filter.expected);
  object.name("selected");
  write_array(out, filter.selected, [&](const std::string& json) { out += json; });
  object.raw("selectedCount", std::to_string(filter.selected_count));
  object.raw("matched", filter.matched ? "true" : "false");
  if (!filter.note.empty()) object.text("note", filter.note);
}

void write_decision(std::string& out, const Decision& decision) {
  ObjectWriter object(out);
  object.text("webhook", decision.webhook);
  object.text("targetPipeline", decision.target_pipeline);
  object.text("targetAction", decision.target_action);
  object.text_or_null("ref", decision.ref);
  object.text_or_null("commitId", decision.commit_id);
  object.raw("matched", decision.verdict == Verdict::kMatched ? "true" : "false");
  if (decision.verdict == Verdict::kWaiting) object.raw("waiting", "true");
  object.text("reason", decision.reason);
  object.name("filters");
  write_array(out, decision.filters, [&](const FilterResult& filter) { write_filter(out, filter); });
  if (!decision.variables.empty()) {
    object.name("variables");
    ObjectWriter variables(out);
    for (const auto& [name, value] : decision.variables) variables.text(name, value);
  }
}

}  // namespace

std::string decisions_to_json(const std::vector<Decision>& decisions) {
  std::string out;
  out.reserve(decisions.size() * 512 + 2);
  write_array(out, decisions, [&](const Decision& decision) { write_decision(out, decision); });
  return out;
}

}  // namespace penstock::hooks
