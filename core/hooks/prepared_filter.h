// One filter of one webhook with its placeholders filled in as far as that is possible.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/hooks/webhook.h"

namespace penstock::hooks {

struct PreparedFilter {
  const Webhook::Filter* filter = nullptr;
  enum class State {
    kReady,
    kNeedsConfiguration,  // which has not been asked for yet
    kUnusable,            // never matches; `note` says why
  };
  State state = State::kReady;
  std::string note;
  // Only with placeholders; otherwise the filter's own serve.
  std::optional<std::string> filled;
  std::optional<Glob> glob;
  std::optional<Regex> regex;

  const std::string& operand() const { return filled ? *filled : filter->operand; }
  std::string expected() const;  // the operand, as FilterResult shows it
  // A condition that looks at texts; kReady only.
  bool holds_for(std::string_view text) const;
};

// Fills the placeholders from the webhook's own actionConfiguration, then from the action's (null: not known yet).
PreparedFilter prepare_filter(const Webhook::Filter& filter, const WebhookDefinition& definition,
                              const std::map<std::string, std::string>* of_action);

}  // namespace penstock::hooks
