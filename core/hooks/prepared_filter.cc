#include "core/hooks/prepared_filter.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::hooks {
namespace {

using Condition = Webhook::Condition;
using Configuration = std::map<std::string, std::string>;

constexpr std::size_t kMaxExpectedCharacters = 1'000;

std::string list_keys(const Configuration& configuration) {
  if (configuration.empty()) return "it has no keys at all";
  std::string text = "it has ";
  std::size_t listed = 0;
  for (const auto& entry : configuration) {
    if (listed == 20) return text + ", …";
    if (listed++ > 0) text += ", ";
    text += in_quotes(entry.first);
  }
  return text;
}

}  // namespace

std::string PreparedFilter::expected() const {
  const auto& text = operand();
  return text.size() <= kMaxExpectedCharacters
             ? text
             : truncate_utf8(text, kMaxExpectedCharacters, 4 * kMaxExpectedCharacters);
}

bool PreparedFilter::holds_for(std::string_view text) const {
  switch (filter->condition) {
    case Condition::kExists:
      return true;
    case Condition::kMatchEquals:
    case Condition::kNotEquals:
      return text == operand();
    case Condition::kMatchGlob:
      return (glob ? *glob : *filter->glob).matches(text);
    case Condition::kMatchRegex:
      return (regex ? *regex : *filter->regex).matches_whole(text);
  }
  return false;
}

PreparedFilter prepare_filter(const Webhook::Filter& filter, const WebhookDefinition& definition,
                              const Configuration* of_action) {
  PreparedFilter prepared;
  prepared.filter = &filter;
  if (filter.placeholders.empty()) return prepared;
  const auto value_of = [&](const std::string& name) -> std::optional<std::string> {
    if (const auto own = definition.action_configuration.find(name); own != definition.action_configuration.end()) {
      return own->second;
    }
    if (of_action == nullptr) return std::nullopt;
    const auto found = of_action->find(name);
    return found == of_action->end() ? std::nullopt : std::optional(found->second);
  };
  prepared.filled = fill_placeholders(filter.operand, syntax_of(filter.condition), value_of);
  const auto missing = std::find_if(filter.placeholders.begin(), filter.placeholders.end(),
                                    [&](const std::string& name) { return !value_of(name); });
  if (missing != filter.placeholders.end()) {
    if (of_action == nullptr) {
      prepared.state = PreparedFilter::State::kNeedsConfiguration;
      return prepared;
    }
    prepared.state = PreparedFilter::State::kUnusable;
    prepared.note = "the configuration of action " + in_quotes(definition.target_action) + " of pipeline " +
                    in_quotes(definition.target_pipeline) + " has no key " + in_quotes(*missing) + "; " +
                    list_keys(*of_action);
    return prepared;
  }
  try {
    if (filter.condition == Condition::kMatchGlob) {
      prepared.glob = Glob::compile(*prepared.filled, SlashMeaning::kOrdinary);
    } else if (filter.condition == Condition::kMatchRegex) {
      prepared.regex.emplace(*prepared.filled);
    }
  } catch (const Error& error) {
    prepared.state = PreparedFilter::State::kUnusable;
    prepared.note = std::string("with its placeholders filled in the pattern is invalid: ") + error.what();
  }
  return prepared;
}

}  // namespace penstock::hooks
