#include "core/base/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/handle.h"
#include "core/base/text.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTermGrace{2000};
constexpr milliseconds kPollSlice{100};  // how late a stop request may be noticed

struct Pipe {
  UniqueFd read, write;
};

Pipe make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) {
    throw Error(ErrorKind::kUnavailable, std::string("making a pipe: ") + std::strerror(errno));
  }
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// The child's stdin is a socket: writing to it can be told not to raise SIGPIPE when the child has closed it.
Pipe make_input() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    throw Error(ErrorKind::kUnavailable, std::string("making a socket pair: ") + std::strerror(errno));
  }
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin", ':')) {
    if (folder.empty()) continue;
    std::string candidate = folder + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  throw Error(ErrorKind::kConfiguration, "starting " + in_quotes(name) + ": not found in PATH; is it installed?");
}

// Everything that the child needs, laid out before fork: after it only async-signal-safe calls are allowed.
struct ChildPlan {
  const char* program;
  char* const* argv;
  char* const* envp;
  const char* working_directory;
  int stdin_fd, stdout_fd, stderr_fd, failure_fd;
  pid_t parent;
};

[[noreturn]] void run_child(const ChildPlan& plan) noexcept {
  const auto fail = [&] {
    const int error_number = errno;
    [[maybe_unused]] const ssize_t ignored = ::write(plan.failure_fd, &error_number, sizeof error_number);
    ::_exit(127);
  };
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.parent) ::_exit(127);  // the parent died before the line above
  struct sigaction default_action {};
  default_action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &default_action, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(plan.stdin_fd, 0) < 0 || ::dup2(plan.stdout_fd, 1) < 0 || ::dup2(plan.stderr_fd, 2) < 0) fail();
  // The failure pipe becomes 3 (it closes itself on exec); everything above goes.
  if (plan.failure_fd != 3 && ::dup3(plan.failure_fd, 3, O_CLOEXEC) < 0) fail();
  ::syscall(SYS_close_range, 4u, ~0u, 0u);  // older kernels refuse; all our descriptors are O_CLOEXEC anyway
  if (plan.working_directory != nullptr && ::chdir(plan.working_directory) != 0) {
    const int error_number = errno;
    [[maybe_unused]] const ssize_t ignored = ::write(3, &error_number, sizeof error_number);
    ::_exit(127);
  }
  ::execve(plan.program, plan.argv, plan.envp);
  const int error_number = errno;
  [[maybe_unused]] const ssize_t ignored = ::write(3, &error_number, sizeof error_number);
  ::_exit(127);
}

// Keeps the last `limit` bytes, cheaply.
class Tail {
 public:
  explicit Tail(std::size_t limit) : limit_(limit) {}
  void append(std::string_view piece) {
    text_ += piece;
    if (text_.size() > 2 * limit_) text_.erase(0, text_.size() - limit_);
  }
  std::string take() {
    if (text_.size() > limit_) text_.erase(0, text_.size() - limit_);
    return std::move(text_);
  }

 private:
  std::size_t limit_;
  std::string text_;
};

// Cuts a stream into lines at '\n' and '\r'; overlong lines come in pieces.
class LineSplitter {
 public:
  explicit LineSplitter(const std::function<void(std::string_view)>& on_line) : on_line_(on_line) {}
  void feed(std::string_view piece) {
    if (!on_line_) return;
    for (const char c : piece) {
      if (c == '\n' || c == '\r' || line_.size() >= kLongest) flush();
      if (c != '\n' && c != '\r') line_.push_back(c);
    }
  }
  void flush() {
    if (on_line_ && !line_.empty()) on_line_(line_);
    line_.clear();
  }

 private:
  static constexpr std::size_t kLongest = 8192;
  const std::function<void(std::string_view)>& on_line_;
  std::string line_;
};

// Kills the group and reaps the child, whichever way run_process is left.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    signal_group(SIGKILL);
    if (!reaped_) wait_for_end();
  }
  // The group outlives the child while grandchildren live, so its id cannot be taken by strangers meanwhile only as
  // long as the child is not reaped; after that the signal goes out at once, before anybody could take the id.
  void signal_group(int signal) const { ::kill(-pid_, signal); }
  bool try_reap(int& status) {
    if (reaped_) return true;
    const pid_t got = ::waitpid(pid_, &status, WNOHANG);
    reaped_ = got == pid_;
    return reaped_;
  }

 private:
  void wait_for_end() const {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  pid_t pid_;
  bool reaped_ = false;
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

void set_non_blocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

}  // namespace

