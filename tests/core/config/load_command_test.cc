#include <gtest/gtest.h>

#include "core/config/settings.h"

namespace penstock::config {
namespace {

LoadResult load(const std::string& command) {
  return parse(
      "workers:\n  - {actionType: {category: Build, provider: x, version: 1}, handler: command" + command + "}\n",
      "penstock.yaml");
}
std::string only_problem(const std::string& command) {
  const LoadResult result = load(command);
  if (result.problems.size() != 1) return std::to_string(result.problems.size()) + " problems";
  return result.problems[0].to_string("penstock.yaml");
}

TEST(LoadCommand, ReadsWhatIsRunAndItsLimits) {
  const LoadResult result = load(
      ", timeout: 5m, command: {argv: [/opt/build, --release, a b], environment: [PATH, MODE=fast], detailsFirst: true, continueAfter: 2m, whenInterrupted: "
      "fail,"
      " user: builder, workDirectory: /srv/work,"
      " limits: {memory: 2GiB, processes: 50, files: 10, output: 1GiB, input: 2MiB, log: 1KiB}}");
  ASSERT_TRUE(result.problems.empty()) << result.problems[0].message;
  const Worker& worker = result.settings.workers.at(0);
  EXPECT_EQ(worker.handler, "command");
  const Command& command = worker.command.value();
  EXPECT_EQ(command.argv, (std::vector<std::string>{"/opt/build", "--release", "a b"}));
  EXPECT_EQ(command.environment, (std::vector<std::string>{"PATH", "MODE=fast"}));
  EXPECT_EQ(command.user, "builder");
  EXPECT_EQ(command.work_directory, "/srv/work");
  EXPECT_EQ(command.memory, 2ull << 30);
  EXPECT_EQ(command.processes, 50);
  EXPECT_EQ(command.files, 10);
  EXPECT_EQ(command.output, 1ull << 30);
  EXPECT_EQ(command.input, 2ull << 20);
  EXPECT_EQ(command.log, 1ull << 10);
  EXPECT_EQ(command.when_interrupted, Command::WhenInterrupted::kFail);
  EXPECT_TRUE(command.details_first);
  EXPECT_EQ(command.continue_after, std::chrono::minutes(2));
}

TEST(LoadCommand, HasDefaults) {
  const LoadResult result = load(", command: {argv: [/bin/true]}");
  ASSERT_TRUE(result.problems.empty());
  const Command& command = result.settings.workers.at(0).command.value();
  EXPECT_EQ(command.memory, 0u);
  EXPECT_EQ(command.processes, 1000);
  EXPECT_EQ(command.when_interrupted, Command::WhenInterrupted::kRepeat);
}

TEST(LoadCommand, SaysWhatIsWrong) {
  const std::string begin = "penstock.yaml:2: workers[0].command";
  EXPECT_EQ(only_problem(""), begin + ": expected a mapping with argv, found nothing");
  EXPECT_EQ(only_problem(", command: {}"),
            begin + ".argv: expected a list of the program and its arguments, found nothing");
  EXPECT_EQ(only_problem(", command: {argv: [make, all]}"),
            begin + ".argv: expected an absolute path of a program first, found \"make\"; no shell is involved");
  EXPECT_EQ(
      only_problem(", command: {argv: [/bin/x], user: bob}"),
      begin +
          ".workDirectory: expected a folder whose parents the user \"bob\" may enter (dataDirectory is closed to "
          "it), found nothing");
  EXPECT_EQ(only_problem(", command: {argv: [/bin/x], continueAfter: 1m}"),
            begin + ".continueAfter: expected detailsFirst: true beside it, found none");
  EXPECT_NE(only_problem(", command: {argv: [/bin/x], environment: [A B]}").find("expected NAME or NAME=value"),
            std::string::npos);
  EXPECT_NE(only_problem(", command: {argv: [/bin/x], limits: {cpu: 1}}").find("limits.cpu"), std::string::npos);
  EXPECT_NE(only_problem(", remote: 'https://h/x', command: {argv: [/bin/x]}").find("remote"), std::string::npos);
}

}  // namespace
}  // namespace penstock::config
