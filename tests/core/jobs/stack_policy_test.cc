#include "core/jobs/stack_policy.h"

#include <gtest/gtest.h>

namespace penstock::jobs {
namespace {

TEST(StackPolicy, KnowsWhatCanBeUpdated) {
  EXPECT_EQ(judge_readiness("CREATE_COMPLETE"), StackReadiness::kReady);
  EXPECT_EQ(judge_readiness("UPDATE_ROLLBACK_COMPLETE"), StackReadiness::kReady);
  EXPECT_EQ(judge_readiness("UPDATE_IN_PROGRESS"), StackReadiness::kBusy);
  EXPECT_EQ(judge_readiness("ROLLBACK_COMPLETE"), StackReadiness::kBroken);
  EXPECT_EQ(
      explain_readiness("shop", "ROLLBACK_COMPLETE"),
      "the stack \"shop\" cannot be updated, its status is ROLLBACK_COMPLETE: its creation has failed; delete it and "
      "retry the stage");
}

TEST(StackPolicy, KnowsWhenItIsOver) {
  EXPECT_EQ(judge_progress("CREATE_COMPLETE"), StackProgress::kDone);
  EXPECT_EQ(judge_progress("UPDATE_COMPLETE"), StackProgress::kDone);
  for (const char* status : {"CREATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"}) {
    EXPECT_EQ(judge_progress(status), StackProgress::kUnderWay) << status;
  }
  for (const char* status : {"ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "DELETE_COMPLETE"}) {
    EXPECT_EQ(judge_progress(status), StackProgress::kFailed) << status;
  }
}

TEST(StackPolicy, FindsWhatFailedFirst) {
  const std::vector<aws::StackEvent> events = {
      {"shop", "AWS::CloudFormation::Stack", "ROLLBACK_COMPLETE", "", "t"},
      {"B", "T2", "CREATE_FAILED", "Resource creation cancelled", "t"},
      {"C", "T3", "CREATE_FAILED", "second", "t"},
      {"A", "T1", "CREATE_FAILED", "first", "t"},
      {"A", "T1", "CREATE_FAILED", "of an earlier operation", "other"},
  };
  EXPECT_EQ(first_failure(events, "t"), "A (T1): first");
  EXPECT_EQ(first_failure(events, "none"), "");
}

TEST(StackPolicy, NamesAnOperationByItsRun) {
  const std::string token = stack_request_token("run-1", "shop");
  EXPECT_EQ(token, stack_request_token("run-1", "shop"));
  EXPECT_NE(token, stack_request_token("run-2", "shop"));
  EXPECT_LE(token.size(), 128u);
}

}  // namespace
}  // namespace penstock::jobs
