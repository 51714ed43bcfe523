// The webhooks that the stage knows: replaced as a whole on reload.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/hooks/webhook.h"

namespace penstock::trigger {

using WebhookList = std::vector<std::shared_ptr<const hooks::Webhook>>;

// Null when there is none of this name.
inline std::shared_ptr<const hooks::Webhook> find_webhook(const WebhookList& webhooks, const std::string& name) {
  for (const auto& webhook : webhooks) {
    if (webhook->definition().name == name) return webhook;
  }
  return nullptr;
}

}  // namespace penstock::trigger