ProcessResult run_process(const ProcessOptions& options) {
  if (options.argv.empty()) throw Error(ErrorKind::kInternal, "starting a process: no argv");
  const std::string program = find_program(options.argv[0]);
  std::vector<std::string> environment;
  for (const auto& [name, value] : options.environment) environment.push_back(name + "=" + value);
  const std::vector<char*> argv = pointers(options.argv);
  const std::vector<char*> envp = pointers(environment);

  Pipe input = make_input();
  Pipe output = make_pipe();
  Pipe error = make_pipe();
  Pipe failure = make_pipe();
  const ChildPlan plan{
      .program = program.c_str(),
      .argv = argv.data(),
      .envp = envp.data(),
      .working_directory = options.working_directory.empty() ? nullptr : options.working_directory.c_str(),
      .stdin_fd = input.read.get(),
      .stdout_fd = output.write.get(),
      .stderr_fd = error.write.get(),
      .failure_fd = failure.write.get(),
      .parent = ::getpid()};
  const pid_t pid = ::fork();
  if (pid < 0) throw Error(ErrorKind::kUnavailable, "starting " + in_quotes(program) + ": " + std::strerror(errno));
  if (pid == 0) run_child(plan);
  Child child(pid);
  ::setpgid(pid, pid);  // both sides, so that it is done whoever runs first; fails harmlessly after exec
  input.read.reset();
  output.write.reset();
  error.write.reset();
  failure.write.reset();

  int start_error = 0;
  ssize_t got = 0;
  while ((got = ::read(failure.read.get(), &start_error, sizeof start_error)) < 0 && errno == EINTR) {
  }
  if (got == static_cast<ssize_t>(sizeof start_error)) {
    throw Error(ErrorKind::kConfiguration, "starting " + in_quotes(program) + ": " + std::strerror(start_error));
  }

  ProcessResult result;
  Tail error_tail(options.max_output_bytes);
  LineSplitter error_lines(options.on_error_line);
  std::string_view pending_input = options.standard_input;
  if (pending_input.empty()) input.write.reset();
  if (input.write) set_non_blocking(input.write.get());
  set_non_blocking(output.read.get());
  set_non_blocking(error.read.get());

  const auto deadline = steady_clock::now() + options.timeout;
  std::optional<steady_clock::time_point> kill_at;
  std::optional<steady_clock::time_point> exited_at;
  int status = 0;
  std::array<char, 65536> buffer;
  const auto drain = [&](UniqueFd& fd, auto&& consume) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count > 0) {
      consume(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      fd.reset();
    }
  };

  while (output.read || error.read || !child.try_reap(status)) {
    const auto now = steady_clock::now();
    if (now >= deadline && !result.timed_out && !result.cancelled) {
      result.timed_out = true;
      child.signal_group(SIGKILL);
    }
    if (options.stop.stop_requested() && !result.cancelled && !result.timed_out) {
      result.cancelled = true;
      kill_at = now + kTermGrace;
      child.signal_group(SIGTERM);
    }
    if (kill_at && now >= *kill_at) {
      child.signal_group(SIGKILL);
      kill_at.reset();
    }
    // A grandchild may keep the pipes open after the child is gone; its output is not waited for.
    if (child.try_reap(status)) {
      if (!exited_at) exited_at = now;
      if (now - *exited_at > milliseconds(500)) break;
    }

    std::array<pollfd, 3> polled{};
    nfds_t count = 0;
    const auto watch = [&](const UniqueFd& fd, short events) {
      if (fd) polled[count++] = pollfd{fd.get(), events, 0};
    };
    watch(output.read, POLLIN);
    watch(error.read, POLLIN);
    watch(input.write, POLLOUT);
    // When only the exit is awaited there is nothing to poll, so look often.
    const auto slice =
        count == 0
            ? milliseconds(2)
            : std::min(kPollSlice, std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(deadline - now)));
    if (::poll(polled.data(), count, static_cast<int>(std::max<std::int64_t>(1, slice.count()))) < 0 && errno != EINTR)
      break;
    for (nfds_t i = 0; i < count; ++i) {
      if (polled[i].revents == 0) continue;
      if (output.read && polled[i].fd == output.read.get()) {
        drain(output.read, [&](std::string_view piece) {
          if (options.on_output) {
            options.on_output(piece);
          } else {
            result.standard_output.append(piece.substr(
                0, options.max_output_bytes - std::min(options.max_output_bytes, result.standard_output.size())));
          }
        });
      } else if (error.read && polled[i].fd == error.read.get()) {
        drain(error.read, [&](std::string_view piece) {
          error_tail.append(piece);
          error_lines.feed(piece);
        });
      } else if (input.write && polled[i].fd == input.write.get()) {
        const ssize_t written = ::send(input.write.get(), pending_input.data(), pending_input.size(), MSG_NOSIGNAL);
        if (written > 0) pending_input.remove_prefix(static_cast<std::size_t>(written));
        if (pending_input.empty() || (written < 0 && errno != EAGAIN && errno != EINTR)) input.write.reset();
      }
    }
  }
  error_lines.flush();
  result.standard_error = error_tail.take();
  if (WIFEXITED(status)) {
    result.exit_code = WEXITSTATUS(status);
  } else if (WIFSIGNALED(status)) {
    result.signal = WTERMSIG(status);
  }
  return result;
}

}  // namespace penstock
