// Runs a command below a guard (process_guard.h), so that nothing of it outlives the call or this process.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/handle.h"

namespace penstock::jobs {

struct ProcessLimits {
  std::uint64_t memory = 0;     // bytes, of each process's data and of all together; 0 = none
  std::uint64_t processes = 0;  // 0 = none
  std::uint64_t file_size = 0;  // of one file that it writes; 0 = none
};

struct GuardedCommand {
  std::vector<std::string> guard;  // how the guard is started
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;  // all of it
  std::filesystem::path working_directory;
  std::filesystem::path lock;  // see WorkFolders
  std::string user;            // empty = ours
  std::string standard_input;
  ProcessLimits limits;
  // A control group that is made for it and removed at its end; see ControlGroups for what it may hold.
  struct Group {
    std::filesystem::path folder;  // empty = none
    bool memory = false, processes = false;
  };
  Group group;
  std::chrono::milliseconds grace{5000};  // between SIGTERM and SIGKILL
  std::stop_token stop;                   // ends it
  // Called on this thread for each line, without its end; long ones are cut.
  std::function<void(std::string_view)> on_output_line, on_error_line;
  // Called on this thread every other second; a text ends the command, and is then its cause.
  std::function<std::optional<std::string>()> inspect;
};

enum class GuardedEnd { kExited, kSignalled, kStopped, kMemory, kProcesses, kInspection };

struct GuardedResult {
  GuardedEnd end = GuardedEnd::kExited;
  int exit_code = 0, signal = 0;
  std::uint64_t measured = 0;  // kMemory, kProcesses
  std::string reason;          // kInspection
};

inline constexpr std::size_t kMaxCommandLine = 64u << 10;

// Blocks until all of the command's processes are gone. Error{kConfiguration} when it cannot be started or its user is
// not there, kUnavailable when no process can be made or the guard was killed.
GuardedResult run_guarded(const GuardedCommand& command);

}  // namespace penstock::jobs
