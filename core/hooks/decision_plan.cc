#include "core/hooks/decision_plan.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/hooks/json_text.h"
#include "core/hooks/prepared_filter.h"
#include "core/hooks/selections.h"

namespace penstock::hooks {
namespace {

using Condition = Webhook::Condition;
using Configuration = std::map<std::string, std::string>;
using State = PreparedFilter::State;

// Of selected values, for all refs of an event; what further refs were shown is not kept.
constexpr std::size_t kMaxShownBytes = 16u << 20;
constexpr std::size_t kMaxVariableCharacters = 1'000;  // PipelineVariable value: 1 to 1000
const Evidence::Facts kNoFacts;
constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

// The tests for one text and its contrary.
struct EqualityTests {
  std::uint32_t equals = kNone;
  std::uint32_t differs = kNone;
};

// What is asked of the values of one query.
struct Questions {
  std::vector<std::uint32_t> exists, absent;
  std::unordered_map<std::string_view, EqualityTests> equality;  // by operand
  bool some_differ = false;
  std::vector<std::uint32_t> patterns;
};

struct PlannedWebhook {
  const Webhook* webhook = nullptr;
  std::vector<std::pair<std::string, std::size_t>> variables;  // name -> query
  bool needs_configuration = false;                            // for some filter
};

std::string waiting_text(const WebhookDefinition& definition) {
  return "waiting for the configuration of action " + in_quotes(definition.target_action) + " of pipeline " +
         in_quotes(definition.target_pipeline);
}

}  // namespace

struct DecisionPlan::Compiled {
  WebhookSet set;
  std::vector<Query> queries;        // the set's, then those of variables alone
  std::vector<Questions> questions;  // by query of the set
  std::vector<PreparedFilter> tests;
  std::vector<PlannedWebhook> webhooks;
  // The tests that a webhook must pass as far as they can be judged without asking: judged_tests[i] for i in
  // [judged_begin[w], judged_begin[w + 1]).
  std::vector<std::uint32_t> judged_tests, judged_begin;
  bool some_look_at_deletions = false;

