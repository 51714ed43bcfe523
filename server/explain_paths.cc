#include "server/explain_paths.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/intake/settings.h"
#include "core/trigger/paths_judgement.h"
#include "core/trigger/paths_subject.h"
#include "server/wiring.h"

namespace penstock::server {
namespace {

constexpr auto kFetchTimeout = std::chrono::minutes(2);

}  // namespace

ExplainPaths::ExplainPaths(const config::Settings& settings, trigger::PathsSources::LoadPipeline load_pipeline,
                           std::function<void(std::string_view)> tell)
    : settings_(settings),
      tell_(std::move(tell)),
      secrets_(
          {.variable = environment_variable}, [this] { return secrets_manager(); }, clock_),
      credentials_(secrets_, make_public_transport(), clock_),
      mirrors_(mirror_options(folder_.path(), settings.git)),
      comparer_(
          mirrors_, [this](const std::string& name, jobs::CredentialUse use) { return credentials_.get(name, use); },
          log_),
      sources_(std::move(load_pipeline)) {
  credentials_.set(settings.credentials);
  sources_.set(std::make_shared<const trigger::PathsSources::Settings>(path_sources(settings)));
}

std::shared_ptr<aws::Client> ExplainPaths::secrets_manager() {
  if (!environment_) {
    environment_ =
        std::make_unique<aws::Environment>(aws_options(settings_.aws), make_transport(settings_.aws), clock_);
  }
  return environment_->client("secretsmanager");
}

const git::PushedPaths* ExplainPaths::find_paths(const intake::Explanation& explanation, const hooks::Webhook& webhook,
                                                 const store::NewTrigger& trigger) {
  if (!explanation.event) return nullptr;
  const auto new_ref = paths_settings(settings_.changed_paths, {}).new_ref;
  try {
    const trigger::PathsSubject subject =
        trigger::find_paths_subject(*explanation.event, trigger.push_key, trigger.ref);
    git::PushedRef push = trigger::comparison_of(subject, webhook, trigger.commit_id, trigger.ref, new_ref);
    push.fetch.timeout = kFetchTimeout;
    const trigger::PathsSource source = sources_.find(webhook, trigger.pipeline);
    for (const auto& known : known_) {
      if (known->source == source && trigger::is_same_comparison(known->push, push))
        return known->paths ? &*known->paths : nullptr;
    }
    Known& known = *known_.emplace_back(std::make_unique<Known>(Known{source, push, std::nullopt}));
    known.paths = comparer_.compare(source, push);
    return &*known.paths;
  } catch (const Error& error) {
    tell_("the changed paths of " + in_quotes(trigger.ref) + " are not known: " + error.what());
    return nullptr;
  }
}

void ExplainPaths::complete(intake::Explanation& explanation) {
  std::vector<store::NewTrigger> triggers;
  std::vector<std::unique_ptr<trigger::PathsJudgement>> judgements;
  std::vector<trigger::TellPaths> told;
  const auto webhooks = intake::make_webhooks(settings_);
  for (const store::NewTrigger& trigger : explanation.triggers) {
    const auto webhook = trigger.awaits_paths ? trigger::find_webhook(webhooks, trigger.webhook) : nullptr;
    const git::PushedPaths* const paths = webhook ? find_paths(explanation, *webhook, trigger) : nullptr;
    if (paths == nullptr) {
      triggers.push_back(trigger);
      continue;
    }
    store::Trigger judged;
    judged.webhook = trigger.webhook;
    judged.pipeline = trigger.pipeline;
    judged.ref = trigger.ref;
    try {
      const trigger::PathsSubject subject =
          trigger::find_paths_subject(*explanation.event, trigger.push_key, trigger.ref);
      judgements.push_back(
          std::make_unique<trigger::PathsJudgement>(trigger::judge_paths(*webhook, judged, *paths, subject.judged)));
    } catch (const Error& error) {
      tell_("judging the changed paths of " + in_quotes(trigger.ref) + ": " + error.what());
      triggers.push_back(trigger);
      continue;
    }
    told.push_back({trigger.webhook, trigger.ref, judgements.back().get()});
    store::NewTrigger decided = trigger;
    decided.awaits_paths = false;
    switch (judgements.back()->outcome.step) {
      case store::PathsOutcome::Step::kGoes:
        triggers.push_back(decided);
        break;
      case store::PathsOutcome::Step::kSplits:
        for (const std::string& pipeline : judgements.back()->outcome.pipelines) {
          decided.pipeline = pipeline;
          triggers.push_back(decided);
        }
        break;
      case store::PathsOutcome::Step::kSkips:
      case store::PathsOutcome::Step::kFails:
      case store::PathsOutcome::Step::kWaits:
        break;
    }
  }
  if (told.empty()) return;
  trigger::ToldPaths tells = trigger::tell_paths(explanation.decisions_json, explanation.reason, told);
  explanation.decisions_json = std::move(tells.decisions_json);
  explanation.reason = std::move(tells.reason);
  explanation.triggers = std::move(triggers);
  if (explanation.triggers.empty() && explanation.outcome == store::Outcome::kTriggered) {
    explanation.outcome = store::Outcome::kFiltered;
    explanation.matched = false;
  }
}

}  // namespace penstock::server
