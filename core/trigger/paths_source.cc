#include "core/trigger/paths_source.h"

#include <algorithm>
#include <utility>

#include "core/azure/repository_url.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::trigger {
namespace {

// Nothing when it depends on the type of the target action.
const PathsSource* known_source(const hooks::Webhook& webhook, const PathsSources::Settings& settings) {
  const auto own = settings.webhooks.find(webhook.definition().name);
  if (own != settings.webhooks.end()) return &own->second;
  const auto& workers = settings.workers;
  if (workers.empty()) return nullptr;
  const PathsSource& first = workers.front().source;
  const bool all_same = std::all_of(workers.begin(), workers.end(),
                                    [&](const PathsSources::Worker& worker) { return worker.source == first; });
  return all_same ? &first : nullptr;
}

std::optional<std::string> missing_key(const std::string& remote, const hooks::Webhook& webhook) {
  for (const std::string& key : hooks::find_placeholders(remote, hooks::PlaceholderSyntax::kText)) {
    if (!webhook.definition().action_configuration.contains(key)) return key;
  }
  return std::nullopt;
}

const aws::PipelineAction& action_of(const aws::PipelineDescription& pipeline, const std::string& name) {
  for (const aws::PipelineAction& action : pipeline.actions) {
    if (action.name == name) return action;
  }
  throw Error(ErrorKind::kConfiguration, "reading pipeline " + in_quotes(pipeline.name) + ": it has no action " +
                                             in_quotes(name) + "; check targetAction");
}

}  // namespace

PathsSources::PathsSources(LoadPipeline load_pipeline)
    : load_pipeline_(std::move(load_pipeline)), settings_(std::make_shared<const Settings>()) {}

void PathsSources::set(std::shared_ptr<const Settings> settings) {
  std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
}

PathsSource PathsSources::find(const hooks::Webhook& webhook, const std::string& pipeline) const {
  std::shared_ptr<const Settings> settings;
  {
    std::lock_guard lock(mutex_);
    settings = settings_;
  }
  const hooks::WebhookDefinition& definition = webhook.definition();
  if (const auto fault = find_source_fault(webhook, *settings)) {
    throw Error(ErrorKind::kConfiguration,
                "finding the repository of webhook " + in_quotes(definition.name) + ": " + fault->message);
  }
  const PathsSource* known = known_source(webhook, *settings);
  std::map<std::string, std::string> configuration = definition.action_configuration;
  PathsSource source;
  if (known != nullptr && !missing_key(known->remote, webhook)) {
    source = *known;
  } else {
    const aws::PipelineDescription description = load_pipeline_(pipeline);
    const aws::PipelineAction& action = action_of(description, definition.target_action);
    configuration.insert(action.configuration.begin(), action.configuration.end());
    if (known == nullptr) {
      const auto worker = std::find_if(settings->workers.begin(), settings->workers.end(),
                                       [&](const Worker& each) { return each.action_type == action.action_type; });
      if (worker == settings->workers.end()) {
        throw Error(ErrorKind::kConfiguration, "finding the repository of webhook " + in_quotes(definition.name) +
                                                   ": no worker works actions of the type of " +
                                                   in_quotes(definition.target_action) + "; set source");
      }
      known = &worker->source;
    }
    source = *known;
  }
  source.remote = azure::expand_remote(source.remote, configuration);
  return source;
}

std::optional<PathsSourceFault> find_source_fault(const hooks::Webhook& webhook,
                                                  const PathsSources::Settings& settings) {
  if (webhook.path_rules() == nullptr || !webhook.path_rules()->looks_at_files()) return std::nullopt;
  const PathsSource* known = known_source(webhook, settings);
  if (known == nullptr && settings.workers.empty()) {
    return PathsSourceFault{"source",
                            "expected the repository whose changed paths count, found neither a source nor a worker "
                            "that fetches from one"};
  }
  if (!webhook.has_routes()) return std::nullopt;
  if (known == nullptr) {
    return PathsSourceFault{"source",
                            "expected the repository whose changed paths count: there are several workers, and with "
                            "routes there is no one pipeline that tells which of them"};
  }
  if (const auto key = missing_key(known->remote, webhook)) {
    return PathsSourceFault{"actionConfiguration", "expected a value for " + in_quotes(*key) + ", which " +
                                                       in_quotes(known->remote) +
                                                       " asks for: with routes there is no one pipeline that has it"};
  }
  return std::nullopt;
}

}  // namespace penstock::trigger