  explicit Compiled(const std::vector<const Webhook*>& list);
  void add_tests(const std::vector<const Webhook*>& list);
  void add_questions();
  std::size_t query_of(const json::JsonPath& path, std::unordered_map<std::string_view, std::size_t>& known);
};

std::size_t DecisionPlan::Compiled::query_of(const json::JsonPath& path,
                                             std::unordered_map<std::string_view, std::size_t>& known) {
  const auto [found, inserted] = known.try_emplace(path.text(), queries.size());
  if (inserted) queries.push_back({&path, may_see_refs(path.text())});
  return found->second;
}

void DecisionPlan::Compiled::add_tests(const std::vector<const Webhook*>& list) {
  std::unordered_map<std::string_view, std::size_t> known;
  // By query, so that the tests of one lie together.
  using Key = std::tuple<std::size_t, Condition, std::string, State, std::string>;
  std::map<Key, PreparedFilter> distinct;
  std::vector<std::vector<Key>> keys(list.size());
  for (std::size_t w = 0; w < list.size(); ++w) {
    for (const auto& filter : list[w]->filters()) {
      auto prepared = prepare_filter(filter, list[w]->definition(), nullptr);
      Key key(query_of(filter.path, known), filter.condition, prepared.operand(), prepared.state, prepared.note);
      keys[w].push_back(key);
      distinct.try_emplace(std::move(key), std::move(prepared));
    }
  }
  for (const auto& query : queries) set.queries.push_back(query.path->text());
  std::map<Key, std::uint32_t> numbers;
  for (auto& [key, prepared] : distinct) {
    numbers.emplace(key, static_cast<std::uint32_t>(set.tests.size()));
    set.tests.push_back({.query = static_cast<std::uint32_t>(std::get<0>(key)),
                         .condition = prepared.filter->condition,
                         .expected = prepared.expected(),
                         .needs_configuration = prepared.state == State::kNeedsConfiguration,
                         .note = prepared.note});
    tests.push_back(std::move(prepared));
  }
  for (std::size_t w = 0; w < list.size(); ++w) {
    const auto& definition = list[w]->definition();
    auto& member = set.webhooks.emplace_back();
    member.name = definition.name;
    member.target_pipeline = definition.target_pipeline;
    member.target_action = definition.target_action;
    member.ignore_deletes = definition.ignore_deletes;
    for (const auto& key : keys[w]) member.filters.push_back(numbers.at(key));
  }
  for (std::size_t w = 0; w < list.size(); ++w) {
    auto& planned = webhooks.emplace_back();
    planned.webhook = list[w];
    for (const auto& [name, path] : list[w]->variables()) planned.variables.emplace_back(name, query_of(path, known));
  }
}

void DecisionPlan::Compiled::add_questions() {
  questions.resize(set.queries.size());
  for (std::uint32_t test = 0; test < tests.size(); ++test) {
    const auto& prepared = tests[test];
    auto& asked = questions[set.tests[test].query];
    if (prepared.state != State::kReady) continue;
    switch (prepared.filter->condition) {
      case Condition::kExists:
        (prepared.operand() == "false" ? asked.absent : asked.exists).push_back(test);
        break;
      case Condition::kMatchEquals:
        asked.equality[prepared.operand()].equals = test;
        break;
      case Condition::kNotEquals:
        asked.equality[prepared.operand()].differs = test;
        asked.some_differ = true;
        break;
      case Condition::kMatchGlob:
      case Condition::kMatchRegex:
        asked.patterns.push_back(test);
        break;
    }
  }
}

DecisionPlan::Compiled::Compiled(const std::vector<const Webhook*>& list) {
  add_tests(list);
  add_questions();
  // A test that few webhooks share decides most: it is looked at first.
  std::vector<std::size_t> users(tests.size());
  for (const auto& member : set.webhooks) {
    for (const auto test : member.filters) ++users[test];
  }
  for (std::size_t w = 0; w < webhooks.size(); ++w) {
    const auto begin = judged_tests.size();
    judged_begin.push_back(static_cast<std::uint32_t>(begin));
    for (const auto test : set.webhooks[w].filters) {
      if (set.tests[test].needs_configuration) {
        webhooks[w].needs_configuration = true;
      } else {
        judged_tests.push_back(test);
      }
    }
    std::stable_sort(judged_tests.begin() + static_cast<std::ptrdiff_t>(begin), judged_tests.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return users[a] < users[b]; });
    some_look_at_deletions |= !set.webhooks[w].ignore_deletes;
  }
  judged_begin.push_back(static_cast<std::uint32_t>(judged_tests.size()));
}

// One event on its way through a plan.
class DecisionPlan::Judge {
 public:
  Judge(const Compiled& plan, const Event& event, const ActionConfigurationLookup& lookup, const DecideLimits& limits)
      : plan_(plan),
        event_(event),
        lookup_(lookup),
        limits_(limits),
        selections_(event, plan.queries, limits.max_visited_nodes),
        facts_(plan.set),
        remaining_bytes_(limits.max_compared_bytes) {
    evidence_.max_decisions = limits.max_decisions;
    evidence_.max_judgements = limits.max_judgements;
  }

  Evidence run() {
    if (!event_.not_actionable.empty() || plan_.webhooks.empty()) return {};
    // Never moved once they are referred to.
    evidence_.subjects.reserve(event_.is_push() ? event_.ref_updates.size() : 1);
    if (event_.is_push()) {
      for (const auto& ref : event_.ref_updates) judge(&ref);
    } else {
      judge(nullptr);
    }
    return std::move(evidence_);
  }

 private:
  // What is known of a webhook whose action's configuration was asked for.
  struct Asked {
    bool known = false;
    std::vector<PreparedFilter> filters;  // when known
  };

