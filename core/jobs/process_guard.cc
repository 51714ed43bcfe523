#include "core/jobs/process_guard.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/handle.h"
#include "core/base/text.h"
#include "core/jobs/control_group.h"

namespace penstock::jobs {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kControl = 3;
constexpr milliseconds kLook{50};             // how often limits are looked after
constexpr milliseconds kEndPatience{15'000};  // for processes that the kernel does not let go
constexpr std::uint64_t kNeighbours = 3;      // other commands of the same user, as large as this one

using Directory = Handle<DIR, ::closedir>;

struct Plan {
  std::string cwd, lock, user;
  milliseconds grace{5000};
  std::uint64_t memory = 0, file_size = 0, processes = 0;
  std::string group;                                   // empty = none
  bool group_memory = false, group_processes = false;  // held there
  std::vector<char*> argv;                             // ends with a null
};

struct Process {
  pid_t pid = 0;
  std::uint64_t private_bytes = 0;
};

// A file of /proc as text; empty when the process has gone.
std::string read_proc(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; fd && (count = ::read(fd.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

std::vector<pid_t> parse_pids(const std::string& text) {
  std::vector<pid_t> pids;
  for (const std::string& word : split(text, ' ')) {
    if (const auto pid = parse_unsigned(word)) pids.push_back(static_cast<pid_t>(*pid));
  }
  return pids;
}

std::vector<pid_t> numbers_in(const char* folder) {
  std::vector<pid_t> numbers;
  const Directory listing(::opendir(folder));
  while (const dirent* found = listing ? ::readdir(listing.get()) : nullptr) {
    if (const auto number = parse_unsigned(found->d_name)) numbers.push_back(static_cast<pid_t>(*number));
  }
  return numbers;
}

// From /proc/PID/stat, where the name in parentheses may hold anything.
std::optional<pid_t> parent_of(pid_t pid) {
  const std::string text = read_proc("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  int parent = 0;
  if (std::sscanf(text.c_str() + name_end + 1, " %*c %d", &parent) != 1) return std::nullopt;
  return parent;
}

std::uint64_t private_bytes_of(pid_t pid) {
  unsigned long resident = 0, shared = 0;
  const std::string text = read_proc("/proc/" + std::to_string(pid) + "/statm");
  if (std::sscanf(text.c_str(), "%*u %lu %lu", &resident, &shared) != 2 || resident < shared) return 0;
  return std::uint64_t{resident - shared} * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Of all processes of a user.
std::uint64_t count_threads(uid_t user) {
  std::uint64_t count = 0;
  for (const pid_t pid : numbers_in("/proc")) {
    const std::string folder = "/proc/" + std::to_string(pid);
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0 || status.st_uid != user) continue;
    const std::string text = read_proc(folder + "/status");
    const std::size_t at = text.find("\nThreads:");
    unsigned long threads = 1;
    if (at != std::string::npos) std::sscanf(text.c_str() + at, "\nThreads: %lu", &threads);
    count += threads;
  }
  return count;
}

bool has_children_files() {
  static const bool has = ::access(("/proc/self/task/" + std::to_string(::getpid()) + "/children").c_str(), R_OK) == 0;
  return has;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  const std::string folder = "/proc/" + std::to_string(pid) + "/task";
  for (const pid_t thread : numbers_in(folder.c_str())) {
    const auto some = parse_pids(read_proc(folder + "/" + std::to_string(thread) + "/children"));
    children.insert(children.end(), some.begin(), some.end());
  }
  return children;
}

// All descendants, zombies too. What begins or ends meanwhile may be missing.
std::vector<pid_t> list_descendants() {
  std::vector<pid_t> found{::getpid()};
  std::set<pid_t> seen{::getpid()};
  if (has_children_files()) {
    for (std::size_t i = 0; i < found.size(); ++i) {
      for (const pid_t child : children_of(found[i])) {
        if (seen.insert(child).second) found.push_back(child);
      }
    }
  } else {
    std::vector<std::pair<pid_t, pid_t>> all;  // parent, child
    for (const pid_t pid : numbers_in("/proc")) {
      if (const auto parent = parent_of(pid)) all.emplace_back(*parent, pid);
    }
    std::sort(all.begin(), all.end());
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto begin = std::lower_bound(all.begin(), all.end(), std::pair<pid_t, pid_t>(found[i], 0));
      for (auto it = begin; it != all.end() && it->first == found[i]; ++it) {
        if (seen.insert(it->second).second) found.push_back(it->second);
      }
    }
  }
  found.erase(found.begin());
  return found;
}

// The id may have gone to a stranger since it was listed: it is held, looked at again, and only then signalled.
void signal_descendant(pid_t pid, int signal, const std::set<pid_t>& tree) {
  const UniqueFd held(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!held && errno != ENOSYS) return;
  const auto parent = parent_of(pid);
  if (!parent || (*parent != ::getpid() && !tree.contains(*parent))) return;
  if (held) {
    ::syscall(SYS_pidfd_send_signal, held.get(), signal, nullptr, 0);
  } else {
    ::kill(pid, signal);
  }
}

class Guard {
 public:
  explicit Guard(Plan plan) : plan_(std::move(plan)) {}

  int run() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::prctl(PR_SET_NAME, "command-guard");
    // Where that is allowed: it must have its turn however many processes the command has.
    const sched_param priority{.sched_priority = 1};
    ::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority);
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, signal);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    signals_ = UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    // The next server waits for this lock before it takes the folders away.
    const UniqueFd lock(plan_.lock.empty() ? -1 : ::open(plan_.lock.c_str(), O_RDONLY | O_CLOEXEC));
    while (lock && ::flock(lock.get(), LOCK_SH) != 0 && errno == EINTR) {
    }
    if (is_server_gone()) return 1;

    if (start()) watch();
    const bool all_gone = end_tree();
    if (outcome_.empty()) set_outcome(kGuardSignalled, SIGKILL);
    const std::string answer = outcome_ + "\n";
    [[maybe_unused]] const ssize_t ignored = ::send(kControl, answer.data(), answer.size(), MSG_NOSIGNAL);
    return all_gone ? 0 : 1;
  }

 private:
  static bool is_server_gone() {
    pollfd polled{kControl, POLLIN, 0};
    char byte = 0;
    return ::poll(&polled, 1, 0) == 1 && ::recv(kControl, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }

  // The first outcome stays.
  void set_outcome(std::string_view kind, std::uint64_t number) {
    if (outcome_.empty()) outcome_ = std::string(kind) + " " + std::to_string(number);
  }

  bool start() {
    passwd* user = nullptr;
    if (!plan_.user.empty()) {
      errno = 0;
      user = ::getpwnam(plan_.user.c_str());
      if (user == nullptr) {
        set_outcome(kGuardNoUser, static_cast<std::uint64_t>(errno));
        return false;
      }
    }
    make_group();
    int failure[2];
    if (::pipe2(failure, O_CLOEXEC) != 0) {
      set_outcome(kGuardNotStarted, static_cast<std::uint64_t>(errno));
      return false;
    }
    UniqueFd failure_read(failure[0]), failure_write(failure[1]);
    const pid_t guard = ::getpid();
    command_ = ::fork();
    if (command_ < 0) {
      set_outcome(kGuardNotStarted, static_cast<std::uint64_t>(errno));
      return false;
    }
    if (command_ == 0) become_command(user, failure_write.get(), guard);
    failure_write.reset();
    // The command's own streams: whoever reads them must see their end with the command's.
    const UniqueFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (int fd = 0; fd <= 2; ++fd) ::dup2(nothing.get(), fd);
    int reason[2] = {0, 0};
    ssize_t count = 0;
    while ((count = ::read(failure_read.get(), reason, sizeof reason)) < 0 && errno == EINTR) {
    }
    if (count == static_cast<ssize_t>(sizeof reason)) {
      set_outcome(reason[0] == 1 ? kGuardNoUser : kGuardNotStarted, static_cast<std::uint64_t>(reason[1]));
      return false;
    }
    return true;
  }

  // Without one it goes as well: the limits are then looked after, and the tree is walked.
  void make_group() {
    if (plan_.group.empty()) return;
    ControlGroup group(plan_.group);
    if (!group.make(plan_.group_memory ? plan_.memory : 0, plan_.group_processes ? plan_.processes : 0)) return;
    members_ = UniqueFd(group.open_members());
    group_.emplace(std::move(group));
  }
  bool group_holds_memory() const { return members_ && plan_.group_memory; }
  bool group_holds_processes() const { return members_ && plan_.group_processes; }

  [[noreturn]] void become_command(const passwd* user, int failure, pid_t guard) const {
    const auto fail = [&](int step) {
      const int reason[2] = {step, errno};
      [[maybe_unused]] const ssize_t ignored = ::write(failure, reason, sizeof reason);
      ::_exit(127);
    };
    // First of all, so that nothing of it is elsewhere.
    if (members_ && ::write(members_.get(), "0", 1) != 1) fail(0);
    ::setsid();
    // Ended before the server when memory is short.
    if (const UniqueFd score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)); score) {
      [[maybe_unused]] const ssize_t ignored = ::write(score.get(), "500", 3);
    }
    const auto limit = [](auto resource, std::uint64_t value) {
      rlimit set{};
      ::getrlimit(resource, &set);
      set.rlim_cur = set.rlim_max = std::min<rlim_t>(value, set.rlim_max);
      ::setrlimit(resource, &set);
    };
    limit(RLIMIT_CORE, 0);  // its memory holds credentials
    if (plan_.memory > 0 && !group_holds_memory()) limit(RLIMIT_DATA, plan_.memory);
    if (plan_.file_size > 0) limit(RLIMIT_FSIZE, plan_.file_size);
    // The kernel counts for the user as a whole (and never for root): this only ends an explosion between two looks.
    if (plan_.processes > 0 && !group_holds_processes()) {
      const std::uint64_t others = count_threads(user != nullptr ? user->pw_uid : ::getuid());
      limit(RLIMIT_NPROC, others + (1 + kNeighbours) * plan_.processes);
    }
    if (user != nullptr) {
      if (::initgroups(user->pw_name, user->pw_gid) != 0 || ::setgid(user->pw_gid) != 0 ||
          ::setuid(user->pw_uid) != 0) {
        fail(1);
      }
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != guard) ::_exit(127);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);  // what is set-user-id could not be ended
    struct sigaction default_action {};
    default_action.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &default_action, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::chdir(plan_.cwd.c_str()) != 0) fail(0);
    // The control socket is the guard's alone.
    ::close(kControl);
    ::execvp(plan_.argv[0], plan_.argv.data());
    fail(0);
    ::_exit(127);
  }

  // Until the command has ended, or must.
  void watch() {
    std::optional<steady_clock::time_point> kill_at;
    auto next_look = steady_clock::now() + kLook;
    const auto terminate = [&] {
      if (kill_at) return;
      kill_at = steady_clock::now() + plan_.grace;
      ::kill(-command_, SIGTERM);
    };
    while (true) {
      pollfd polled[2] = {{kControl, POLLIN, 0}, {signals_.get(), POLLIN, 0}};
      ::poll(polled, 2, static_cast<int>(kLook.count()));
      if (polled[0].revents != 0) {
        char byte = 0;
        const ssize_t count = ::recv(kControl, &byte, 1, MSG_DONTWAIT);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return;  // the server is gone
        if (count == 1 && byte == kGuardTerminate) terminate();
      }
      signalfd_siginfo signal{};
      while (::read(signals_.get(), &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal)) {
        if (signal.ssi_signo != SIGCHLD) terminate();
      }
      if (reap()) return;
      const auto now = steady_clock::now();
      if (kill_at && now >= *kill_at) return;
      if (now >= next_look) {
        next_look = now + kLook;
        if (exceeds_limits()) return;
      }
    }
  }

  // True when the command itself has ended.
  bool reap() {
    bool ended = false;
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid != command_) continue;
      ended = true;
      if (exceeds_group_limits()) continue;
      if (WIFEXITED(status)) {
        set_outcome(kGuardExited, static_cast<std::uint64_t>(WEXITSTATUS(status)));
      } else {
        set_outcome(kGuardSignalled, static_cast<std::uint64_t>(WTERMSIG(status)));
      }
    }
    return ended;
  }

  // What the kernel has refused, or ended.
  bool exceeds_group_limits() {
    if (group_holds_memory() && plan_.memory > 0) {
      if (const auto bytes = group_->memory_exceeded()) {
        set_outcome(kGuardMemory, *bytes);
        return true;
      }
    }
    if (group_holds_processes() && plan_.processes > 0 && group_->processes_exceeded()) {
      set_outcome(kGuardProcesses, plan_.processes + 1);
      return true;
    }
    return false;
  }

  bool exceeds_limits() {
    if (exceeds_group_limits()) return true;
    const bool looks_at_memory = plan_.memory > 0 && !group_holds_memory();
    const bool looks_at_processes = plan_.processes > 0 && !group_holds_processes();
    if (!looks_at_memory && !looks_at_processes) return false;
    const std::vector<pid_t> tree = list_descendants();
    if (looks_at_processes && tree.size() > plan_.processes) {
      set_outcome(kGuardProcesses, tree.size());
      return true;
    }
    if (!looks_at_memory) return false;
    std::uint64_t bytes = 0;
    for (const pid_t pid : tree) bytes += private_bytes_of(pid);
    if (bytes <= plan_.memory) return false;
    set_outcome(kGuardMemory, bytes);
    return true;
  }

  // All are stopped before the first is killed, so that none can fork meanwhile.
  bool end_tree() {
    const auto give_up = steady_clock::now() + kEndPatience;
    if (group_) group_->kill();
    while (true) {
      reap();
      const std::set<pid_t> tree = stop_tree(give_up);
      for (const pid_t pid : tree) signal_descendant(pid, SIGKILL, tree);
      if (tree.empty() && ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) {
        return !group_ || group_->remove(std::chrono::duration_cast<milliseconds>(give_up - steady_clock::now()));
      }
      if (steady_clock::now() >= give_up) return false;
      ::usleep(1000);
    }
  }

  // Each process is looked at once, after it was stopped and can have no more children: so this is faster than what
  // forks all the time. What lost its parent meanwhile is found among the guard's own children.
  static std::set<pid_t> stop_tree(steady_clock::time_point give_up) {
    std::set<pid_t> seen;
    for (bool is_growing = true; is_growing && steady_clock::now() < give_up;) {
      is_growing = false;
      std::vector<pid_t> waiting = has_children_files() ? children_of(::getpid()) : list_descendants();
      while (!waiting.empty()) {
        const pid_t pid = waiting.back();
        waiting.pop_back();
        if (!seen.insert(pid).second) continue;
        is_growing = true;
        signal_descendant(pid, SIGSTOP, seen);
        if (!has_children_files()) continue;
        const std::vector<pid_t> children = children_of(pid);
        waiting.insert(waiting.end(), children.begin(), children.end());
      }
      // A fork that was under way when its process was stopped.
      if (is_growing) continue;
      for (const pid_t pid : list_descendants()) is_growing = is_growing || !seen.contains(pid);
      if (is_growing) seen.clear();
    }
    return seen;
  }

  const Plan plan_;
  std::optional<ControlGroup> group_;
  UniqueFd members_;  // of the group
  UniqueFd signals_;
  pid_t command_ = -1;
  std::string outcome_;
};

}  // namespace

