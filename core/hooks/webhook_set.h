// The definitions that deliveries were judged by, as plain data: kept once in the history, however many deliveries
// refer to them, so that every decision can be explained later, whatever the configuration says by then.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/hooks/webhook.h"

namespace penstock::hooks {

// Queries and tests are listed once each; what is not distinct is shared.
struct WebhookSet {
  struct Test {
    std::uint32_t query = 0;
    Webhook::Condition condition = Webhook::Condition::kExists;
    std::string expected;  // as FilterResult has it
    // Holds placeholders that only the target action's configuration can fill; without it nothing was judged.
    bool needs_configuration = false;
    std::string note;  // why it never matches; usually empty
    bool operator==(const Test&) const = default;
  };
  struct Member {
    std::string name, target_pipeline, target_action;
    bool ignore_deletes = true;
    std::vector<std::uint32_t> filters;  // the test of each
    bool operator==(const Member&) const = default;
  };
  std::vector<std::string> queries;
  std::vector<Test> tests;  // those of a query lie together
  std::vector<Member> webhooks;
  bool operator==(const WebhookSet&) const = default;
};

// The same set is the same text.
std::string to_json(const WebhookSet& set);
// Error{kCorrupt} for any text that to_json() cannot have made.
WebhookSet parse_webhook_set(std::string_view json);

// Lower-case hexadecimal SHA-256 of the JSON text: what a delivery refers to.
std::string webhook_set_id(std::string_view json);

}  // namespace penstock::hooks
