#include "core/hooks/decision.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/hooks/json_text.h"
#include "core/hooks/placeholders.h"
#include "core/hooks/selections.h"

namespace penstock::hooks {
namespace {

using Condition = Webhook::Condition;
using Configuration = std::map<std::string, std::string>;

constexpr std::size_t kShownInReason = 3;
constexpr std::size_t kMaxExpectedCharacters = 1'000;
constexpr std::size_t kMaxVariableCharacters = 1'000;  // PipelineVariable value: 1 to 1000

// One filter of one webhook, with its placeholders filled in as far as that is possible now.
struct PreparedFilter {
  const Webhook::Filter* filter = nullptr;
  std::size_t slot = 0;
  enum class State {
    kReady,
    kNeedsConfiguration,  // which has not been asked for yet
    kUnusable,            // never matches; `note` says why
  };
  State state = State::kReady;
  std::string note;
  // Only with placeholders; otherwise the filter's own serve.
  std::optional<std::string> filled;
  std::optional<Glob> glob;
  std::optional<Regex> regex;

  const std::string& operand() const { return filled ? *filled : filter->operand; }
};

struct PreparedWebhook {
  const Webhook* webhook = nullptr;
  std::vector<PreparedFilter> filters;
  std::vector<std::pair<std::string, std::size_t>> variables;  // name -> slot
  bool configuration_asked = false;
  bool needs_configuration = false;  // some filter is in that state
};

struct FilterOutcome {
  bool matched = false;
  std::string note;
};

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

PlaceholderSyntax syntax_of(Condition condition) noexcept {
  return condition == Condition::kMatchGlob    ? PlaceholderSyntax::kGlob
         : condition == Condition::kMatchRegex ? PlaceholderSyntax::kRegex
                                               : PlaceholderSyntax::kText;
}

// Fills the placeholders from the webhook's own actionConfiguration, then from the action's (null: not known yet).
void prepare(PreparedFilter& prepared, const WebhookDefinition& definition, const Configuration* of_action) {
  const auto& filter = *prepared.filter;
  if (filter.placeholders.empty()) return;
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
      return;
    }
    prepared.state = PreparedFilter::State::kUnusable;
    prepared.note = "the configuration of action " + in_quotes(definition.target_action) + " of pipeline " +
                    in_quotes(definition.target_pipeline) + " has no key " + in_quotes(*missing) + "; " +
                    list_keys(*of_action);
    return;
  }
  prepared.state = PreparedFilter::State::kReady;
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
}

class Decider {
 public:
  Decider(const Event& event, const std::vector<const Webhook*>& webhooks,
          const ActionConfigurationLookup& configuration, const DecideLimits& limits)
      : event_(event),
        lookup_(configuration),
        limits_(limits),
        selections_(event, limits.max_visited_nodes),
        remaining_bytes_(limits.max_compared_bytes) {
    webhooks_.reserve(webhooks.size());
    for (const auto* webhook : webhooks) prepare_webhook(*webhook);
  }

  std::vector<Decision> run() {
    if (!event_.not_actionable.empty()) return {};
    if (event_.is_push()) {
      for (const auto& ref : event_.ref_updates) decide_for(&ref);
    } else {
      decide_for(nullptr);
    }
    if (!decisions_.empty()) tell_limits(decisions_.back().reason);
    return std::move(decisions_);
  }

 private:
  void prepare_webhook(const Webhook& webhook) {
    auto& prepared = webhooks_.emplace_back();
    prepared.webhook = &webhook;
    prepared.filters.resize(webhook.filters().size());
    for (std::size_t i = 0; i < prepared.filters.size(); ++i) {
      auto& filter = prepared.filters[i];
      filter.filter = &webhook.filters()[i];
      filter.slot = selections_.add(filter.filter->path);
      prepare(filter, webhook.definition(), nullptr);
      prepared.needs_configuration |= filter.state == PreparedFilter::State::kNeedsConfiguration;
    }
    for (const auto& [name, path] : webhook.variables()) prepared.variables.emplace_back(name, selections_.add(path));
  }

  void decide_for(const RefUpdate* ref) {
    selections_.focus_on(ref);
    if (decisions_.empty()) decisions_.reserve(std::min(webhooks_.size(), limits_.max_decisions));
    const auto key = ref != nullptr ? push_key(event_, *ref) : event_key(event_);
    for (auto& webhook : webhooks_) {
      if (judged_ == limits_.max_judgements) {
        ++not_judged_;
        continue;
      }
      ++judged_;
      const bool deleted = ref != nullptr && ref->is_deletion() && webhook.webhook->definition().ignore_deletes;
      const auto verdict = deleted ? Verdict::kNotMatched : judge(webhook);
      if (verdict == Verdict::kNotMatched && decisions_.size() >= limits_.max_decisions) {
        ++not_kept_;
        continue;
      }
      auto& decision = decisions_.emplace_back();
      const auto& definition = webhook.webhook->definition();
      decision.webhook = definition.name;
      decision.target_pipeline = definition.target_pipeline;
      decision.target_action = definition.target_action;
      decision.push_key = key;
      decision.verdict = verdict;
      if (ref != nullptr) {
        decision.ref = ref->name;
        if (!ref->is_deletion()) decision.commit_id = ref->new_object_id;
      }
      if (deleted) {
        decision.reason = ref->name.starts_with("refs/heads/")  ? "the branch was deleted"
                          : ref->name.starts_with("refs/tags/") ? "the tag was deleted"
                                                                : "the ref was deleted";
      } else {
        explain(webhook, decision);
      }
    }
  }