  void judge(const RefUpdate* ref) {
    if (judged_ == limits_.max_judgements) {
      evidence_.not_judged += plan_.webhooks.size();
      return;
    }
    auto& subject = evidence_.subjects.emplace_back();
    subject.push_key = ref != nullptr ? push_key(event_, *ref) : event_key(event_);
    if (ref != nullptr) {
      subject.ref = ref->name;
      subject.is_deletion = ref->is_deletion();
      if (!subject.is_deletion) subject.commit_id = ref->new_object_id;
    } else if (event_.pull_request) {
      subject.ref = event_.pull_request->ref;
      subject.commit_id = event_.pull_request->commit_id;
    }
    subject.lists_all = listed_ < limits_.max_decisions && shown_bytes_ < kMaxShownBytes;
    subject_ = &subject;
    has_shown_ = false;
    selections_.focus_on(ref);
    if (!subject.is_deletion || plan_.some_look_at_deletions) gather_facts(subject);
    if (subject.lists_all) show_selected();

    for (std::uint32_t w = 0; w < plan_.webhooks.size(); ++w) {
      if (judged_ == limits_.max_judgements) {
        evidence_.not_judged += plan_.webhooks.size() - w;
        break;
      }
      ++judged_;
      if (subject.is_deletion && plan_.set.webhooks[w].ignore_deletes) {
        count_mismatch();
      } else if (!may_match(w) && !was_filled(w)) {
        count_mismatch();
      } else {
        judge_closely(w);
      }
    }
    if (!subject.lists_all && subject.told.empty()) {
      facts_.set_subject(kNoFacts);
      evidence_.subjects.pop_back();
    }
  }

  // Every test passes that can be judged without asking.
  bool may_match(std::uint32_t webhook) const noexcept {
    const auto end = plan_.judged_begin[webhook + 1];
    for (auto i = plan_.judged_begin[webhook]; i < end; ++i) {
      if (!facts_.passed(plan_.judged_tests[i])) return false;
    }
    return true;
  }

  // The facts know nothing of filters that were filled in while the event was judged.
  bool was_filled(std::uint32_t webhook) const {
    if (asked_.empty()) return false;
    const auto found = asked_.find(webhook);
    return found != asked_.end() && found->second.known;
  }

  // A decision that is derived from the facts.
  void count_mismatch() {
    if (subject_->lists_all && listed_ < limits_.max_decisions) {
      ++listed_;
    } else {
      ++evidence_.not_listed;
    }
  }

  void gather_facts(Evidence::Subject& subject) {
    const bool first = !has_common_;
    has_common_ = true;
    for (std::uint32_t query = 0; query < plan_.questions.size(); ++query) {
      if (plan_.queries[query].sees_refs) {
        answer(query, subject.facts);
      } else if (first) {
        answer(query, evidence_.common);
      }
    }
    if (first) facts_.set_common(evidence_.common);
    facts_.set_subject(subject.facts);
  }

  void show_selected() {
    if (has_shown_) return;
    has_shown_ = true;
    if (!has_shown_common_) {
      has_shown_common_ = has_common_;
      show_selected(evidence_.common);
    }
    show_selected(subject_->facts);
  }

  void show_selected(Evidence::Facts& facts) {
    for (auto& selected : facts.selected) {
      selected.shown = selections_.get(selected.query).shown();
      for (const auto& text : selected.shown) shown_bytes_ += text.size();
    }
  }

  void answer(std::uint32_t query, Evidence::Facts& facts) {
    const auto& asked = plan_.questions[query];
    const auto& selection = selections_.get(query);
    auto& selected = facts.selected.emplace_back();
    selected.query = query;
    if (!selection.problem.empty()) {
      selected.problem = selection.problem;
      return;
    }
    selected.count = selection.values.size();
    const auto& decided = selection.values.empty() ? asked.absent : asked.exists;
    facts.passed.insert(facts.passed.end(), decided.begin(), decided.end());
    if (!asked.equality.empty()) compare_texts(asked, selection, facts);
    for (const auto test : asked.patterns) {
      switch (any_text(selection, plan_.tests[test])) {
        case Any::kYes:
          facts.passed.push_back(test);
          break;
        case Any::kNo:
          break;
        case Any::kGaveUp:
          facts.gave_up.push_back(test);
          break;
      }
    }
  }

