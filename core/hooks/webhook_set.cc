#include "core/hooks/webhook_set.h"

#include "core/base/digest.h"
#include "core/hooks/json_reader.h"
#include "core/hooks/json_writer.h"

namespace penstock::hooks {

namespace {

constexpr std::string_view kWhat = "a stored list of webhooks";
constexpr std::size_t kMaxFilters = 10'000;  // of one webhook

void write(std::string& out, const WebhookSet& set) {
  ObjectWriter object(out);
  object.name("queries");
  write_array(out, set.queries, [&](const std::string& query) { append_json_string(out, query); });
  object.name("tests");
  write_array(out, set.tests, [&](const WebhookSet::Test& test) {
    ObjectWriter writer(out);
    writer.number("query", test.query);
    writer.text("condition", to_string(test.condition));
    writer.text("expected", test.expected);
    if (test.needs_configuration) writer.raw("needsConfiguration", "true");
    if (!test.note.empty()) writer.text("note", test.note);
  });
  object.name("webhooks");
  write_array(out, set.webhooks, [&](const WebhookSet::Member& webhook) {
    ObjectWriter writer(out);
    writer.text("name", webhook.name);
    writer.text("targetPipeline", webhook.target_pipeline);
    writer.text("targetAction", webhook.target_action);
    writer.raw("ignoreDeletes", webhook.ignore_deletes ? "true" : "false");
    write_numbers(writer.name("filters"), webhook.filters);
  });
}

}  // namespace

std::string to_json(const WebhookSet& set) {
  std::string out;
  out.reserve(64 + 128 * set.webhooks.size() + 64 * set.tests.size());
  write(out, set);
  return out;
}

WebhookSet parse_webhook_set(std::string_view json) {
  const auto document = parse_own_json(json, kWhat);
  const JsonReader root(document.root(), kWhat);
  WebhookSet set;
  root.for_each_in("queries", [&](const JsonReader& query) { set.queries.push_back(query.text()); });
  root.for_each_in("tests", [&](const JsonReader& reader) {
    auto& test = set.tests.emplace_back();
    test.query = reader.at("query").index(set.queries.size());
    const auto condition = parse_condition(reader.at("condition").text());
    if (!condition) reader.refuse("a condition");
    test.condition = *condition;
    test.expected = reader.at("expected").text();
    test.needs_configuration = reader.flag("needsConfiguration");
    test.note = reader.text_or_empty("note");
  });
  root.for_each_in("webhooks", [&](const JsonReader& reader) {
    auto& webhook = set.webhooks.emplace_back();
    webhook.name = reader.at("name").text();
    webhook.target_pipeline = reader.at("targetPipeline").text();
    webhook.target_action = reader.at("targetAction").text();
    webhook.ignore_deletes = reader.at("ignoreDeletes").boolean();
    webhook.filters = reader.indexes("filters", set.tests.size());
    if (webhook.filters.size() > kMaxFilters) reader.refuse("fewer filters");
  });
  return set;
}

std::string webhook_set_id(std::string_view json) {
  return sha256_hex(json);
}

}  // namespace penstock::hooks
