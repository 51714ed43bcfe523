#include "core/hooks/webhook.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::hooks {
namespace {

constexpr std::array<std::string_view, 11> kTellingMembers = {
    "eventType",    "pullRequest", "sourceRefName", "targetRefName",     "mergeStatus", "lastMerge",
    "mergeFailure", "isDraft",     "reviewers",     "autoCompleteSetBy", "status"};

std::pair<Webhook::Condition, std::string> condition_of(const FilterDefinition& definition) {
  using Condition = Webhook::Condition;
  std::vector<std::pair<Condition, std::string>> written;
  if (definition.match_equals) written.emplace_back(Condition::kMatchEquals, *definition.match_equals);
  if (definition.match_glob) written.emplace_back(Condition::kMatchGlob, *definition.match_glob);
  if (definition.match_regex) written.emplace_back(Condition::kMatchRegex, *definition.match_regex);
  if (definition.not_equals) written.emplace_back(Condition::kNotEquals, *definition.not_equals);
  if (definition.exists) written.emplace_back(Condition::kExists, *definition.exists ? "true" : "false");
  if (written.empty()) return {Condition::kExists, "true"};
  if (written.size() > 1) {
    throw Error(ErrorKind::kInvalidInput, std::string("expected one condition, found ") +
                                              std::string(to_string(written[0].first)) + " and " +
                                              std::string(to_string(written[1].first)));
  }
  return written.front();
}

json::JsonPath compile_path(const std::string& query, const std::string& where) {
  try {
    return json::JsonPath::compile(query);
  } catch (const Error& error) {
    throw error.with_context(where);
  }
}

Webhook::Filter compile_filter(const FilterDefinition& definition, const std::string& where) {
  auto path = compile_path(definition.json_path, where + ".jsonPath");
  try {
    auto [condition, operand] = condition_of(definition);
    Webhook::Filter filter{std::move(path), definition, condition, std::move(operand), {}, {}, {}};
    if (condition == Webhook::Condition::kExists) return filter;
    filter.placeholders = find_placeholders(filter.operand, syntax_of(condition));
    // With placeholders the result is only a trial: what they will be replaced by cannot make it worse.
    const auto trial =
        fill_placeholders(filter.operand, syntax_of(condition), [](const auto&) { return std::optional("x"); });
    if (condition == Webhook::Condition::kMatchGlob) filter.glob = Glob::compile(trial, SlashMeaning::kOrdinary);
    if (condition == Webhook::Condition::kMatchRegex) filter.regex.emplace(trial);
    if (!filter.placeholders.empty()) {
      filter.glob.reset();
      filter.regex.reset();
    }
    return filter;
  } catch (const Error& error) {
    throw error.with_context(where);
  }
}

// By the members that only events of pull requests have, and the one that names the event.
bool asks_for_pull_requests(const Webhook::Filter& filter) {
  if (filter.condition == Webhook::Condition::kNotEquals) return false;
  if (filter.condition == Webhook::Condition::kExists && filter.operand == "false") return false;
  const std::string& query = filter.definition.json_path;
  return std::any_of(kTellingMembers.begin(), kTellingMembers.end(),
                     [&](std::string_view member) { return query.find(member) != std::string::npos; });
}

}  // namespace

std::string_view to_string(Webhook::Condition condition) noexcept {
  switch (condition) {
    case Webhook::Condition::kMatchEquals:
      return "matchEquals";
    case Webhook::Condition::kMatchGlob:
      return "matchGlob";
    case Webhook::Condition::kMatchRegex:
      return "matchRegex";
    case Webhook::Condition::kNotEquals:
      return "notEquals";
    case Webhook::Condition::kExists:
      return "exists";
  }
  return "";
}

std::optional<Webhook::Condition> parse_condition(std::string_view text) noexcept {
  using Condition = Webhook::Condition;
  for (const auto condition : {Condition::kMatchEquals, Condition::kMatchGlob, Condition::kMatchRegex,
                               Condition::kNotEquals, Condition::kExists}) {
    if (to_string(condition) == text) return condition;
  }
  return std::nullopt;
}

PlaceholderSyntax syntax_of(Webhook::Condition condition) noexcept {
  switch (condition) {
    case Webhook::Condition::kMatchGlob:
      return PlaceholderSyntax::kGlob;
    case Webhook::Condition::kMatchRegex:
      return PlaceholderSyntax::kRegex;
    case Webhook::Condition::kMatchEquals:
    case Webhook::Condition::kNotEquals:
    case Webhook::Condition::kExists:
      break;
  }
  return PlaceholderSyntax::kText;
}

Webhook::Webhook(WebhookDefinition definition) : definition_(std::move(definition)) {
  try {
    for (std::size_t i = 0; i < definition_.filters.size(); ++i) {
      filters_.push_back(compile_filter(definition_.filters[i], "filters[" + std::to_string(i) + "]"));
      for (const auto& key : filters_.back().placeholders) {
        if (definition_.action_configuration.contains(key)) continue;
        if (std::find(needed_keys_.begin(), needed_keys_.end(), key) == needed_keys_.end()) needed_keys_.push_back(key);
      }
      looks_for_pull_requests_ |= asks_for_pull_requests(filters_.back());
    }
    for (const auto& [name, query] : definition_.variables) {
      variables_.emplace(name, compile_path(query, "variables." + name));
    }
    const auto& rules = definition_.path_rules;
    if (!rules.triggers.empty() || !rules.ignore_paths.empty() || !rules.routes.empty())
      path_rules_ = std::make_shared<const PathRules>(rules);
    if (has_routes() && !needed_keys_.empty()) {
      throw Error(ErrorKind::kConfiguration,
                  "{" + needed_keys_.front() +
                      "} in a filter: with routes there is no one pipeline whose action says what it is; "
                      "give it under actionConfiguration");
    }
  } catch (const Error& error) {
    throw Error(ErrorKind::kConfiguration, "webhook " + in_quotes(definition_.name) + ": " + error.what());
  }
}

}  // namespace penstock::hooks
