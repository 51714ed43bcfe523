#include "core/jobs/control_group.h"

#include <csignal>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/text.h"
#include "core/jobs/guarded_process.h"
#include "core/jobs/process_guard.h"

namespace penstock::jobs {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

// Folders and files as the kernel shows them.
class ControlGroupsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write(process_ / "cgroup", "12:pids:/x\n0::/system.slice/penstock.service\n");
    write(process_ / "mountinfo",
          "25 30 0:23 / /proc rw - proc proc rw\n"
          "30 23 0:26 / " +
              mount_.native() + " rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
    for (const fs::path& group : {group_, group_ / "server"}) write(group / "cgroup.procs", "");
    write(group_ / "cgroup.controllers", "cpu memory pids\n");
    write(group_ / "cgroup.subtree_control", "");
  }
  ControlGroups find(bool is_delegated = true) {
    return find_control_groups(ControlGroupChoice::kAutomatic, {},
                               {.process = process_, .is_delegated = [=](const fs::path&) { return is_delegated; }});
  }

  TemporaryDirectory directory_;
  const fs::path process_ = directory_.path() / "self", mount_ = directory_.path() / "cgroup";
  const fs::path group_ = mount_ / "system.slice/penstock.service";
};

TEST_F(ControlGroupsTest, AreMadeInTheGroupThatWasDelegated) {
  fs::create_directories(group_ / "command-left");
  const ControlGroups groups = find();
  EXPECT_EQ(groups.folder, group_);
  EXPECT_TRUE(groups.memory);
  EXPECT_TRUE(groups.processes);
  EXPECT_EQ(groups.explanation, "");
  EXPECT_EQ(read_file(group_ / "server/cgroup.procs"), "0");
  EXPECT_EQ(read_file(group_ / "cgroup.subtree_control"), "+pidsry");  // "+memory" and "+pids", here onto each other
  EXPECT_FALSE(fs::exists(group_ / "command-left"));
}

TEST_F(ControlGroupsTest, AreNotMadeWhereNobodyAllowedIt) {
  const ControlGroups groups = find(false);
  EXPECT_TRUE(groups.folder.empty());
  EXPECT_NE(groups.explanation.find("Delegate="), std::string::npos);
  EXPECT_EQ(read_file(group_ / "server/cgroup.procs"), "");
  EXPECT_TRUE(find_control_groups(ControlGroupChoice::kOff).folder.empty());
  EXPECT_NE(find_control_groups(ControlGroupChoice::kFolder, directory_.path()).explanation.find("is no control group"),
            std::string::npos);
}

TEST_F(ControlGroupsTest, SayWhichLimitsTheyDoNotHold) {
  write(group_ / "cgroup.controllers", "cpu pids\n");
  const ControlGroups groups = find();
  EXPECT_EQ(groups.folder, group_);
  EXPECT_FALSE(groups.memory);
  EXPECT_TRUE(groups.processes);
  EXPECT_EQ(groups.explanation, "memory is not limited by them: the system does not offer it");
}

