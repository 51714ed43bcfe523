#include "core/hooks/evidence.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::hooks {
namespace {

using Condition = Webhook::Condition;

constexpr std::size_t kShownInReason = 3;

const char* deletion_text(std::string_view ref) noexcept {
  return ref.starts_with("refs/heads/")  ? "the branch was deleted"
         : ref.starts_with("refs/tags/") ? "the tag was deleted"
                                         : "the ref was deleted";
}

std::string describe(const FilterResult& result) {
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

void tell_limits(const Evidence& evidence, std::string& reason) {
  if (evidence.not_listed > 0) {
    reason += "; " + std::to_string(evidence.not_listed) + " further decisions that did not match are not listed";
  }
  if (evidence.not_judged > 0) {
    reason += "; " + std::to_string(evidence.not_judged) +
              " further pairs of webhook and ref were not judged: the limit is " +
              std::to_string(evidence.max_judgements);
  }
}

}  // namespace

FactsTable::FactsTable(const WebhookSet& set)
    : passed_(set.tests.size()), gave_up_(set.tests.size()), selected_(set.queries.size()) {}

void FactsTable::add(const Evidence::Facts& facts) {
  for (const auto test : facts.passed) passed_[test] = 1;
  for (const auto test : facts.gave_up) gave_up_[test] = 1;
  for (const auto& selected : facts.selected) selected_[selected.query] = &selected;
}

void FactsTable::set_common(const Evidence::Facts& facts) {
  add(facts);
}

void FactsTable::set_subject(const Evidence::Facts& facts) {
  if (subject_ != nullptr) {
    for (const auto test : subject_->passed) passed_[test] = 0;
    for (const auto test : subject_->gave_up) gave_up_[test] = 0;
    for (const auto& selected : subject_->selected) selected_[selected.query] = nullptr;
  }
  subject_ = &facts;
  add(facts);
}

const Evidence::Selected& FactsTable::selected(std::uint32_t query) const noexcept {
  static const Evidence::Selected kNothing;
  return selected_[query] != nullptr ? *selected_[query] : kNothing;
}

FilterResult derive_filter(const WebhookSet& set, std::uint32_t number, const FactsTable& facts) {
  const auto& test = set.tests[number];
  const auto& selected = facts.selected(test.query);
  FilterResult result;
  result.json_path = set.queries[test.query];
  result.condition = test.condition;
  result.expected = test.expected;
  result.selected = selected.shown;
  result.selected_count = selected.count;
  if (test.needs_configuration) {
    result.note = "not judged: it needs the action's configuration, and another filter did not match";
  } else if (!test.note.empty()) {
    result.note = test.note;
  } else {
    result.matched = facts.passed(number);
    result.note = !selected.problem.empty() ? selected.problem
                  : facts.gave_up(number)   ? "the event holds too much text to compare"
                                            : "";
  }
  return result;
}

void explain_mismatch(Decision& decision, const std::function<bool(std::size_t)>& judged) {
  std::size_t failed = 0;
  std::size_t first_failed = 0;
  for (std::size_t i = 0; i < decision.filters.size(); ++i) {
    if (!decision.filters[i].matched && judged(i) && failed++ == 0) first_failed = i;
  }
  if (failed == 0) return;
  decision.reason = "filter " + std::to_string(first_failed + 1) + ": " + describe(decision.filters[first_failed]);
  if (failed > 1) {
    decision.reason += "; " + std::to_string(failed - 1) + (failed == 2 ? " other filter" : " other filters") +
                       " did not match either";
  }
}

Decision derive_decision(const WebhookSet& set, std::uint32_t number, const Evidence::Subject& subject,
                         const FactsTable& facts) {
  const auto& webhook = set.webhooks[number];
  Decision decision;
  decision.webhook = webhook.name;
  decision.target_pipeline = webhook.target_pipeline;
  decision.target_action = webhook.target_action;
  decision.ref = subject.ref;
  decision.commit_id = subject.commit_id;
  decision.push_key = subject.push_key;
  if (subject.is_deletion && webhook.ignore_deletes) {
    decision.reason = deletion_text(subject.ref);
    return decision;
  }
  decision.filters.reserve(webhook.filters.size());
  for (const auto test : webhook.filters) decision.filters.push_back(derive_filter(set, test, facts));
  explain_mismatch(decision, [&](std::size_t i) { return !set.tests[webhook.filters[i]].needs_configuration; });
  if (decision.reason.empty()) {
    decision.verdict = Verdict::kMatched;
    decision.reason = webhook.filters.empty() ? "the webhook has no filters" : "all filters passed";
  }
  return decision;
}

void for_each_decision(const WebhookSet& set, const Evidence& evidence, const std::function<bool(Decision)>& visit) {
  // One behind, because the last one says what is missing.
  std::optional<Decision> last;
  std::size_t listed = 0;
  std::size_t judged = 0;
  const auto tell = [&](Decision decision) {
    if (last && !visit(std::move(*last))) return false;
    last = std::move(decision);
    ++listed;
    return true;
  };
  FactsTable facts(set);
  facts.set_common(evidence.common);
  for (const auto& subject : evidence.subjects) {
    facts.set_subject(subject.facts);
    auto told = subject.told.begin();
    for (std::uint32_t webhook = 0; webhook < set.webhooks.size(); ++webhook, ++judged) {
      const bool derives = subject.lists_all && listed < evidence.max_decisions && judged < evidence.max_judgements;
      if (told != subject.told.end() && told->webhook == webhook) {
        if (!tell((told++)->decision)) return;
      } else if (derives) {
        if (!tell(derive_decision(set, webhook, subject, facts))) return;
      } else if (told == subject.told.end()) {
        break;  // nothing is derived from here on, so `judged` counts no more
      }
    }
  }
  if (!last) return;
  tell_limits(evidence, last->reason);
  visit(std::move(*last));
}

}  // namespace penstock::hooks
