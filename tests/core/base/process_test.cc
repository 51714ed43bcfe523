#include "core/base/process.h"

#include <fstream>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"

namespace penstock {
namespace {

ProcessOptions shell(const std::string& script) {
  ProcessOptions options;
  options.argv = {"/bin/sh", "-c", script};
  options.environment = {{"PATH", "/usr/bin:/bin"}};
  return options;
}

bool is_running(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string ignored, name, state;
  return static_cast<bool>(status >> ignored >> name >> state) && state != "Z";
}

TEST(RunProcess, CollectsOutputErrorAndExitCode) {
  const ProcessResult result = run_process(shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(result.standard_output, "out\n");
  EXPECT_EQ(result.standard_error, "err\n");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_FALSE(result.succeeded());
}

TEST(RunProcess, GivesTheChildOnlyTheEnvironmentItIsToldAbout) {
  ::setenv("PENSTOCK_TEST_LEAK", "secret", 1);
  ProcessOptions options;
  options.argv = {"env"};
  options.environment = {{"ONLY", "this"}};
  EXPECT_EQ(run_process(options).standard_output, "ONLY=this\n");
}

TEST(RunProcess, FeedsStandardInputLargerThanAPipe) {
  ProcessOptions options = shell("wc -c");
  options.standard_input.assign(1 << 20, 'x');
  EXPECT_EQ(trim(run_process(options).standard_output), "1048576");
}

TEST(RunProcess, SurvivesAChildThatNeverReadsItsInput) {
  ProcessOptions options = shell("exec <&-; exit 0");
  options.standard_input.assign(1 << 20, 'x');
  EXPECT_EQ(run_process(options).exit_code, 0);
}

TEST(RunProcess, BoundsOutputAndKeepsTheTailOfErrors) {
  ProcessOptions options = shell("head -c 100000 /dev/zero; seq 1 20000 >&2");
  options.max_output_bytes = 1000;
  const ProcessResult result = run_process(options);
  EXPECT_EQ(result.standard_output.size(), 1000u);
  EXPECT_EQ(result.standard_error.size(), 1000u);
  EXPECT_TRUE(result.standard_error.ends_with("20000\n"));
}

TEST(RunProcess, HandsErrorLinesOverAsTheyComeAndSplitsAtCarriageReturns) {
  ProcessOptions options = shell("printf 'a\\rb\\nc' >&2");
  std::vector<std::string> lines;
  options.on_error_line = [&](std::string_view line) { lines.emplace_back(line); };
  run_process(options);
  EXPECT_EQ(lines, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(RunProcess, KillsTheWholeGroupAtTheDeadline) {
  const TemporaryDirectory folder;
  ProcessOptions options = shell("sleep 100 & echo $! > " + (folder.path() / "pid").native() + "; sleep 100");
  options.timeout = std::chrono::milliseconds(300);
  const ProcessResult result = run_process(options);
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.exit_code, -1);
  const pid_t grandchild = std::stoi(read_file(folder.path() / "pid"));
  for (int i = 0; i < 100 && is_running(grandchild); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(is_running(grandchild));
}

TEST(RunProcess, StopsWhenAskedTo) {
  std::stop_source source;
  ProcessOptions options = shell("sleep 100");
  options.stop = source.get_token();
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    source.request_stop();
  });
  const ProcessResult result = run_process(options);
  EXPECT_TRUE(result.cancelled);
  EXPECT_EQ(result.signal, SIGTERM);
}

TEST(RunProcess, DoesNotWaitForAGrandchildThatKeepsThePipeOpen) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(run_process(shell("sleep 50 & exit 0")).exit_code, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(RunProcess, GivesTheChildNoneOfOurDescriptors) {
  const UniqueFd leak(::open("/dev/null", 0));
  ASSERT_GE(leak.get(), 0);
  EXPECT_EQ(run_process(shell("ls /proc/self/fd | wc -l")).standard_output, "4\n");  // 0, 1, 2 and ls's own
}

TEST(RunProcess, MissingProgramIsAConfigurationError) {
  ProcessOptions options;
  options.argv = {"penstock-no-such-program"};
  try {
    run_process(options);
    FAIL() << "ran it";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
    EXPECT_STREQ(error.what(), "starting \"penstock-no-such-program\": not found in PATH; is it installed?");
  }
}

TEST(RunProcess, UnusableFolderIsReported) {
  ProcessOptions options = shell("true");
  options.working_directory = "/no/such/folder";
  EXPECT_THROW(run_process(options), Error);
}

}  // namespace
}  // namespace penstock
