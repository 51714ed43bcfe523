#include "core/trigger/unclaimed_policy.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::trigger {
namespace {

using std::chrono::minutes;

TEST(FindPlace, ReadsWhereAnExecutionStands) {
  struct Case {
    std::string name, json;
    Place place;
  };
  const std::string source = R"("actionStates":[{"actionName":"Source"}])";
  const std::vector<Case> cases = {
      {"in the stage",
       R"({"stageStates":[{"stageName":"S",)" + source +
           R"(,"latestExecution":{"pipelineExecutionId":"me","status":"InProgress"}}]})",
       Place::kInStage},
      {"another is in the stage",
       R"({"stageStates":[{"stageName":"S",)" + source +
           R"(,"latestExecution":{"pipelineExecutionId":"x","status":"InProgress"}}]})",
       Place::kOccupied},
      {"inbound",
       R"({"stageStates":[{"stageName":"S",)" + source +
           R"(,"inboundExecutions":[{"pipelineExecutionId":"x"},{"pipelineExecutionId":"me"}],"latestExecution":{"pipelineExecutionId":"y","status":"Succeeded"}}]})",
       Place::kInbound},
      {"inbound alone", R"({"stageStates":[{)" + source + R"(,"inboundExecution":{"pipelineExecutionId":"me"}}]})",
       Place::kInbound},
      {"not mentioned",
       R"({"stageStates":[{)" + source + R"(,"latestExecution":{"pipelineExecutionId":"y","status":"Succeeded"}}]})",
       Place::kUnknown},
      {"the stage of the action, not the first",
       R"({"stageStates":[{"actionStates":[{"actionName":"Other"}],"latestExecution":{"pipelineExecutionId":"x","status":"InProgress"}},{)" +
           source + R"(,"latestExecution":{"pipelineExecutionId":"me","status":"InProgress"}}]})",
       Place::kInStage},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(find_place(c.json, "me", "Source"), c.place);
  }
  EXPECT_THROW(find_place("{}", "me", "Source"), Error);
}

TEST(JudgeUnclaimed, StopsOnlyWhatHadItsWholeTimeInTheStage) {
  struct Case {
    std::string name, status;
    Place place;
    std::optional<std::chrono::milliseconds> since_waiting;
    UnclaimedStep step;
  };
  const std::vector<Case> cases = {
      {"in the stage all along", "InProgress", Place::kInStage, std::nullopt, UnclaimedStep::kStop},
      {"state says nothing", "InProgress", Place::kUnknown, std::nullopt, UnclaimedStep::kStop},
      {"waits its turn", "InProgress", Place::kInbound, std::nullopt, UnclaimedStep::kLookAgain},
      {"another is in its stage", "InProgress", Place::kOccupied, std::nullopt, UnclaimedStep::kLookAgain},
      {"ended while another is in its stage", "Superseded", Place::kOccupied, std::nullopt, UnclaimedStep::kForget},
      {"its turn came just now", "InProgress", Place::kInStage, minutes(1), UnclaimedStep::kLookAgain},
      {"its turn came long ago", "InProgress", Place::kInStage, minutes(5), UnclaimedStep::kStop},
      {"stopped by a person", "Stopped", Place::kUnknown, std::nullopt, UnclaimedStep::kForget},
      {"superseded", "Superseded", Place::kUnknown, std::nullopt, UnclaimedStep::kForget},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(judge_unclaimed(c.status, c.place, c.since_waiting, minutes(5)), c.step);
  }
}

}  // namespace
}  // namespace penstock::trigger
