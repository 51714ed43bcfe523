// One delivery: what came, why it was decided so, what it started, and what can be done now.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/store/records.h"
#include "server/explanation.h"
#include "server/pages/frame.h"
#include "server/pages/links.h"

namespace penstock::server::pages {

// A query that the reader tries on the stored body.
struct JsonPathTrial {
  std::string query;
  std::string problem;  // why there is no result; empty = there is one
  struct Node {
    std::string path, value;  // JSON, cut
  };
  std::vector<Node> nodes;  // the first of them
  std::size_t count = 0;
};
// Bounded work, whatever the query. `body` as it was received.
JsonPathTrial try_json_path(const std::string& query, const std::string& body);

struct DeliveryView {
  store::Delivery delivery;
  std::vector<store::Job> jobs;  // of its executions
  std::optional<JsonPathTrial> trial;
  std::optional<WholeExplanation> comparison;  // with what would be decided now, when it was asked for
  std::string comparison_problem;
  std::string notice;  // of what was just done
  Timestamp now;
  Visitor visitor;
  ConsoleLinks links;
};
listener::Response show_delivery(const DeliveryView& view);

}  // namespace penstock::server::pages
