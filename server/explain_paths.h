// The changed paths that an explanation waits for: fetched and compared as the trigger stage would do it, but into a
// folder that is thrown away.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/aws/environment.h"
#include "core/aws/secrets.h"
#include "core/base/files.h"
#include "core/base/time.h"
#include "core/config/settings.h"
#include "core/git/mirror.h"
#include "core/intake/explanation.h"
#include "core/telemetry/log.h"
#include "core/trigger/paths_source.h"
#include "server/changed_paths.h"
#include "server/git_credentials.h"

namespace penstock::server {

class ExplainPaths {
 public:
  // `tell` hears why something could not be had.
  ExplainPaths(const config::Settings& settings, trigger::PathsSources::LoadPipeline load_pipeline,
               std::function<void(std::string_view)> tell);

  // Decides what waits for changed paths. What cannot be had waits on.
  void complete(intake::Explanation& explanation);

 private:
  struct Known {
    trigger::PathsSource source;
    git::PushedRef push;
    std::optional<git::PushedPaths> paths;
  };
  std::shared_ptr<aws::Client> secrets_manager();
  // Nothing when it was told that they cannot be had.
  const git::PushedPaths* find_paths(const intake::Explanation& explanation, const hooks::Webhook& webhook,
                                     const store::NewTrigger& trigger);

  const config::Settings& settings_;
  const std::function<void(std::string_view)> tell_;
  const SystemClock clock_;
  const telemetry::Log log_ = telemetry::Log::silent();
  const TemporaryDirectory folder_;
  std::unique_ptr<aws::Environment> environment_;
  aws::SecretResolver secrets_;
  GitCredentials credentials_;
  git::Mirrors mirrors_;
  PathComparer comparer_;
  trigger::PathsSources sources_;
  std::vector<std::unique_ptr<Known>> known_;
};

}  // namespace penstock::server
