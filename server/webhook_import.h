// CodePipeline's own webhooks as definitions for the configuration.
#pragma once

#include <string>
#include <vector>

#include "core/aws/codepipeline.h"

namespace penstock::server {

// YAML: `endpoints` and `webhooks`, with comments that say what to fill in. What the configuration would not accept is
// there as a comment with the reason.
std::string webhooks_to_yaml(const std::vector<aws::Webhook>& webhooks);

}  // namespace penstock::server
