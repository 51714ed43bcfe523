#include "server/changed_paths.h"

#include <utility>

#include "core/base/error.h"
#include "core/hooks/path_filter.h"
#include "core/intake/settings.h"

namespace penstock::server {

config::PatternChecks pattern_checks() {
  const auto check = [](hooks::PatternOf of) {
    return [of](const std::string& pattern) { return hooks::find_pattern_fault(pattern, of); };
  };
  return {.ref = check(hooks::PatternOf::kRefNames),
          .path = check(hooks::PatternOf::kPaths),
          .route = check(hooks::PatternOf::kRoutePaths)};
}

trigger::PathsSources::Settings path_sources(const config::Settings& settings) {
  trigger::PathsSources::Settings sources;
  for (const config::Webhook& webhook : settings.webhooks) {
    if (webhook.source) sources.webhooks[webhook.name] = {webhook.source->remote, webhook.source->credentials};
  }
  for (const config::Worker& worker : settings.workers) {
    if (worker.handler != "git-source" || worker.remote.empty()) continue;
    const config::ActionType& type = worker.action_type;
    sources.workers.push_back({.action_type = {type.category, type.owner, type.provider, type.version},
                               .source = {worker.remote, worker.credentials}});
  }
  return sources;
}

trigger::PathsStage::Settings paths_settings(const config::ChangedPaths& settings,
                                             std::shared_ptr<const trigger::WebhookList> webhooks) {
  trigger::PathsStage::Settings result;
  result.policy.timeout = settings.timeout;
  result.policy.when_unknown = settings.when_unknown == config::ChangedPaths::WhenUnknown::kFail
                                   ? trigger::PathsPolicy::WhenUnknown::kFail
                                   : trigger::PathsPolicy::WhenUnknown::kStart;
  result.new_ref = settings.new_branch == config::ChangedPaths::NewBranch::kAllFiles
                       ? git::PushedRef::NewRef::kAllFiles
                       : git::PushedRef::NewRef::kMergeBase;
  result.webhooks = std::move(webhooks);
  return result;
}

std::vector<config::Problem> check_path_sources(const config::Settings& settings) {
  std::vector<config::Problem> problems;
  const trigger::PathsSources::Settings sources = path_sources(settings);
  const auto webhooks = intake::make_webhooks(settings);
  for (std::size_t i = 0; i < webhooks.size(); ++i) {
    if (auto fault = trigger::find_source_fault(*webhooks[i], sources))
      problems.push_back({0, "webhooks[" + std::to_string(i) + "]." + fault->setting, std::move(fault->message)});
  }
  return problems;
}

PathComparer::PathComparer(git::Mirrors& mirrors, jobs::GitCredentialLookup credentials, const telemetry::Log& log)
    : mirrors_(mirrors), lookup_(std::move(credentials)), log_(log) {}

std::shared_ptr<jobs::CredentialRotation> PathComparer::rotation_of(const std::vector<std::string>& credentials) {
  std::lock_guard lock(mutex_);
  auto& rotation = rotations_[credentials];
  if (!rotation) rotation = std::make_shared<jobs::CredentialRotation>(credentials, lookup_);
  return rotation;
}

git::PushedPaths PathComparer::compare(const trigger::PathsSource& source, git::PushedRef push) {
  push.fetch.remote = source.remote;
  git::PushedPaths paths;
  rotation_of(source.credentials)
      ->run(
          source.remote,
          [&](const git::Credential& credential) {
            push.fetch.credential = credential;
            paths = git::load_changed_paths(mirrors_, push);
          },
          [&](std::string_view line) {
            log_.info(line, {{"ref", push.fetch.ref}});
          });
  return paths;
}

}  // namespace penstock::server
