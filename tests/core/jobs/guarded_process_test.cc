#include "core/jobs/guarded_process.h"

#include <csignal>
#include <fstream>
#include <thread>

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "core/jobs/process_guard.h"

namespace penstock::jobs {
namespace {

using std::chrono::milliseconds;

// Processes whose environment has this test's mark.
std::vector<pid_t> marked(const std::string& mark) {
  std::vector<pid_t> found;
  DIR* const listing = ::opendir("/proc");
  while (const dirent* entry = ::readdir(listing)) {
    const auto pid = parse_unsigned(entry->d_name);
    if (!pid) continue;
    std::ifstream file("/proc/" + std::string(entry->d_name) + "/environ", std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (text.find("MARK=" + mark) != std::string::npos) found.push_back(static_cast<pid_t>(*pid));
  }
  ::closedir(listing);
  return found;
}

class GuardedProcessTest : public ::testing::Test {
 protected:
  GuardedCommand shell(const std::string& script) {
    GuardedCommand command;
    command.guard = {PENSTOCK_TEST_GUARD, std::string(kGuardCommand)};
    command.argv = {"/bin/sh", "-c", script};
    command.environment = {{"PATH", "/usr/bin:/bin"}, {"MARK", mark_}};
    command.working_directory = directory_.path();
    command.grace = milliseconds(300);
    command.on_output_line = [this](std::string_view line) { output_ += std::string(line) + "\n"; };
    command.on_error_line = [this](std::string_view line) { error_ += std::string(line) + "\n"; };
    return command;
  }
  void expect_nothing_left() { EXPECT_TRUE(marked(mark_).empty()); }

  TemporaryDirectory directory_;
  const std::string mark_ = directory_.path().filename().string();
  std::string output_, error_;
};

TEST_F(GuardedProcessTest, GivesWhatTheCommandGives) {
  GuardedCommand command = shell("cat; echo oops >&2; pwd; exit 3");
  command.standard_input = "an event\n";
  const GuardedResult result = run_guarded(command);
  EXPECT_EQ(result.end, GuardedEnd::kExited);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(output_, "an event\n" + std::filesystem::canonical(directory_.path()).string() + "\n");
  EXPECT_EQ(error_, "oops\n");
}

TEST_F(GuardedProcessTest, TellsTheSignal) {
  const GuardedResult result = run_guarded(shell("kill -KILL $$"));
  EXPECT_EQ(result.end, GuardedEnd::kSignalled);
  EXPECT_EQ(result.signal, SIGKILL);
}

TEST_F(GuardedProcessTest, PassesNothingOnButTheStreams) {
  run_guarded(shell("ls /proc/self/fd | wc -w; env | sort | grep -v -e ^PWD -e ^_="));
  EXPECT_EQ(output_, "4\nMARK=" + mark_ + "\nPATH=/usr/bin:/bin\n");  // 0 to 2, and the listing's own
}

TEST_F(GuardedProcessTest, SaysWhyItCannotBegin) {
  GuardedCommand command = shell("");
  command.argv = {"/nonexistent/tool"};
  try {
    run_guarded(command);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
    EXPECT_EQ(std::string(error.what()), "starting \"/nonexistent/tool\": No such file or directory");
  }
  command = shell("true");
  command.user = "no-such-user";
  EXPECT_THROW(run_guarded(command), Error);
}

TEST_F(GuardedProcessTest, EndsWhatTheCommandLeavesBehind) {
  // In its own session, its parent gone: a daemon.
  const GuardedResult result = run_guarded(shell("setsid sh -c 'sleep 600 & sleep 600' & (sleep 600 &); echo done"));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(output_, "done\n");
  expect_nothing_left();
}

TEST_F(GuardedProcessTest, EndsWhatDoesNotWantToEnd) {
  std::stop_source stop;
  GuardedCommand command =
      shell("trap '' TERM; (trap '' TERM; setsid sleep 600) & echo ready; while :; do sleep 600; done");
  command.stop = stop.get_token();
  command.on_output_line = [&](std::string_view) { stop.request_stop(); };
  EXPECT_EQ(run_guarded(command).end, GuardedEnd::kStopped);
  expect_nothing_left();
}

TEST_F(GuardedProcessTest, LetsTheCommandEndByItself) {
  std::stop_source stop;
  GuardedCommand command = shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
  command.grace = milliseconds(20'000);
  command.stop = stop.get_token();
  command.on_output_line = [&](std::string_view line) {
    output_ += std::string(line) + "\n";
    stop.request_stop();
  };
  EXPECT_EQ(run_guarded(command).end, GuardedEnd::kStopped);
  EXPECT_EQ(output_, "ready\nbye\n");
}

TEST_F(GuardedProcessTest, EndsABombOfForks) {
  // Each of its processes makes ten more a second; a true bomb would slow down the tests beside this one.
  GuardedCommand command = shell("f() { while :; do f & sleep 0.1; done; }; f");
  command.limits.processes = 100;
  const GuardedResult result = run_guarded(command);
  EXPECT_EQ(result.end, GuardedEnd::kProcesses);
  EXPECT_GT(result.measured, 100u);
  expect_nothing_left();
}

TEST_F(GuardedProcessTest, EndsWhatTakesTooMuchMemory) {
  // Each alone is below the limit.
  const std::string some = "perl -e '$x = \"x\" x 30000000; sleep 600' & ";
  GuardedCommand command = shell(some + some + some + "wait");
  command.limits.memory = 64u << 20;
  const GuardedResult result = run_guarded(command);
  EXPECT_EQ(result.end, GuardedEnd::kMemory);
  expect_nothing_left();
}

TEST_F(GuardedProcessTest, RefusesASingleLargeAllocation) {
  GuardedCommand command = shell("perl -e '$x = \"x\" x 200000000' ");
  command.limits.memory = 64u << 20;
  const GuardedResult result = run_guarded(command);
  EXPECT_TRUE(result.end == GuardedEnd::kExited ? result.exit_code != 0 : true);
}

TEST_F(GuardedProcessTest, BoundsFiles) {
  GuardedCommand command = shell("exec head -c 2000000 /dev/zero > large");
  command.limits.file_size = 1'000'000;
  EXPECT_EQ(run_guarded(command).signal, SIGXFSZ);
}

TEST_F(GuardedProcessTest, BoundsLines) {
  run_guarded(shell("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo next"));
  EXPECT_EQ(output_.size(), kMaxCommandLine + 1 + 5);
}

TEST_F(GuardedProcessTest, EndsForAReasonOfTheCaller) {
  GuardedCommand command = shell("sleep 600");
  command.inspect = [] { return std::optional<std::string>("too much"); };
  const GuardedResult result = run_guarded(command);
  EXPECT_EQ(result.end, GuardedEnd::kInspection);
  EXPECT_EQ(result.reason, "too much");
  expect_nothing_left();
}

// As kill -9 of the server would: the caller's process ends, the guard does its work.
TEST_F(GuardedProcessTest, EndsAllWhenTheServerIsKilled) {
  const std::filesystem::path begun = directory_.path() / "begun";
  const pid_t server = ::fork();
  if (server == 0) {
    run_guarded(
        shell("trap '' TERM HUP; setsid sh -c 'trap \"\" TERM; sleep 600' & echo > " + begun.string() + "; sleep 600"));
    ::_exit(0);
  }
  while (!std::filesystem::exists(begun)) std::this_thread::sleep_for(milliseconds(5));
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  for (int i = 0; i < 2000 && !marked(mark_).empty(); ++i) std::this_thread::sleep_for(milliseconds(10));
  expect_nothing_left();
}

TEST_F(GuardedProcessTest, BecomesAnotherUser) {
  if (::getuid() != 0) {
    GuardedCommand command = shell("true");
    command.user = "root";
    EXPECT_THROW(run_guarded(command), Error);
    return;
  }
  GuardedCommand command = shell("id -un; id -Gn");
  command.working_directory = "/";
  command.user = "nobody";
  EXPECT_EQ(run_guarded(command).exit_code, 0);
  EXPECT_EQ(output_, "nobody\nnogroup\n");
}

}  // namespace
}  // namespace penstock::jobs