  // All comparisons of a query's texts at once.
  void compare_texts(const Questions& asked, const Selection& selection, Evidence::Facts& facts) {
    found_.clear();
    bool gave_up = false;
    for (const auto text : selection.texts) {
      if (!may_compare(text.size() + 1)) {
        gave_up = true;
        break;
      }
      const auto found = asked.equality.find(text);
      if (found != asked.equality.end()) found_.push_back(&found->second);
    }
    std::sort(found_.begin(), found_.end());
    found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
    for (const auto* tests : found_) {
      if (tests->equals != kNone) facts.passed.push_back(tests->equals);
    }
    if (!gave_up && !asked.some_differ) return;
    for (const auto& [operand, tests] : asked.equality) {
      if (std::binary_search(found_.begin(), found_.end(), &tests)) continue;
      if (gave_up) {
        if (tests.equals != kNone) facts.gave_up.push_back(tests.equals);
        if (tests.differs != kNone) facts.gave_up.push_back(tests.differs);
      } else if (tests.differs != kNone) {
        facts.passed.push_back(tests.differs);
      }
    }
  }

  bool may_compare(std::size_t cost) {
    if (remaining_bytes_ < cost) {
      remaining_bytes_ = 0;
      return false;
    }
    remaining_bytes_ -= cost;
    return true;
  }

  enum class Any { kYes, kNo, kGaveUp };
  Any any_text(const Selection& selection, const PreparedFilter& filter) {
    const std::size_t weight = filter.filter->condition == Condition::kMatchGlob ? 8 : 1;
    for (const auto text : selection.texts) {
      if (!may_compare(weight * (text.size() + 1))) return Any::kGaveUp;
      if (filter.holds_for(text)) return Any::kYes;
    }
    return Any::kNo;
  }

  // A webhook that matches, or may once its action's configuration is known.
  void judge_closely(std::uint32_t w) {
    const auto& planned = plan_.webhooks[w];
    if (auto refusal = pull_request_refusal(*planned.webhook); !refusal.empty()) {
      show_selected();
      auto decision = derive_decision(plan_.set, w, *subject_, facts_);
      decision.verdict = Verdict::kNotMatched;
      decision.reason = std::move(refusal);
      tell(w, std::move(decision));
      return;
    }
    if (!planned.needs_configuration) {
      show_selected();
      auto decision = derive_decision(plan_.set, w, *subject_, facts_);
      evaluate_variables(planned, decision);
      judge_ref(*planned.webhook, decision);
      tell(w, std::move(decision));
      return;
    }
    const auto& asked = ask(w);
    show_selected();
    auto decision = derive_decision(plan_.set, w, *subject_, facts_);
    if (asked.known) {
      judge_filled(planned, asked, decision);
      judge_ref(*planned.webhook, decision);
    } else {
      decision.verdict = Verdict::kWaiting;
      decision.reason = waiting_text(planned.webhook->definition());
      for (std::size_t i = 0; i < decision.filters.size(); ++i) {
        if (plan_.set.tests[plan_.set.webhooks[w].filters[i]].needs_configuration) {
          decision.filters[i].note = decision.reason;
        }
      }
    }
    tell(w, std::move(decision));
  }

  // Why a pull request starts nothing here although the filters let it pass.
  std::string pull_request_refusal(const Webhook& webhook) const {
    if (!event_.pull_request) return "";
    if (!event_.pull_request->refusal.empty()) return event_.pull_request->refusal;
    const bool has_triggers = webhook.path_rules() != nullptr && !webhook.path_rules()->definition().triggers.empty();
    if (has_triggers || webhook.looks_for_pull_requests()) return "";
    return "the event is about a pull request, and neither triggers.pullRequest nor a filter asks for those: add one "
           "on $.eventType, $.resource.status or the like";
  }

  // Of one whose filters pass.
  void judge_ref(const Webhook& webhook, Decision& decision) const {
    const PathRules* const rules = webhook.path_rules();
    if (rules == nullptr || decision.verdict != Verdict::kMatched) return;
    const auto refuse = [&](std::string reason) {
      decision.verdict = Verdict::kNotMatched;
      decision.reason = std::move(reason);
      decision.variables.clear();
    };
    if (!event_.is_push() && !event_.pull_request)
      return refuse("the webhook looks at branches, tags or files, which only pushes and pull requests have");
    RefVerdict verdict = event_.pull_request
                             ? rules->judge_ref(event_.pull_request->target_ref, event_.pull_request->event)
                             : rules->judge_ref(decision.ref);
    switch (verdict.next) {
      case RefVerdict::Next::kPasses:
        return;
      case RefVerdict::Next::kRefused:
        return refuse(std::move(verdict.reason));
      case RefVerdict::Next::kNeedsFiles:
        if (subject_->is_deletion) return refuse("what was deleted has no files, and the webhook looks at files");
        decision.verdict = Verdict::kWaitingForPaths;
        decision.reason += std::string("; ") += kWaitsForPaths;
        return;
    }
  }

