// Child processes that cannot outlive their deadline, their caller or this process. No shell.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

struct ProcessOptions {
  std::vector<std::string> argv;                   // argv[0] is looked up in PATH of *this* process unless it has a '/'
  std::map<std::string, std::string> environment;  // the whole environment of the child; nothing is inherited
  std::filesystem::path working_directory;         // empty = ours
  std::string standard_input;                      // fed to the child, then closed
  std::chrono::milliseconds timeout{60000};        // then the whole process group gets SIGKILL
  std::stop_token stop;                            // when requested, the process group gets SIGTERM, after 2 s SIGKILL
  std::size_t max_output_bytes = 1 << 20;          // per stream; the rest is read and dropped (stderr keeps its tail)
  // Called on the calling thread for each complete line of stderr ('\r' ends a line too, as in git's progress).
  std::function<void(std::string_view)> on_error_line;
  // When set, stdout goes here in pieces instead of into the result.
  std::function<void(std::string_view)> on_output;
};

struct ProcessResult {
  int exit_code = -1;  // -1 when a signal ended it
  int signal = 0;
  bool timed_out = false;
  bool cancelled = false;
  std::string standard_output;
  std::string standard_error;
  bool succeeded() const noexcept { return exit_code == 0 && !timed_out && !cancelled; }
};

// Runs the child in its own process group with all descriptors but 0-2 closed, and waits. The group is killed when this
// function returns for whatever reason, and by the kernel (PR_SET_PDEATHSIG) when the calling thread dies.
// Throws Error{kConfiguration} when the program cannot be started, Error{kUnavailable} when no process can be made.
// Thread-safe.
ProcessResult run_process(const ProcessOptions& options);

}  // namespace penstock
