#include <algorithm>
#include <iostream>
#include <memory>

#include "core/aws/codepipeline.h"
#include "core/aws/environment.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "server/command_line.h"
#include "server/webhook_import.h"
#include "server/wiring.h"

namespace penstock::server {

int run_import_webhooks(const std::filesystem::path& config_file, const std::string& pipeline) {
  config::Aws settings;
  if (!config_file.empty()) {
    const std::optional<config::Settings> loaded = load_settings(config_file);
    if (!loaded) return kExitBadConfig;
    settings = loaded->aws;
  }
  const SystemClock clock;
  aws::Environment environment(aws_options(settings), make_transport(settings), clock);
  aws::CodePipelineClient codepipeline(environment.client("codepipeline"));
  std::vector<aws::Webhook> webhooks = codepipeline.list_webhooks();
  if (!pipeline.empty()) {
    std::vector<std::string> pipelines;
    for (const aws::Webhook& webhook : webhooks) pipelines.push_back(webhook.target_pipeline);
    std::erase_if(webhooks, [&](const aws::Webhook& webhook) { return webhook.target_pipeline != pipeline; });
    if (webhooks.empty()) {
      const auto nearest = nearest_name(pipeline, pipelines);
      std::cerr << "penstock: no webhook starts the pipeline " << in_quotes(pipeline)
                << (nearest ? "; did you mean " + in_quotes(*nearest) + "?" : "") << "\n";
    }
  }
  std::cout << webhooks_to_yaml(webhooks);
  std::cerr << "penstock: " << webhooks.size() << (webhooks.size() == 1 ? " webhook" : " webhooks") << " read\n";
  return kExitSuccess;
}

}  // namespace penstock::server