  // Fills outcomes_, one per filter.
  Verdict judge(PreparedWebhook& webhook) {
    outcomes_.assign(webhook.filters.size(), {});
    bool all_matched = judge_filters(webhook, PreparedFilter::State::kReady);
    all_matched &= judge_filters(webhook, PreparedFilter::State::kUnusable);
    if (!webhook.needs_configuration) return all_matched ? Verdict::kMatched : Verdict::kNotMatched;
    if (!all_matched) return Verdict::kNotMatched;
    if (!ask_for_configuration(webhook)) return Verdict::kWaiting;
    all_matched = judge_filters(webhook, PreparedFilter::State::kReady);
    all_matched &= judge_filters(webhook, PreparedFilter::State::kUnusable);
    return all_matched ? Verdict::kMatched : Verdict::kNotMatched;
  }

  bool judge_filters(const PreparedWebhook& webhook, PreparedFilter::State state) {
    bool all_matched = true;
    for (std::size_t i = 0; i < webhook.filters.size(); ++i) {
      const auto& filter = webhook.filters[i];
      if (filter.state != state) continue;
      if (state == PreparedFilter::State::kReady) judge_filter(filter, outcomes_[i]);
      all_matched &= outcomes_[i].matched;
    }
    return all_matched;
  }

  // False when it is not known yet.
  bool ask_for_configuration(PreparedWebhook& webhook) {
    if (webhook.configuration_asked) return false;
    webhook.configuration_asked = true;
    const auto& definition = webhook.webhook->definition();
    const auto configuration = lookup_ ? lookup_(definition.target_pipeline, definition.target_action) : std::nullopt;
    if (!configuration) return false;
    for (auto& filter : webhook.filters) {
      if (filter.state == PreparedFilter::State::kNeedsConfiguration) prepare(filter, definition, &*configuration);
    }
    webhook.needs_configuration = false;
    return true;
  }

  bool may_compare(std::size_t cost) {
    if (remaining_bytes_ < cost) {
      remaining_bytes_ = 0;
      return false;
    }
    remaining_bytes_ -= cost;
    return true;
  }

  // True when `test` holds for any text; a note when there was too much to look at.
  template <typename Test>
  bool any_text(const Selection& selection, std::size_t weight, FilterOutcome& outcome, const Test& test) {
    for (const auto text : selection.texts) {
      if (!may_compare(weight * (text.size() + 1))) {
        outcome.note = "the event holds too much text to compare";
        return false;
      }
      if (test(text)) return true;
    }
    return false;
  }

  void judge_filter(const PreparedFilter& prepared, FilterOutcome& outcome) {
    const auto& filter = *prepared.filter;
    const auto& selection = selections_.get(prepared.slot);
    outcome = {};
    if (!selection.problem.empty()) {
      outcome.note = selection.problem;
      return;
    }
    const auto& operand = prepared.operand();
    switch (filter.condition) {
      case Condition::kExists:
        outcome.matched = selection.values.empty() == (operand == "false");
        return;
      case Condition::kMatchEquals:
        outcome.matched = any_text(selection, 1, outcome, [&](std::string_view text) { return text == operand; });
        return;
      case Condition::kNotEquals: {
        const bool any = any_text(selection, 1, outcome, [&](std::string_view text) { return text == operand; });
        outcome.matched = !any && outcome.note.empty();
        return;
      }
      case Condition::kMatchGlob: {
        const auto& glob = prepared.glob ? *prepared.glob : *filter.glob;
        outcome.matched = any_text(selection, 8, outcome, [&](std::string_view text) { return glob.matches(text); });
        return;
      }
      case Condition::kMatchRegex: {
        const auto& regex = prepared.regex ? *prepared.regex : *filter.regex;
        outcome.matched =
            any_text(selection, 1, outcome, [&](std::string_view text) { return regex.matches_whole(text); });
        return;
      }
    }
  }

