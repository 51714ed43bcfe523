// Configurations of pipelines' actions as read with GetPipeline: cached, refreshed in the background.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/aws/codepipeline.h"
#include "core/base/time.h"

namespace penstock::aws {

// Thread-safe. One thread of its own, which blocks on GetPipeline and is stopped by the destructor. Several callers
// that want the same pipeline at once share one call; a failed one is tried again after 5 s, later every 5 minutes.
class PipelineCatalog {
 public:
  struct Options {
    std::chrono::seconds refresh_after{60};
    std::size_t max_pipelines = 1000;  // those not asked for the longest are forgotten
  };
  PipelineCatalog(Options options, std::shared_ptr<CodePipelineClient> client, const Clock& clock);
  ~PipelineCatalog();

  // Never blocks on the network: the last read description, however old, or nothing when there is none. Asks the
  // refresh thread to read it when it is missing or old.
  std::optional<PipelineDescription> find(const std::string& pipeline);
  // Blocks for GetPipeline when there is none that is younger than refresh_after; Errors of codepipeline.h.
  PipelineDescription load(const std::string& pipeline);
  // find() for one action's configuration: the shape of hooks::ActionConfigurationLookup.
  std::optional<std::map<std::string, std::string>> find_configuration(const std::string& pipeline,
                                                                       const std::string& action);

  // Why the last attempt to read it failed; empty when it succeeded or none was made.
  std::optional<std::string> last_error(const std::string& pipeline) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace penstock::aws
