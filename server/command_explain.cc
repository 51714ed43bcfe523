#include <iostream>
#include <map>
#include <set>

#include "core/aws/environment.h"
#include "core/aws/pipeline_catalog.h"
#include "core/base/error.h"
#include "core/config/settings.h"
#include "core/intake/receiver.h"
#include "core/intake/settings.h"
#include "server/command_line.h"
#include "server/wiring.h"

namespace penstock::server {
namespace {

// Asks GetPipeline when a filter needs the action's configuration; says on stderr why it could not be read.
class Configurations {
 public:
  explicit Configurations(const config::Aws& settings) : settings_(settings) {}

  std::optional<std::map<std::string, std::string>> find(const std::string& pipeline, const std::string& action) {
    if (failed_.contains(pipeline)) return std::nullopt;
    try {
      if (!catalog_) connect();
      const aws::PipelineDescription description = catalog_->load(pipeline);
      for (const aws::PipelineAction& candidate : description.actions) {
        if (candidate.name == action) return candidate.configuration;
      }
      std::cerr << "penstock: the pipeline \"" << pipeline << "\" has no action \"" << action << "\"\n";
    } catch (const Error& error) {
      std::cerr << "penstock: the configuration of pipeline \"" << pipeline << "\" is not known: " << error.what()
                << "\n";
    }
    failed_.insert(pipeline);
    return std::nullopt;
  }

 private:
  void connect() {
    environment_ = std::make_unique<aws::Environment>(aws_options(settings_), make_transport(settings_), clock_);
    catalog_ = std::make_unique<aws::PipelineCatalog>(
        aws::PipelineCatalog::Options{},
        std::make_shared<aws::CodePipelineClient>(environment_->client("codepipeline")), clock_);
  }

  const config::Aws settings_;
  const SystemClock clock_;
  std::set<std::string> failed_;
  std::unique_ptr<aws::Environment> environment_;
  std::unique_ptr<aws::PipelineCatalog> catalog_;
};

}  // namespace

int run_explain(const std::filesystem::path& file, const std::filesystem::path& payload) {
  const std::optional<config::Settings> settings = load_settings(file);
  if (!settings) return kExitBadConfig;
  Configurations configurations(settings->aws);
  const intake::Explanation explanation = intake::explain(
      intake::make_webhooks(*settings), read_input(payload),
      [&](const std::string& pipeline, const std::string& action) { return configurations.find(pipeline, action); });
  if (!explanation.note.empty()) std::cerr << "penstock: " << explanation.note << "\n";
  std::cout << explanation.decisions_json << "\n";
  return explanation.matched ? kExitSuccess : kExitNoMatch;
}

}  // namespace penstock::server