  void explain(const PreparedWebhook& webhook, Decision& decision) {
    const auto& definition = webhook.webhook->definition();
    std::size_t failed = 0;
    std::size_t first_failed = 0;
    decision.filters.reserve(webhook.filters.size());
    for (std::size_t i = 0; i < webhook.filters.size(); ++i) {
      const auto& prepared = webhook.filters[i];
      auto& result = decision.filters.emplace_back();
      result.json_path = prepared.filter->definition.json_path;
      result.condition = prepared.filter->condition;
      const auto& operand = prepared.operand();
      result.expected = operand.size() <= kMaxExpectedCharacters
                            ? operand
                            : truncate_utf8(operand, kMaxExpectedCharacters, 4 * kMaxExpectedCharacters);
      result.selected = selections_.shown(prepared.slot);
      result.selected_count = selections_.get(prepared.slot).values.size();
      result.matched = outcomes_[i].matched;
      result.note = prepared.state == PreparedFilter::State::kReady ? std::move(outcomes_[i].note) : prepared.note;
      if (prepared.state == PreparedFilter::State::kNeedsConfiguration) {
        result.note = decision.verdict == Verdict::kWaiting
                          ? waiting_text(definition)
                          : "not judged: it needs the action's configuration, and another filter did not match";
      } else if (!result.matched && failed++ == 0) {
        first_failed = i;
      }
    }
    switch (decision.verdict) {
      case Verdict::kMatched:
        decision.reason = webhook.filters.empty() ? "the webhook has no filters" : "all filters passed";
        evaluate_variables(webhook, decision);
        return;
      case Verdict::kWaiting:
        decision.reason = waiting_text(definition);
        return;
      case Verdict::kNotMatched:
        decision.reason =
            "filter " + std::to_string(first_failed + 1) + ": " + describe(decision.filters[first_failed]);
        if (failed > 1) {
          decision.reason += "; " + std::to_string(failed - 1) + (failed == 2 ? " other filter" : " other filters") +
                             " did not match either";
        }
        return;
    }
  }

  static std::string waiting_text(const WebhookDefinition& definition) {
    return "waiting for the configuration of action " + in_quotes(definition.target_action) + " of pipeline " +
           in_quotes(definition.target_pipeline);
  }

  static std::string describe(const FilterResult& result) {
    std::string text = result.json_path;
    if (!result.note.empty()) return text + ": " + result.note;
    text += " selected ";
    if (result.selected_count == 0) text += "nothing";
    const auto shown = std::min(result.selected.size(), kShownInReason);
    for (std::size_t i = 0; i < shown; ++i) {
      if (i > 0) text += ", ";
      text += result.selected[i];
    }
    if (result.selected_count > shown && shown > 0) {
      text += " and " + std::to_string(result.selected_count - shown) + " more";
    }
    text += ", expected ";
    switch (result.condition) {
      case Condition::kMatchEquals:
        text += in_quotes(result.expected);
        break;
      case Condition::kMatchGlob:
        text += "a match of the glob " + in_quotes(result.expected);
        break;
      case Condition::kMatchRegex:
        text += "a match of the regular expression " + in_quotes(result.expected);
        break;
      case Condition::kNotEquals:
        text += "anything but " + in_quotes(result.expected);
        break;
      case Condition::kExists:
        text += result.expected == "false" ? "nothing" : "a value";
        break;
    }
    return text;
  }

  void evaluate_variables(const PreparedWebhook& webhook, Decision& decision) {
    for (const auto& [name, slot] : webhook.variables) {
      const auto& selection = selections_.get(slot);
      const auto unset = [&, &variable = name](std::string_view why) {
        decision.reason += "; variable " + in_quotes(variable) + " is not set: ";
        decision.reason += why;
      };
      if (!selection.problem.empty()) {
        unset(selection.problem);
      } else if (selection.values.empty()) {
        unset("its query selected nothing");
      } else {
        const auto& value = selection.values.front();
        const auto text = value.string() ? std::string(value.string()->substr(0, 4 * kMaxVariableCharacters + 1))
                                         : bounded_json(value, kMaxVariableCharacters + 1);
        if (text.empty()) {
          unset("its value is empty");
        } else if (truncate_utf8(text, kMaxVariableCharacters, text.size()) != text) {
          unset("its value is longer than " + std::to_string(kMaxVariableCharacters) + " characters");
        } else {
          decision.variables.emplace(name, text);
        }
      }
    }
  }

  void tell_limits(std::string& reason) const {
    if (not_kept_ > 0) {
      reason += "; " + std::to_string(not_kept_) + " further decisions that did not match are not listed";
    }
    if (not_judged_ > 0) {
      reason += "; " + std::to_string(not_judged_) +
                " further pairs of webhook and ref were not judged: the limit is " +
                std::to_string(limits_.max_judgements);
    }
  }

  const Event& event_;
  const ActionConfigurationLookup& lookup_;
  const DecideLimits limits_;
  Selections selections_;
  std::size_t remaining_bytes_;
  std::vector<PreparedWebhook> webhooks_;
  std::vector<FilterOutcome> outcomes_;  // of the webhook that is being judged
  std::vector<Decision> decisions_;
  std::size_t judged_ = 0, not_judged_ = 0, not_kept_ = 0;
};

}  // namespace

std::vector<Decision> decide(const Event& event, const std::vector<const Webhook*>& webhooks,
                             const ActionConfigurationLookup& configuration, const DecideLimits& limits) {
  return Decider(event, webhooks, configuration, limits).run();
}

}  // namespace penstock::hooks
