#include <algorithm>
#include <iostream>
#include <map>
#include <set>

#include "core/aws/environment.h"
#include "core/aws/pipeline_catalog.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/config/settings.h"
#include "core/hooks/evidence.h"
#include "core/intake/explanation.h"
#include "core/intake/settings.h"
#include "core/store/history_reader.h"
#include "server/calendars.h"
#include "server/command_line.h"
#include "server/explain_paths.h"
#include "server/explanation.h"
#include "server/wiring.h"

namespace penstock::server {
namespace {

// Of a longer backlog the count is too low.
constexpr int kMaxPending = 10'000;

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

  aws::PipelineDescription load(const std::string& pipeline) {
    if (!catalog_) connect();
    return catalog_->load(pipeline);
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

// As the server has them, but without secrets: nothing authenticates by these.
intake::IntakeSettings settings_without_secrets(const config::Settings& settings) {
  return intake::make_settings(settings, [](const SecretReference&) { return Secret("not resolved"); });
}

WholeExplanation explain_stored(const config::Settings& settings, const std::string& delivery_id,
                                const hooks::ActionConfigurationLookup& configuration, ExplainPaths& paths,
                                const trigger::GateMap& gates, Timestamp now) {
  store::HistoryReader history({.path = settings.history_database(), .expand_decisions = hooks::expand_decisions});
  std::optional<store::Delivery> then = history.find_delivery(delivery_id);
  if (!then) {
    throw Error(ErrorKind::kNotFound, "explaining " + in_quotes(delivery_id) + ": there is no such delivery in " +
                                          in_quotes(settings.history_database().native()));
  }
  const intake::PreparedSettings prepared(
      std::make_shared<const intake::IntakeSettings>(settings_without_secrets(settings)));
  intake::Explanation explanation = intake::explain_delivery(prepared, *then, configuration);
  paths.complete(explanation);
  return make_explanation(std::move(then), std::move(explanation), gates, history.pending_triggers(kMaxPending), now);
}

WholeExplanation explain_payload(const config::Settings& settings, const ExplainArguments& arguments,
                                 const hooks::ActionConfigurationLookup& configuration, ExplainPaths& paths,
                                 const trigger::GateMap& gates, Timestamp now) {
  std::optional<std::string> endpoint;
  if (!arguments.endpoint.empty()) {
    std::vector<std::string> names;
    for (const config::Endpoint& known : settings.endpoints) names.push_back(known.name);
    if (std::find(names.begin(), names.end(), arguments.endpoint) == names.end()) {
      const auto nearest = nearest_name(arguments.endpoint, names);
      throw Error(ErrorKind::kInvalidInput, "explaining: no endpoint is named " + in_quotes(arguments.endpoint) +
                                                (nearest ? "; did you mean " + in_quotes(*nearest) + "?" : ""));
    }
    endpoint = arguments.endpoint;
  }
  intake::Explanation explanation = intake::explain_payload(settings_without_secrets(settings),
                                                            read_input(arguments.payload), configuration, endpoint);
  paths.complete(explanation);
  return make_explanation(std::nullopt, std::move(explanation), gates, {}, now);
}

}  // namespace

int run_explain(const ExplainArguments& arguments) {
  const std::optional<config::Settings> settings = load_settings(arguments.config);
  if (!settings) return kExitBadConfig;
  Configurations configurations(settings->aws);
  const auto configuration = [&](const std::string& pipeline, const std::string& action) {
    return configurations.find(pipeline, action);
  };
  ExplainPaths paths(
      *settings, [&](const std::string& pipeline) { return configurations.load(pipeline); },
      [](std::string_view line) { std::cerr << "penstock: " << line << "\n"; });
  const Timestamp now = SystemClock().now();
  const auto gates = make_gates(*settings, now);
  const WholeExplanation explanation =
      arguments.delivery.empty() ? explain_payload(*settings, arguments, configuration, paths, *gates, now)
                                 : explain_stored(*settings, arguments.delivery, configuration, paths, *gates, now);
  std::cerr << to_text(explanation);
  std::cout << explanation.now.decisions_json << "\n";
  return explanation.now.matched ? kExitSuccess : kExitNoMatch;
}

}  // namespace penstock::server