TEST_F(ControlGroupsTest, AreFoundBelowAMountOfAPart) {
  write(process_ / "mountinfo",
        "30 23 0:26 /system.slice " + (mount_ / "system.slice").native() + " rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(find().folder, group_);
}

TEST_F(ControlGroupsTest, AreNotSoughtOutsideOfTheNamespaceOrWhereThereIsNoMount) {
  write(process_ / "cgroup", "0::/../other\n");
  EXPECT_TRUE(find().folder.empty());
  write(process_ / "cgroup", "3:memory:/x\n");
  EXPECT_TRUE(find().folder.empty());
  write(process_ / "cgroup", "0::/system.slice/penstock.service\n");
  write(process_ / "mountinfo", "garbage\n\n - cgroup2 \n");
  EXPECT_TRUE(find().folder.empty());
}

class GroupedCommandTest : public ::testing::Test {
 protected:
  GuardedCommand shell(const std::string& script, const fs::path& group) {
    GuardedCommand command;
    command.guard = {PENSTOCK_TEST_GUARD, std::string(kGuardCommand)};
    command.argv = {"/bin/sh", "-c", script};
    command.environment = {{"PATH", "/usr/bin:/bin"}};
    command.working_directory = directory_.path();
    command.grace = milliseconds(200);
    command.group = {.folder = group, .memory = true, .processes = true};
    command.on_output_line = [this](std::string_view line) { output_ += std::string(line) + "\n"; };
    return command;
  }
  // A folder instead of a group: what is written stays to be seen.
  fs::path fake(const std::string& memory_events = "", const std::string& pids_events = "") {
    const fs::path group = directory_.path() / "command-1";
    for (const char* file :
         {"cgroup.procs", "cgroup.kill", "memory.max", "memory.swap.max", "memory.oom.group", "pids.max"}) {
      write(group / file, "");
    }
    write(group / "memory.events", "low 0\nhigh 0\nmax 7\noom 1\n" + memory_events);
    write(group / "memory.peak", "268435456\n");
    write(group / "pids.events", pids_events);
    return group;
  }

  TemporaryDirectory directory_;
  std::string output_;
};

TEST_F(GroupedCommandTest, HasItsLimitsAndIsKilledAtTheEnd) {
  const fs::path group = fake();
  // Neither limit is set on the process itself then.
  GuardedCommand command = shell("ulimit -d; ulimit -u > /dev/null; echo done", group);
  command.limits = {.memory = 64u << 20, .processes = 50, .file_size = 0};
  const GuardedResult result = run_guarded(command);
  EXPECT_EQ(result.end, GuardedEnd::kExited);
  EXPECT_EQ(output_, "unlimited\ndone\n");
  EXPECT_EQ(read_file(group / "cgroup.procs"), "0");
  EXPECT_EQ(read_file(group / "memory.max"), "67108864");
  EXPECT_EQ(read_file(group / "memory.swap.max"), "0");
  EXPECT_EQ(read_file(group / "memory.oom.group"), "1");
  EXPECT_EQ(read_file(group / "pids.max"), "50");
  EXPECT_EQ(read_file(group / "cgroup.kill"), "1");
}

TEST_F(GroupedCommandTest, TellsWhichLimitTheKernelHasHeld) {
  GuardedCommand command = shell("kill -KILL $$", fake("oom_kill 1\n"));
  command.limits = {.memory = 256u << 20, .processes = 50, .file_size = 0};
  GuardedResult result = run_guarded(command);
  EXPECT_EQ(result.end, GuardedEnd::kMemory);
  EXPECT_EQ(result.measured, 268435456u);
  command = shell("sleep 600", fake("oom_kill 0\n", "max 3\n"));
  command.limits = {.memory = 256u << 20, .processes = 50, .file_size = 0};
  result = run_guarded(command);
  EXPECT_EQ(result.end, GuardedEnd::kProcesses);
  EXPECT_EQ(result.measured, 51u);
}

TEST_F(GroupedCommandTest, GoesWithoutOneWhereItCannotBeMade) {
  GuardedCommand command = shell("echo done", directory_.path() / "not/there");
  command.limits = {.memory = 0, .processes = 50, .file_size = 0};
  EXPECT_EQ(run_guarded(command).end, GuardedEnd::kExited);
  EXPECT_EQ(output_, "done\n");
}

// A folder of the machine's own where this user may make groups; empty where there is none.
fs::path writable_group() {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    const fs::path folder = fs::path(split(line, ' ').at(4)) / ("penstock-test-" + std::to_string(::getpid()));
    if (::mkdir(folder.c_str(), 0755) == 0) return folder;
  }
  return {};
}

TEST_F(GroupedCommandTest, LeavesNothingInARealGroup) {
  const fs::path folder = writable_group();
  if (folder.empty()) GTEST_SKIP() << "this user may make no control group here";
  const ControlGroups groups = find_control_groups(ControlGroupChoice::kFolder, folder);
  EXPECT_EQ(groups.folder, folder);
  const fs::path group = folder / "command-1";
  // What leaves its session and its parent stays in the group.
  GuardedCommand command = shell(
      "setsid sh -c 'setsid sleep 600 & echo $! > left' & sleep 0.2; cat /proc/self/cgroup | grep ^0: "
      "| grep -o 'command-1$'; cat left",
      group);
  command.group.memory = groups.memory;
  command.group.processes = groups.processes;
  EXPECT_EQ(run_guarded(command).end, GuardedEnd::kExited);
  const auto lines = split(output_, '\n');
  ASSERT_GE(lines.size(), 2u) << output_;
  EXPECT_EQ(lines[0], "command-1");
  EXPECT_EQ(::kill(static_cast<pid_t>(parse_unsigned(lines[1]).value()), 0), -1);
  EXPECT_FALSE(fs::exists(group));

  // A killed guard leaves it to the server.
  command = shell("kill -KILL $PPID; sleep 600", group);
  command.group.memory = groups.memory;
  command.group.processes = groups.processes;
  EXPECT_THROW(run_guarded(command), std::exception);
  EXPECT_FALSE(fs::exists(group));
  if (groups.memory) {
    command = shell("head -c 200000000 /dev/zero | tail", group);
    command.group.memory = true;
    command.limits.memory = 32u << 20;
    EXPECT_EQ(run_guarded(command).end, GuardedEnd::kMemory);
  }
  if (groups.processes) {
    command = shell("for i in 1 2 3 4 5 6 7 8 9; do sleep 600 & done; wait", group);
    command.group.processes = true;
    command.limits.processes = 5;
    EXPECT_EQ(run_guarded(command).end, GuardedEnd::kProcesses);
  }
  EXPECT_FALSE(fs::exists(group));
  EXPECT_EQ(::rmdir(folder.c_str()), 0);
}

}  // namespace
}  // namespace penstock::jobs
