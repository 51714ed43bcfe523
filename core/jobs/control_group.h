// Control groups (cgroup v2) for commands: the kernel holds the limits, and ends all processes of a group at once.
//
// The server finds a folder in which groups may be made; a command's guard (process_guard.h) makes one there, starts
// the command in it, and kills and removes it at the end.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace penstock::jobs {

// Where groups are made, and which limits the kernel holds there.
struct ControlGroups {
  std::filesystem::path folder;  // empty = none are made
  bool memory = false, processes = false;
  std::string explanation;  // for people: why there are none, or which limits are not held
};

enum class ControlGroupChoice { kAutomatic, kOff, kFolder };

// kFolder: `folder`, a group without processes that is ours. kAutomatic: the group of this process, when it was
// delegated to us (systemd's Delegate=); this process moves into a group "server" below it, since a group with limits
// for those below may have no processes of its own. What earlier commands have left there is removed.
ControlGroups find_control_groups(ControlGroupChoice choice, const std::filesystem::path& folder = {});

// What find_control_groups asks of the kernel; another one for tests.
struct ControlGroupSource {
  std::filesystem::path process = "/proc/self";
  std::function<bool(const std::filesystem::path& group)> is_delegated;
};
ControlGroups find_control_groups(ControlGroupChoice choice, const std::filesystem::path& folder,
                                  const ControlGroupSource& source);

// One group, of a command. None of these throws; what does not work is told by false or nothing.
class ControlGroup {
 public:
  explicit ControlGroup(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Makes it with its limits; 0 = none. False when it cannot be used.
  bool make(std::uint64_t memory, std::uint64_t processes) const;
  // A descriptor; whoever writes "0" there is in the group with all that it starts. -1 when it cannot be opened.
  int open_members() const;
  // How much it used when the kernel ended it for that.
  std::optional<std::uint64_t> memory_exceeded() const;
  bool processes_exceeded() const;
  void kill() const;
  // Kills and removes it; false when processes are left.
  bool remove(std::chrono::milliseconds patience) const;

 private:
  const std::filesystem::path folder_;
};

}  // namespace penstock::jobs
