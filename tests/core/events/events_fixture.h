// Events as CodePipeline emits them, and a desk that writes down what it asks for.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/events/desk.h"
#include "tests/support/fake_clock.h"

namespace penstock::events {

inline constexpr const char* kExecution = "9f0d6c1e-3f0a-4c52-8f5d-0a6f3f1b7c11";

// An action's event; the members as of 2026.
inline std::string action_event(const std::string& state, const std::string& id = "e1",
                                const std::string& provider = "Script") {
  return R"({"version":"0","id":")" + id +
         R"(","detail-type":"CodePipeline Action Execution State Change","source":"aws.codepipeline",)"
         R"("account":"111122223333","time":"2026-11-21T09:30:00Z","region":"eu-central-1",)"
         R"("resources":["arn:aws:codepipeline:eu-central-1:111122223333:harbour"],"detail":{"pipeline":"harbour",)"
         R"("execution-id":")" +
         kExecution +
         R"(","stage":"Build","action":"Compile","action-execution-id":"1b0ad8e1-26c1-4a1d-93c2-5b6c4a2c8f10","state":")" +
         state + R"(","region":"eu-central-1","type":{"owner":"Custom","category":"Build","provider":")" + provider +
         R"(","version":"1"},"version":3.0,"pipeline-execution-attempt":1.0}})";
}

class DeskTest : public ::testing::Test {
 protected:
  DeskTest()
      : desk_({.for_jobs =
                   [this](const aws::ActionTypeId& told) {
                     asked_.push_back("jobs of " + told.to_string());
                     return may_be(told, {"Build", "Custom", "Script", "1"}) ? 1 : 0;
                   },
               .at_execution =
                   [this](const std::string& id) {
                     asked_.push_back("execution " + id);
                     return id == kExecution ? 1 : 0;
                   }},
              metrics_, clock_, log_) {}

  // How often, of GET /metrics.
  bool has_metric(const std::string& line) const { return metrics_.expose().find(line + "\n") != std::string::npos; }

  testing::FakeClock clock_;
  telemetry::Log log_ = telemetry::Log::silent();
  telemetry::Metrics metrics_;
  std::vector<std::string> asked_;
  Desk desk_;
};

}  // namespace penstock::events
