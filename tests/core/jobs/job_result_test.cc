#include "core/jobs/job_result.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::jobs {
namespace {

TEST(JobResult, SurvivesTheJournal) {
  Success success;
  success.current_revision =
      aws::CurrentRevision{"abc", "refs/heads/main", "Größe \"x\"\n", from_milliseconds(1234567)};
  success.output_variables = {{"CommitId", "abc"}, {"CommitMessage", std::string("a\0b", 3)}};
  success.external_execution_id = "external";
  success.summary = "done";
  const auto again = std::get<Success>(result_from_json(result_to_json(success)));
  EXPECT_EQ(again.current_revision->revision, "abc");
  EXPECT_EQ(again.current_revision->change_identifier, "refs/heads/main");
  EXPECT_EQ(again.current_revision->summary, "Größe \"x\"\n");
  EXPECT_EQ(again.current_revision->created, from_milliseconds(1234567));
  EXPECT_EQ(again.output_variables, success.output_variables);
  EXPECT_EQ(again.external_execution_id, "external");
  EXPECT_EQ(again.summary, "done");

  const auto next = std::get<Continue>(result_from_json(result_to_json(Continue{"token", "id", "half", 50})));
  EXPECT_EQ(next.continuation_token, "token");
  EXPECT_EQ(next.percent_complete, 50);

  for (const auto type : {aws::FailureType::kJobFailed, aws::FailureType::kRevisionOutOfSync,
                          aws::FailureType::kSystemUnavailable, aws::FailureType::kPermissionError}) {
    const auto fail = std::get<Fail>(result_from_json(result_to_json(Fail{type, "why", ""})));
    EXPECT_EQ(fail.type, type);
    EXPECT_EQ(fail.message, "why");
  }
}

TEST(JobResult, ForeignTextIsRefused) {
  for (const char* text : {"", "[]", "{}", R"({"kind":"other"})", "nonsense"}) {
    EXPECT_THROW(result_from_json(text), Error) << text;
  }
}

TEST(JobResult, InvalidUtf8InAMessageDoesNotStopTheReport) {
  const auto fail = std::get<Fail>(result_from_json(result_to_json(Fail{aws::FailureType::kJobFailed, "a\xff", ""})));
  EXPECT_EQ(fail.message.substr(0, 1), "a");
}

}  // namespace
}  // namespace penstock::jobs
