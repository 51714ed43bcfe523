#include <utility>

#include "core/base/error.h"
#include "core/hooks/evidence.h"
#include "core/hooks/json_reader.h"
#include "core/hooks/json_writer.h"
#include "core/hooks/selections.h"

namespace penstock::hooks {
namespace {

constexpr std::string_view kWhat = "stored evidence";
constexpr std::size_t kMaxExpandedBytes = 32u << 20;

// {"selected":[[query, count, [value, …]] | [query, "problem"], …],"passed":[test, …],"gaveUp":[test, …]}
void write(std::string& out, const Evidence::Facts& facts) {
  ObjectWriter object(out);
  object.name("selected");
  write_array(out, facts.selected, [&](const Evidence::Selected& selected) {
    out += '[';
    append_number(out, selected.query);
    out += ',';
    if (selected.problem.empty()) {
      append_number(out, selected.count);
      out += ',';
      write_array(out, selected.shown, [&](const std::string& json) { out += json; });
    } else {
      append_json_string(out, selected.problem);
    }
    out += ']';
  });
  write_numbers(object.name("passed"), facts.passed);
  if (!facts.gave_up.empty()) write_numbers(object.name("gaveUp"), facts.gave_up);
}

void write(std::string& out, const Evidence::Subject& subject) {
  ObjectWriter object(out);
  if (!subject.ref.empty()) object.text("ref", subject.ref);
  if (!subject.commit_id.empty()) object.text("commitId", subject.commit_id);
  if (subject.is_deletion) object.raw("deletion", "true");
  if (subject.lists_all) {
    write(object.name("facts"), subject.facts);
  }
  if (subject.told.empty()) return;
  object.name("told");
  write_array(out, subject.told, [&](const Evidence::Told& told) {
    out += '[';
    append_number(out, told.webhook);
    out += ',';
    append_decision_json(out, told.decision);
    out += ']';
  });
}

void write(std::string& out, const Evidence& evidence) {
  ObjectWriter object(out);
  write(object.name("common"), evidence.common);
  object.name("subjects");
  write_array(out, evidence.subjects, [&](const Evidence::Subject& subject) { write(out, subject); });
  const bool is_bounded =
      evidence.max_decisions != Evidence().max_decisions || evidence.max_judgements != Evidence().max_judgements;
  if (!is_bounded && evidence.not_listed == 0 && evidence.not_judged == 0) return;
  object.number("maxDecisions", evidence.max_decisions);
  object.number("maxJudgements", evidence.max_judgements);
  object.number("notListed", evidence.not_listed);
  object.number("notJudged", evidence.not_judged);
}

std::vector<std::string> read_values(const JsonReader& reader) {
  std::vector<std::string> values;
  reader.for_each([&](const JsonReader& value) {
    if (values.size() == kMaxShown) value.refuse("fewer values");
    values.push_back(bounded_json(value.value(), kMaxShownCharacters));
  });
  return values;
}

Evidence::Facts read_facts(const JsonReader& reader, const WebhookSet& set) {
  Evidence::Facts facts;
  reader.for_each_in("selected", [&](const JsonReader& entry) {
    const auto parts = entry.elements();
    if (parts.size() != 2 && parts.size() != 3) entry.refuse("what a query selected");
    auto& selected = facts.selected.emplace_back();
    selected.query = parts[0].index(set.queries.size());
    if (parts.size() == 2) {
      selected.problem = parts[1].text();
    } else {
      selected.count = parts[1].number();
      selected.shown = read_values(parts[2]);
    }
  });
  facts.passed = reader.indexes("passed", set.tests.size());
  facts.gave_up = reader.indexes("gaveUp", set.tests.size());
  return facts;
}

Decision read_decision(const JsonReader& reader) {
  Decision decision;
  decision.webhook = reader.at("webhook").text();
  decision.target_pipeline = reader.text_or_empty("targetPipeline");
  decision.target_action = reader.at("targetAction").text();
  decision.ref = reader.text_or_empty("ref");
  decision.commit_id = reader.text_or_empty("commitId");
  decision.verdict = reader.at("matched").boolean() ? Verdict::kMatched : Verdict::kNotMatched;
  if (reader.flag("waiting")) {
    decision.verdict =
        reader.text_or_empty("waitingFor") == "changedPaths" ? Verdict::kWaitingForPaths : Verdict::kWaiting;
  }
  decision.reason = reader.at("reason").text();
  reader.for_each_in("filters", [&](const JsonReader& entry) {
    auto& filter = decision.filters.emplace_back();
    filter.json_path = entry.at("jsonPath").text();
    const auto condition = parse_condition(entry.at("condition").text());
    if (!condition) entry.refuse("a condition");
    filter.condition = *condition;
    filter.expected = entry.at("expected").text();
    filter.selected = read_values(entry.at("selected"));
    filter.selected_count = entry.at("selectedCount").number();
    filter.matched = entry.at("matched").boolean();
    filter.note = entry.text_or_empty("note");
  });
  if (reader.has("variables")) {
    const auto variables = reader.at("variables");
    if (variables.value().type() != json::Type::kObject) variables.refuse("an object");
    variables.value().for_each_member([&](std::string_view name, json::Value value) {
      decision.variables.emplace(name, JsonReader(value, kWhat).text());
    });
  }
  return decision;
}

Evidence::Subject read_subject(const JsonReader& reader, const WebhookSet& set) {
  Evidence::Subject subject;
  subject.ref = reader.text_or_empty("ref");
  subject.commit_id = reader.text_or_empty("commitId");
  subject.is_deletion = reader.flag("deletion");
  subject.lists_all = reader.has("facts");
  if (subject.lists_all) subject.facts = read_facts(reader.at("facts"), set);
  reader.for_each_in("told", [&](const JsonReader& entry) {
    const auto parts = entry.elements();
    if (parts.size() != 2) entry.refuse("a webhook and its decision");
    const auto webhook = parts[0].index(set.webhooks.size());
    if (!subject.told.empty() && webhook <= subject.told.back().webhook) entry.refuse("rising webhooks");
    subject.told.push_back({webhook, read_decision(parts[1])});
  });
  return subject;
}

}  // namespace

std::string encode_evidence(const Evidence& evidence) {
  std::string out;
  out.reserve(1'024);
  write(out, evidence);
  return out;
}

Evidence parse_evidence(std::string_view text, const WebhookSet& set) {
  const auto document = parse_own_json(text, kWhat);
  const JsonReader root(document.root(), kWhat);
  Evidence evidence;
  evidence.common = read_facts(root.at("common"), set);
  root.for_each_in("subjects",
                   [&](const JsonReader& subject) { evidence.subjects.push_back(read_subject(subject, set)); });
  if (root.has("maxDecisions")) evidence.max_decisions = root.at("maxDecisions").number();
  if (root.has("maxJudgements")) evidence.max_judgements = root.at("maxJudgements").number();
  evidence.not_listed = root.number_or_zero("notListed");
  evidence.not_judged = root.number_or_zero("notJudged");
  return evidence;
}

std::string expand_decisions(std::string_view webhook_set_json, std::string_view evidence_text) {
  const auto set = parse_webhook_set(webhook_set_json);
  const auto evidence = parse_evidence(evidence_text, set);
  std::string out = "[";
  for_each_decision(set, evidence, [&](Decision decision) {
    const bool full = out.size() > kMaxExpandedBytes;
    if (full) decision.reason += "; further decisions are too many to be shown";
    if (out.size() > 1) out += ',';
    append_decision_json(out, decision);
    return !full;
  });
  out += ']';
  return out;
}

}  // namespace penstock::hooks