  // Asks once an event.
  const Asked& ask(std::uint32_t w) {
    const auto [found, inserted] = asked_.try_emplace(w);
    auto& asked = found->second;
    if (!inserted) return asked;
    const auto& webhook = *plan_.webhooks[w].webhook;
    const auto& definition = webhook.definition();
    const auto configuration = lookup_ ? lookup_(definition.target_pipeline, definition.target_action) : std::nullopt;
    if (!configuration) return asked;
    asked.known = true;
    for (const auto& filter : webhook.filters()) {
      asked.filters.push_back(prepare_filter(filter, definition, &*configuration));
    }
    return asked;
  }

  // Replaces the results of the filters that had to wait for the configuration.
  void judge_filled(const PlannedWebhook& planned, const Asked& asked, Decision& decision) {
    const auto& numbers = plan_.set.webhooks[static_cast<std::size_t>(&planned - plan_.webhooks.data())].filters;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const auto& test = plan_.set.tests[numbers[i]];
      if (!test.needs_configuration) continue;
      const auto& filter = asked.filters[i];
      auto& result = decision.filters[i];
      result.expected = filter.expected();
      result.note = filter.note;
      if (filter.state != State::kReady) continue;
      const auto& selection = selections_.get(test.query);
      if (!selection.problem.empty()) {
        result.note = selection.problem;
        continue;
      }
      const auto any = any_text(selection, filter);
      result.matched = any == (result.condition == Condition::kNotEquals ? Any::kNo : Any::kYes);
      if (any == Any::kGaveUp) result.note = "the event holds too much text to compare";
    }
    decision.reason.clear();
    explain_mismatch(decision, [](std::size_t) { return true; });
    if (!decision.reason.empty()) {
      decision.verdict = Verdict::kNotMatched;
      return;
    }
    decision.verdict = Verdict::kMatched;
    decision.reason = "all filters passed";
    evaluate_variables(planned, decision);
  }

  void tell(std::uint32_t w, Decision decision) {
    if (decision.verdict == Verdict::kNotMatched && listed_ >= limits_.max_decisions) {
      ++evidence_.not_listed;
      return;
    }
    ++listed_;
    subject_->told.push_back({w, std::move(decision)});
  }

  void evaluate_variables(const PlannedWebhook& planned, Decision& decision) {
    for (const auto& [name, query] : planned.variables) {
      const auto& selection = selections_.get(query);
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

  const Compiled& plan_;
  const Event& event_;
  const ActionConfigurationLookup& lookup_;
  const DecideLimits limits_;
  Selections selections_;
  FactsTable facts_;
  std::size_t remaining_bytes_;
  Evidence evidence_;
  Evidence::Subject* subject_ = nullptr;
  bool has_common_ = false, has_shown_common_ = false, has_shown_ = false;
  std::vector<const EqualityTests*> found_;
  std::map<std::uint32_t, Asked> asked_;
  std::size_t listed_ = 0, judged_ = 0, shown_bytes_ = 0;
};

DecisionPlan::DecisionPlan(const std::vector<const Webhook*>& webhooks)
    : compiled_(std::make_unique<const Compiled>(webhooks)) {}
DecisionPlan::~DecisionPlan() = default;

const WebhookSet& DecisionPlan::set() const noexcept {
  return compiled_->set;
}

Evidence DecisionPlan::judge(const Event& event, const ActionConfigurationLookup& configuration,
                             const DecideLimits& limits) const {
  return Judge(*compiled_, event, configuration, limits).run();
}

}  // namespace penstock::hooks
