// A process of its own between the server and a command, so that no process of the command outlives its job: not when
// it daemonizes, not when the server is killed.
//
// The server starts it (guarded_process.h) with a control socket as descriptor 3. It is the reaper of everything below
// it, applies the limits, starts the command, and reports how that ended. When the server asks, or is gone, it ends the
// whole tree; what the command leaves behind at its own end is ended likewise.
#pragma once

#include <string_view>

namespace penstock::jobs {

// The program's first argument for this.
inline constexpr std::string_view kGuardCommand = "command-guard";

// The guard's arguments are NAME=VALUE up to "--", then the command:
//   cwd, lock (held, shared, while it lives), user, grace (ms from SIGTERM to SIGKILL), memory, file-size (bytes),
//   processes; a limit of 0 is none; group (a control group to make for it), group-memory and group-processes (1 when
//   that holds these limits).
// Its environment is the command's. Returns the exit code for main().
int run_process_guard(int argc, char** argv);

// What the server sends.
inline constexpr char kGuardTerminate = 'T';  // SIGTERM, and after the grace SIGKILL
// What it gets: "KIND NUMBER\n", once.
inline constexpr std::string_view kGuardExited = "exited";           // exit code
inline constexpr std::string_view kGuardSignalled = "signalled";     // signal
inline constexpr std::string_view kGuardNotStarted = "not-started";  // errno
inline constexpr std::string_view kGuardNoUser = "no-user";          // errno
inline constexpr std::string_view kGuardMemory = "memory";           // bytes that were used
inline constexpr std::string_view kGuardProcesses = "processes";     // how many there were

}  // namespace penstock::jobs
