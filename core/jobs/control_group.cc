#include "core/jobs/control_group.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <set>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/base/handle.h"
#include "core/base/text.h"

namespace penstock::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCommandPrefix = "command-";
constexpr std::size_t kMaxFileBytes = 1u << 20;

// 0, or the errno. One write: the kernel takes a value whole or not at all.
int write_value(const fs::path& file, std::string_view value) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno;
  return ::write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size()) ? 0 : errno;
}

std::string read_text(const fs::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; fd && text.size() < kMaxFileBytes && (count = ::read(fd.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

std::set<std::string> words_of(const fs::path& file) {
  std::set<std::string> words;
  for (const std::string& line : split(read_text(file), '\n')) {
    for (const std::string& word : split(line, ' ')) {
      if (!word.empty()) words.insert(word);
    }
  }
  return words;
}

// The number behind a name, in a file of lines "NAME NUMBER".
std::uint64_t number_of(const fs::path& file, std::string_view name) {
  for (const std::string& line : split(read_text(file), '\n')) {
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ' ')
      return parse_unsigned(std::string_view(line).substr(name.size() + 1)).value_or(0);
  }
  return 0;
}

// In mountinfo a blank and the like are written as \ooo.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_code = text[i] == '\\' && i + 3 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '3' &&
                         text[i + 2] >= '0' && text[i + 2] <= '7' && text[i + 3] >= '0' && text[i + 3] <= '7';
    if (!is_code) {
      plain += text[i];
      continue;
    }
    plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return plain;
}

// The folder of this process's group; empty when there is none to be seen.
fs::path own_group(const fs::path& process) {
  std::string name;
  for (const std::string& line : split(read_text(process / "cgroup"), '\n')) {
    if (line.starts_with("0::")) name = line.substr(3);
  }
  if (name.empty() || name.starts_with("/..")) return {};
  for (const std::string& line : split(read_text(process / "mountinfo"), '\n')) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    const std::vector<std::string> fields = split(line, ' ');
    if (fields.size() < 5) continue;
    const std::string root = unescape(fields[3]);
    std::string below = name;
    if (root != "/") {
      if (!below.starts_with(root)) continue;
      below.erase(0, root.size());
    }
    return fs::path(unescape(fields[4])) / fs::path(below).relative_path();
  }
  return {};
}

// As systemd marks what it will not touch itself.
bool is_delegated(const fs::path& group) {
  for (const char* name : {"user.delegate", "trusted.delegate"}) {
    char value = 0;
    if (::getxattr(group.c_str(), name, &value, 1) == 1 && value == '1') return true;
  }
  return false;
}

void remove_left_groups(const fs::path& folder) {
  std::error_code failed;
  std::vector<fs::path> left;
  for (auto it = fs::directory_iterator(folder, failed); !failed && it != fs::directory_iterator();
       it.increment(failed)) {
    if (it->path().filename().native().starts_with(kCommandPrefix)) left.push_back(it->path());
  }
  // Those with processes stay: their guard ends them.
  for (const fs::path& group : left) ::rmdir(group.c_str());
}

ControlGroups none(std::string why) {
  ControlGroups groups;
  groups.explanation = std::move(why);
  return groups;
}

}  // namespace

ControlGroups find_control_groups(ControlGroupChoice choice, const fs::path& folder) {
  return find_control_groups(choice, folder, {.process = "/proc/self", .is_delegated = is_delegated});
}

ControlGroups find_control_groups(ControlGroupChoice choice, const fs::path& folder, const ControlGroupSource& source) {
  if (choice == ControlGroupChoice::kOff) return none("switched off (controlGroup)");
  ControlGroups groups;
  groups.folder = folder;
  if (choice == ControlGroupChoice::kAutomatic) {
    groups.folder = own_group(source.process);
    if (groups.folder.empty()) return none("this system has no control groups of version 2 for us");
    if (!source.is_delegated(groups.folder))
      return none("ours was not delegated to us (Delegate= of the systemd unit)");
    const fs::path server = groups.folder / "server";
    if (::mkdir(server.c_str(), 0755) != 0 && errno != EEXIST)
      return none("making " + in_quotes(server.native()) + ": " + std::strerror(errno));
    if (const int failed = write_value(server / "cgroup.procs", "0"); failed != 0)
      return none("moving into " + in_quotes(server.native()) + ": " + std::strerror(failed));
  } else if (::access((groups.folder / "cgroup.procs").c_str(), F_OK) != 0) {
    return none(in_quotes(groups.folder.native()) + " is no control group of version 2");
  }
  if (::access(groups.folder.c_str(), W_OK) != 0)
    return none("writing to " + in_quotes(groups.folder.native()) + ": " + std::strerror(errno));
  remove_left_groups(groups.folder);

  const std::set<std::string> there = words_of(groups.folder / "cgroup.controllers");
  const auto hold = [&](const std::string& controller) {
    std::string why = "the system does not offer it";
    if (there.contains(controller)) {
      const int failed = write_value(groups.folder / "cgroup.subtree_control", "+" + controller);
      if (failed == 0) return true;
      why = std::strerror(failed);
    }
    groups.explanation += (groups.explanation.empty() ? "" : "; ") + controller + " is not limited by them: " + why;
    return false;
  };
  groups.memory = hold("memory");
  groups.processes = hold("pids");
  return groups;
}

bool ControlGroup::make(std::uint64_t memory, std::uint64_t processes) const {
  if (::mkdir(folder_.c_str(), 0755) != 0 && errno != EEXIST) return false;
  bool is_good = true;
  if (memory > 0) {
    is_good = write_value(folder_ / "memory.max", std::to_string(memory)) == 0;
    // Neither is there everywhere. All of a command end together; and swap is no way around the limit.
    write_value(folder_ / "memory.oom.group", "1");
    write_value(folder_ / "memory.swap.max", "0");
  }
  if (processes > 0) is_good = write_value(folder_ / "pids.max", std::to_string(processes)) == 0 && is_good;
  if (!is_good) ::rmdir(folder_.c_str());
  return is_good;
}

int ControlGroup::open_members() const {
  return ::open((folder_ / "cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
}

std::optional<std::uint64_t> ControlGroup::memory_exceeded() const {
  if (number_of(folder_ / "memory.events", "oom_kill") == 0) return std::nullopt;
  for (const char* file : {"memory.peak", "memory.max"}) {
    if (const auto bytes = parse_unsigned(trim(read_text(folder_ / file)))) return bytes;
  }
  return 0;
}

bool ControlGroup::processes_exceeded() const {
  return number_of(folder_ / "pids.events", "max") > 0;
}

void ControlGroup::kill() const {
  if (write_value(folder_ / "cgroup.kill", "1") == 0) return;
  // Before Linux 5.14.
  for (const std::string& line : split(read_text(folder_ / "cgroup.procs"), '\n')) {
    if (const auto pid = parse_unsigned(line); pid && *pid > 1) ::kill(static_cast<pid_t>(*pid), SIGKILL);
  }
}

bool ControlGroup::remove(std::chrono::milliseconds patience) const {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (true) {
    if (::rmdir(folder_.c_str()) == 0 || errno == ENOENT) return true;
    if (errno != EBUSY || std::chrono::steady_clock::now() >= give_up) return false;
    kill();
    ::usleep(1000);
  }
}

}  // namespace penstock::jobs
