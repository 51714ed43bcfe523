#include "core/git/mirror_quota.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <system_error>

#include "core/base/error.h"
#include "core/base/files.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path;
  fs::file_time_type used_at;
  std::uint64_t bytes = 0;
};

// Files with several names (an artifact that is being uploaded) count in full: they are freed when the last name goes.
std::uint64_t bytes_in(const fs::path& folder) {
  std::error_code ignored;
  std::uint64_t bytes = 0;
  for (fs::recursive_directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
    std::error_code gone;
    if (!entry->is_regular_file(gone)) continue;
    const std::uintmax_t size = entry->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

// A remote's folder and nobody else's: `directory` can be any folder of a person's (penstock artifact --cache).
bool is_remote_folder(const fs::directory_entry& entry) {
  std::error_code unused;
  const std::string name = entry.path().filename().native();
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string::npos &&
         !entry.is_symlink(unused) && entry.is_directory(unused) && fs::is_regular_file(entry.path() / "lock", unused);
}

// False when somebody holds it.
bool empty_folder(const fs::path& folder) {
  std::optional<FileLock> lock;
  try {
    lock.emplace(FileLock::acquire(folder / "lock", std::chrono::milliseconds(0)));
  } catch (const Error&) {
    return false;
  }
  std::error_code ignored;
  std::vector<fs::path> found;
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored))
    if (entry->path().filename() != "lock") found.push_back(entry->path());
  for (const fs::path& path : found) {
    // Renamed first: what is half removed must not be taken for a mirror.
    const fs::path grave = path.native() + ".old";
    std::error_code failed;
    fs::rename(path, grave, failed);
    fs::remove_all(failed ? path : grave, ignored);
  }
  return true;
}

}  // namespace

void note_use(const fs::path& remote_folder) noexcept {
  std::error_code ignored;
  fs::last_write_time(remote_folder / "lock", fs::file_time_type::clock::now(), ignored);
}

std::uint64_t size_on_disk(const fs::path& directory) {
  std::error_code ignored;
  std::uint64_t total = 0;
  for (fs::directory_iterator entry(directory, ignored), end; entry != end; entry.increment(ignored)) {
    if (is_remote_folder(*entry)) total += bytes_in(entry->path());
  }
  return total;
}

std::vector<fs::path> keep_quota(const fs::path& directory, std::uint64_t quota, const fs::path& spared) {
  std::error_code ignored;
  std::vector<Folder> folders;
  std::uint64_t total = 0;
  for (fs::directory_iterator entry(directory, ignored), end; entry != end; entry.increment(ignored)) {
    if (!is_remote_folder(*entry)) continue;
    std::error_code unused;
    Folder folder{entry->path(), fs::last_write_time(entry->path() / "lock", unused), bytes_in(entry->path())};
    total += folder.bytes;
    if (folder.bytes > 0 && folder.path != spared) folders.push_back(std::move(folder));
  }
  std::sort(folders.begin(), folders.end(), [](const Folder& a, const Folder& b) { return a.used_at < b.used_at; });
  std::vector<fs::path> emptied;
  for (const Folder& folder : folders) {
    if (total <= quota) break;
    if (!empty_folder(folder.path)) continue;
    total -= folder.bytes;
    emptied.push_back(folder.path);
  }
  return emptied;
}

}  // namespace penstock::git
