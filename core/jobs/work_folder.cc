#include "core/jobs/work_folder.h"

#include <cerrno>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/handle.h"
#include "core/base/text.h"

namespace penstock::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kLockLook{50};

using Directory = Handle<DIR, ::closedir>;

// A folder opened, whatever its mode; nothing when it is none, or gone.
UniqueFd open_folder(int above, const char* name) {
  const auto open = [&] { return UniqueFd(::openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)); };
  UniqueFd fd = open();
  if (!fd && errno == EACCES && ::fchmodat(above, name, 0700, 0) == 0) fd = open();
  if (fd) ::fchmod(fd.get(), 0700);
  return fd;
}

std::vector<std::string> names_in(int folder) {
  std::vector<std::string> names;
  const Directory listing(::fdopendir(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  while (const dirent* found = listing ? ::readdir(listing.get()) : nullptr) {
    const std::string name = found->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  return names;
}

// Empties a folder without descending: what is in its folders is moved up, so that depth costs no descriptors.
class Emptying {
 public:
  explicit Emptying(int top) : top_(top) {}

  bool run() {
    while (true) {
      const std::vector<std::string> names = names_in(top_);
      if (names.empty()) return true;
      bool is_moving = false;
      for (const std::string& name : names) is_moving = remove(name) || is_moving;
      if (!is_moving) return false;
    }
  }

 private:
  bool remove(const std::string& name) {
    if (::unlinkat(top_, name.c_str(), 0) == 0 || ::unlinkat(top_, name.c_str(), AT_REMOVEDIR) == 0) return true;
    const UniqueFd folder = open_folder(top_, name.c_str());
    if (!folder) return false;
    bool is_moving = false;
    for (const std::string& child : names_in(folder.get())) {
      is_moving = ::unlinkat(folder.get(), child.c_str(), 0) == 0 || move_up(folder.get(), child) || is_moving;
    }
    return ::unlinkat(top_, name.c_str(), AT_REMOVEDIR) == 0 || is_moving;
  }
  bool move_up(int folder, const std::string& child) {
    open_folder(folder, child.c_str());  // moving a folder needs the right to write to it
    for (int attempt = 0; attempt < 100; ++attempt) {
      const std::string name = ".remove-" + std::to_string(next_++);
      if (::renameat(folder, child.c_str(), top_, name.c_str()) == 0) return true;
      if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR && errno != EISDIR) return false;
    }
    return false;
  }

  const int top_;
  std::uint64_t next_ = 0;
};

}  // namespace

bool remove_tree(const fs::path& folder) {
  if (::unlink(folder.c_str()) == 0 || ::rmdir(folder.c_str()) == 0 || errno == ENOENT) return true;
  {
    const UniqueFd top = open_folder(AT_FDCWD, folder.c_str());
    if (!top || !Emptying(top.get()).run()) return false;
  }
  return ::rmdir(folder.c_str()) == 0;
}

WorkFolders::WorkFolders(fs::path root, unsigned mode) : root_(std::move(root)), mode_(mode) {}

void WorkFolders::prepare(const telemetry::Log& log, std::chrono::milliseconds patience) const {
  const std::string doing = "making " + in_quotes(root_.native());
  std::error_code failed;
  fs::create_directories(root_, failed);
  if (failed) throw_errno(doing, failed.value());
  if (::chmod(root_.c_str(), mode_) != 0) throw_errno(doing, errno);
  const UniqueFd lock_file(::open(lock().c_str(), O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock_file) throw_errno(doing, errno);
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (::flock(lock_file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() >= give_up) {
      log.warning("commands of an earlier process still run; their folders are left", {{"folder", root_.native()}});
      return;
    }
    std::this_thread::sleep_for(kLockLook);
  }
  const UniqueFd root = open_folder(AT_FDCWD, root_.c_str());
  ::fchmod(root.get(), mode_);
  for (const std::string& name : names_in(root.get())) {
    if (name == ".lock") continue;
    if (!remove_tree(root_ / name)) {
      log.warning("removing a job's left folder failed", {{"folder", (root_ / name).native()}});
    }
  }
}

WorkFolder::WorkFolder(const WorkFolders& folders, const std::string& name) : path_(folders.root() / name) {
  if (!remove_tree(path_) || ::mkdir(path_.c_str(), 0700) != 0)
    throw_errno("making " + in_quotes(path_.native()), errno);
}

WorkFolder::~WorkFolder() {
  remove_tree(path_);
}

fs::path WorkFolder::make(const fs::path& relative) const {
  fs::path folder = path_ / relative;
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) throw_errno("making " + in_quotes(folder.native()), failed.value());
  return folder;
}

}  // namespace penstock::jobs
