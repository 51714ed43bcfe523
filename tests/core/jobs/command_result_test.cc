#include "core/jobs/command_result.h"

#include <csignal>

#include <gtest/gtest.h>

namespace penstock::jobs {
namespace {

const GuardedResult kGood{.end = GuardedEnd::kExited, .exit_code = 0, .reason = {}};
GuardedResult exited(int code) {
  return {.end = GuardedEnd::kExited, .exit_code = code, .reason = {}};
}

Result of(const std::string& last_line, const GuardedResult& end = kGood, const std::string& tail = "") {
  return command_result("/opt/build", end, {.last_line = last_line, .error_tail = tail, .progress = {}});
}
std::string message_of(const Result& result) {
  const auto* fail = std::get_if<Fail>(&result);
  return fail == nullptr ? "no failure" : fail->message;
}

TEST(CommandResult, IsTheExitCodeWithoutAnother) {
  EXPECT_TRUE(std::holds_alternative<Success>(of("")));
  EXPECT_TRUE(std::holds_alternative<Success>(of("all done")));
  EXPECT_TRUE(std::holds_alternative<Success>(of("{\"other\": 1}")));
  EXPECT_EQ(message_of(of("", exited(2))), "the command \"/opt/build\" exited with status 2");
  EXPECT_EQ(message_of(of("", exited(2), "line 1\nno such thing\n")),
            "the command \"/opt/build\" exited with status 2:\nline 1\nno such thing");
}

TEST(CommandResult, ReadsWhatPartnersAnswer) {
  const Result result = of(
      R"({"result":"success","outputVariables":{"Tag":"1.2","Count":3},"status":{"ExternalExecutionId":"b-7","Summary":"built"},)"
      R"("currentRevision":{"revision":"abc","revisionSummary":"s"}})");
  const auto& success = std::get<Success>(result);
  EXPECT_EQ(success.output_variables, (std::map<std::string, std::string>{{"Tag", "1.2"}, {"Count", "3"}}));
  EXPECT_EQ(success.external_execution_id, "b-7");
  EXPECT_EQ(success.summary, "built");
  EXPECT_EQ(success.current_revision->change_identifier, "abc");

  const auto next = std::get<Continue>(of(
      R"({"result":"Continue","continuation":{"State":"step-2"},"status":{"summary":"waiting","percentComplete":40}})"));
  EXPECT_EQ(next.continuation_token, "step-2");
  EXPECT_EQ(next.summary, "waiting");
  EXPECT_EQ(next.percent_complete, 40);

  const auto fail = std::get<Fail>(of(
      R"({"result":"FAIL","failureType":"PermissionsError","status":{"externalExecutionId":"b","summary":"no right"}})"));
  EXPECT_EQ(fail.type, aws::FailureType::kPermissionError);
  EXPECT_EQ(fail.message, "no right");
  EXPECT_EQ(fail.external_execution_id, "b");
}

TEST(CommandResult, AFailureCountsWhateverTheExitCodeAndASuccessOnlyWithZero) {
  const Result said =
      of(R"({"result":"Fail","failureType":"JobFailed","status":{"Summary":"tests failed"}})", exited(1));
  EXPECT_EQ(message_of(said), "tests failed");
  EXPECT_EQ(message_of(of(R"({"result":"Success"})", exited(1))), "the command \"/opt/build\" exited with status 1");
}

TEST(CommandResult, RefusesWhatCodePipelineWould) {
  EXPECT_EQ(message_of(of(R"({"result":"Done"})")),
            "reading the command's result: expected result Success, Continue or Fail, found \"Done\"");
  EXPECT_EQ(message_of(of(R"({"result":"Continue"})")),
            "reading the command's result: Continue needs continuation.State");
  EXPECT_EQ(message_of(of(R"({"result":"Continue","continuation":{"State":")" + std::string(2049, 'x') + "\"}}")),
            "reading the command's result: continuation.State has 2049 bytes, expected 1 to 1470");
  EXPECT_EQ(message_of(of(R"({"result":"Success","outputVariables":{"a b":"1"}})")),
            "reading the command's result: the output variable \"a b\" has other characters than letters, digits, @, - "
            "and _");
  EXPECT_EQ(message_of(of(R"({"result":"Success","outputVariables":{"a":[1]}})")),
            "reading the command's result: the output variable \"a\" is no text");
  EXPECT_NE(message_of(of(R"({"result":"Success","outputVariables":{"a":")" + std::string(122'880, 'x') + "\"}}"))
                .find("have 122881 bytes"),
            std::string::npos);
}

TEST(CommandResult, SaysWhichLimitWasPassed) {
  EXPECT_EQ(message_of(of("", {.end = GuardedEnd::kMemory, .measured = 100u << 20, .reason = {}})),
            "the command \"/opt/build\" used 100 MiB of memory, more than limits.memory allows");
  EXPECT_EQ(message_of(of("", {.end = GuardedEnd::kProcesses, .measured = 7, .reason = {}})),
            "the command \"/opt/build\" had or wanted 7 processes, more than limits.processes allows");
  EXPECT_EQ(message_of(of("", {.end = GuardedEnd::kSignalled, .signal = SIGXFSZ, .reason = {}})),
            "the command \"/opt/build\" was ended by signal 25 (SIGXFSZ); it wrote a file larger than limits.output "
            "allows");
}

TEST(ParseProgress, TakesPercentAndSummary) {
  EXPECT_EQ(parse_progress(R"( {"percentComplete": 40.4, "summary": "compiling"} )")->percent, 40);
  EXPECT_EQ(parse_progress(R"({"summary": "compiling"})")->summary, "compiling");
  for (const char* other :
       {"", "40 %", "{}", "{\"percentComplete\": 101}", "{\"percentComplete\": -1}", "{\"summary\": 3}",
        R"({"result":"Success","summary":"x"})", "[1]", "{\"percentComplete\": 4"}) {
    EXPECT_FALSE(parse_progress(other)) << other;
  }
}

}  // namespace
}  // namespace penstock::jobs
