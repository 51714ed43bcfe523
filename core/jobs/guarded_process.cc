#include "core/jobs/guarded_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/jobs/control_group.h"
#include "core/jobs/process_guard.h"

namespace penstock::jobs {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kSlice{100};  // how late a stop request may be noticed
constexpr milliseconds kInspection{2000};
// After the guard has ended nobody writes any more, but for processes that the kernel holds.
constexpr milliseconds kDrain{1000};
constexpr milliseconds kGroupPatience{5000};

[[noreturn]] void throw_unavailable(const std::string& doing) {
  throw Error(ErrorKind::kUnavailable, doing + ": " + std::strerror(errno));
}

// Above what the child's own descriptors will be.
UniqueFd high(const UniqueFd& fd) {
  UniqueFd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 16));
  if (!moved) throw_unavailable("duplicating a descriptor");
  return moved;
}

struct Pipe {
  UniqueFd read, write;
};
Pipe make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) throw_unavailable("making a pipe");
  const UniqueFd read(fds[0]), write(fds[1]);
  Pipe pipe;
  pipe.read = high(read);
  pipe.write = high(write);
  return pipe;
}

// In memory, whole from the beginning: whoever does not read it holds nobody up.
UniqueFd make_input(std::string_view content) {
  const UniqueFd writable(::memfd_create("event", MFD_CLOEXEC));
  if (!writable) throw_unavailable("making a memory file");
  while (!content.empty()) {
    const ssize_t count = ::write(writable.get(), content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_unavailable("writing a memory file");
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  const UniqueFd fd(::open(("/proc/self/fd/" + std::to_string(writable.get())).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw_unavailable("opening a memory file");
  return high(fd);
}

// Cuts a stream into lines. What goes beyond the longest line is left out up to the line's end.
class Lines {
 public:
  explicit Lines(const std::function<void(std::string_view)>& on_line) : on_line_(on_line) {}
  void feed(std::string_view piece) {
    while (!piece.empty()) {
      const std::size_t end = piece.find('\n');
      const std::string_view part = piece.substr(0, end);
      line_ += part.substr(0, kMaxCommandLine - line_.size());
      if (end == std::string_view::npos) return;
      flush();
      piece.remove_prefix(end + 1);
    }
  }
  void flush() {
    if (line_.ends_with('\r')) line_.pop_back();
    if (on_line_ && !line_.empty()) on_line_(line_);
    line_.clear();
  }

 private:
  const std::function<void(std::string_view)>& on_line_;
  std::string line_;
};

// The guard's process; killed and reaped at the end, should it not have ended by itself.
class GuardProcess {
 public:
  explicit GuardProcess(pid_t pid) : pid_(pid) {}
  GuardProcess(const GuardProcess&) = delete;
  GuardProcess& operator=(const GuardProcess&) = delete;
  // The control socket must be closed by now: the guard then ends all.
  ~GuardProcess() {
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

 private:
  pid_t pid_;
};

// Of what a guard has left that was killed itself.
class GroupRemoval {
 public:
  explicit GroupRemoval(const std::filesystem::path& folder) : folder_(folder) {}
  GroupRemoval(const GroupRemoval&) = delete;
  GroupRemoval& operator=(const GroupRemoval&) = delete;
  ~GroupRemoval() {
    if (!folder_.empty()) ControlGroup(folder_).remove(kGroupPatience);
  }

 private:
  const std::filesystem::path& folder_;
};

std::vector<std::string> guard_arguments(const GuardedCommand& command) {
  std::vector<std::string> arguments = command.guard;
  arguments.push_back("cwd=" + command.working_directory.native());
  arguments.push_back("lock=" + command.lock.native());
  arguments.push_back("user=" + command.user);
  arguments.push_back("grace=" + std::to_string(command.grace.count()));
  arguments.push_back("memory=" + std::to_string(command.limits.memory));
  arguments.push_back("file-size=" + std::to_string(command.limits.file_size));
  arguments.push_back("processes=" + std::to_string(command.limits.processes));
  if (!command.group.folder.empty()) {
    arguments.push_back("group=" + command.group.folder.native());
    arguments.emplace_back(command.group.memory ? "group-memory=1" : "group-memory=0");
    arguments.emplace_back(command.group.processes ? "group-processes=1" : "group-processes=0");
  }
  arguments.emplace_back("--");
  arguments.insert(arguments.end(), command.argv.begin(), command.argv.end());
  return arguments;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

pid_t spawn_guard(const GuardedCommand& command, const UniqueFd& input, const UniqueFd& output, const UniqueFd& error,
                  const UniqueFd& control) {
  std::vector<std::string> arguments = guard_arguments(command);
  std::vector<std::string> environment;
  for (const auto& [name, value] : command.environment) environment.push_back(name + "=" + value);
  const std::vector<char*> argv = pointers(arguments), envp = pointers(environment);

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  int next = 0;
  for (const UniqueFd* fd : {&input, &output, &error, &control}) {
    ::posix_spawn_file_actions_adddup2(&actions, fd->get(), next++);
  }
  ::posix_spawn_file_actions_addclosefrom_np(&actions, next);
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, command.guard.at(0).c_str(), &actions, &attributes, argv.data(), envp.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (failed != 0) {
    throw Error(ErrorKind::kUnavailable, "starting a guard for a command: " + std::string(std::strerror(failed)));
  }
  return pid;
}

GuardedResult read_answer(const GuardedCommand& command, const std::string& answer) {
  const std::size_t blank = answer.find(' ');
  const std::string kind = answer.substr(0, blank);
  const auto number =
      blank == std::string::npos ? std::nullopt : parse_unsigned(trim(std::string_view(answer).substr(blank)));
  if (!number) throw Error(ErrorKind::kUnavailable, "running " + in_quotes(command.argv.at(0)) + ": its guard is gone");
  const int small = static_cast<int>(*number);
  if (kind == kGuardExited) return {.end = GuardedEnd::kExited, .exit_code = small, .reason = {}};
  if (kind == kGuardSignalled) return {.end = GuardedEnd::kSignalled, .signal = small, .reason = {}};
  if (kind == kGuardMemory) return {.end = GuardedEnd::kMemory, .measured = *number, .reason = {}};
  if (kind == kGuardProcesses) return {.end = GuardedEnd::kProcesses, .measured = *number, .reason = {}};
  if (kind == kGuardNoUser) {
    throw Error(ErrorKind::kConfiguration,
                "running " + in_quotes(command.argv.at(0)) + " as " + in_quotes(command.user) + ": " +
                    (small == 0 ? "there is no such user" : std::strerror(small)) +
                    (small == EPERM ? "; only a server that runs as root can become another user" : ""));
  }
  const bool is_passing = small == EAGAIN || small == ENOMEM || small == EMFILE || small == ENFILE;
  throw Error(is_passing ? ErrorKind::kUnavailable : ErrorKind::kConfiguration,
              "starting " + in_quotes(command.argv.at(0)) + ": " + std::strerror(small));
}

}  // namespace

GuardedResult run_guarded(const GuardedCommand& command) {
  const GroupRemoval removal(command.group.folder);
  UniqueFd input = make_input(command.standard_input);
  Pipe output = make_pipe(), error = make_pipe();
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) throw_unavailable("making a socket pair");
  UniqueFd ours(sockets[0]);
  UniqueFd guards_end = high(UniqueFd(sockets[1]));
  const GuardProcess guard(spawn_guard(command, input, output.write, error.write, guards_end));
  // After `guard`, so that it is closed before that waits.
  UniqueFd control = std::move(ours);
  input.reset();
  output.write.reset();
  error.write.reset();
  guards_end.reset();

  Lines output_lines(command.on_output_line), error_lines(command.on_error_line);
  std::string answer, reason;
  bool asked = false, is_inspected_out = false;
  auto next_inspection = steady_clock::now() + kInspection;
  std::optional<steady_clock::time_point> gone_at;
  std::array<char, 65536> buffer;
  const auto drain = [&](UniqueFd& fd, const auto& consume) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count > 0) {
      consume(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      fd.reset();
    }
  };
  const auto ask_to_end = [&] {
    if (asked) return;
    asked = true;
    [[maybe_unused]] const ssize_t ignored = ::send(control.get(), &kGuardTerminate, 1, MSG_NOSIGNAL);
  };

  while (control || output.read || error.read) {
    const auto now = steady_clock::now();
    if (!control && !gone_at) gone_at = now;
    if (gone_at && now - *gone_at > kDrain) break;
    if (control && command.stop.stop_requested()) ask_to_end();
    if (control && !asked && command.inspect && now >= next_inspection) {
      if (auto found = command.inspect()) {
        is_inspected_out = true;
        reason = std::move(*found);
        ask_to_end();
      }
      next_inspection = steady_clock::now() + kInspection;
    }
    std::array<pollfd, 3> polled{};
    nfds_t count = 0;
    const auto add = [&](const UniqueFd& fd) {
      if (fd) polled[count++] = {fd.get(), POLLIN, 0};
    };
    add(control);
    add(output.read);
    add(error.read);
    ::poll(polled.data(), count, static_cast<int>(kSlice.count()));
    for (nfds_t i = 0; i < count; ++i) {
      if (polled[i].revents == 0) continue;
      if (polled[i].fd == control.get()) {
        drain(control, [&](std::string_view piece) { answer += piece.substr(0, 100); });
      } else if (polled[i].fd == output.read.get()) {
        drain(output.read, [&](std::string_view piece) { output_lines.feed(piece); });
      } else {
        drain(error.read, [&](std::string_view piece) { error_lines.feed(piece); });
      }
    }
  }
  output_lines.flush();
  error_lines.flush();
  GuardedResult result = read_answer(command, answer);
  if (is_inspected_out) {
    result.end = GuardedEnd::kInspection;
    result.reason = std::move(reason);
  } else if (asked) {
    result.end = GuardedEnd::kStopped;
  }
  return result;
}

}  // namespace penstock::jobs
