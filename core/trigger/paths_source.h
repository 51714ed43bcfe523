// Which repository a webhook's changed paths are read from.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/aws/codepipeline.h"
#include "core/hooks/webhook.h"

namespace penstock::trigger {

struct PathsSource {
  std::string remote;                    // in the configuration with {Key}, else filled in
  std::vector<std::string> credentials;  // names, tried in this order; none = no login
  bool operator==(const PathsSource&) const = default;
};

// Thread-safe.
class PathsSources {
 public:
  struct Worker {
    aws::ActionTypeId action_type;
    PathsSource source;
  };
  struct Settings {
    std::map<std::string, PathsSource> webhooks;  // those that name a source of their own
    std::vector<Worker> workers;                  // that fetch from a repository
  };
  // Asked only when the configuration alone does not tell.
  using LoadPipeline = std::function<aws::PipelineDescription(const std::string& name)>;
  explicit PathsSources(LoadPipeline load_pipeline);

  void set(std::shared_ptr<const Settings> settings);

  // The webhook's own source, or that of the worker which works the target action's type; a single worker is that one
  // without asking. {Key} is filled in from `actionConfiguration` and, unless that has all of them, from the target
  // action's. May block for GetPipeline. Error{kConfiguration} for what a person must change, errors of LoadPipeline.
  PathsSource find(const hooks::Webhook& webhook, const std::string& pipeline) const;

 private:
  const LoadPipeline load_pipeline_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> settings_;  // guarded by mutex_
};

// Why no source can ever be found for a webhook that looks at files: which setting is wrong and how; else nothing.
struct PathsSourceFault {
  std::string setting;  // "source", "actionConfiguration"
  std::string message;
};
std::optional<PathsSourceFault> find_source_fault(const hooks::Webhook& webhook,
                                                  const PathsSources::Settings& settings);

}  // namespace penstock::trigger