int run_process_guard(int argc, char** argv) {
  Plan plan;
  int i = 0;
  for (; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view argument = argv[i];
    const std::size_t equals = argument.find('=');
    if (equals == std::string_view::npos) return 64;
    const std::string_view name = argument.substr(0, equals), value = argument.substr(equals + 1);
    const std::uint64_t number = parse_unsigned(value).value_or(0);
    if (name == "cwd") plan.cwd = value;
    if (name == "lock") plan.lock = value;
    if (name == "user") plan.user = value;
    if (name == "grace") plan.grace = milliseconds(number);
    if (name == "memory") plan.memory = number;
    if (name == "file-size") plan.file_size = number;
    if (name == "processes") plan.processes = number;
    if (name == "group") plan.group = value;
    if (name == "group-memory") plan.group_memory = number != 0;
    if (name == "group-processes") plan.group_processes = number != 0;
  }
  for (++i; i < argc; ++i) plan.argv.push_back(argv[i]);
  // Started by hand it has no control socket.
  if (plan.argv.empty() || ::fcntl(kControl, F_GETFD) < 0) {
    std::fputs("command-guard is for penstock itself\n", stderr);
    return 64;
  }
  plan.argv.push_back(nullptr);
  ::fcntl(kControl, F_SETFD, FD_CLOEXEC);
  const int code = Guard(std::move(plan)).run();
  ::_exit(code);
}

}  // namespace penstock::jobs
