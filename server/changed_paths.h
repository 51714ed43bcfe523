// Conditions on the changed paths of pushes: the configuration turned into what the trigger stage needs.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/config/settings.h"
#include "core/git/changed_paths.h"
#include "core/git/mirror.h"
#include "core/jobs/credential_rotation.h"
#include "core/telemetry/log.h"
#include "core/trigger/paths_source.h"
#include "core/trigger/paths_stage.h"

namespace penstock::server {

// By what the webhooks are judged with.
config::PatternChecks pattern_checks();

trigger::PathsSources::Settings path_sources(const config::Settings& settings);
trigger::PathsStage::Settings paths_settings(const config::ChangedPaths& settings,
                                             std::shared_ptr<const trigger::WebhookList> webhooks);
// Webhooks that look at files and whose repository cannot be known. Error{kConfiguration} for what makes no webhook.
std::vector<config::Problem> check_path_sources(const config::Settings& settings);

// Compares the commits of pushes in the mirrors that source jobs use. Thread-safe.
class PathComparer {
 public:
  PathComparer(git::Mirrors& mirrors, jobs::GitCredentialLookup credentials, const telemetry::Log& log);
  // As git::load_changed_paths(), with one of the source's credentials after the other.
  git::PushedPaths compare(const trigger::PathsSource& source, git::PushedRef push);

 private:
  std::shared_ptr<jobs::CredentialRotation> rotation_of(const std::vector<std::string>& credentials);

  git::Mirrors& mirrors_;
  const jobs::GitCredentialLookup lookup_;
  const telemetry::Log& log_;
  std::mutex mutex_;
  std::map<std::vector<std::string>, std::shared_ptr<jobs::CredentialRotation>> rotations_;  // guarded by mutex_
};

}  // namespace penstock::server
