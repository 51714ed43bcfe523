// Files and folders with the durability that their caller asked for.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/handle.h"

namespace penstock {

// The whole file; Error{kNotFound | kPermission | kExhausted (over max_bytes) | kUnavailable}.
std::string read_file(const std::filesystem::path& path, std::size_t max_bytes = 64u << 20);

// The file in pieces of at most 1 MiB. Errors as read_file().
void read_in_pieces(const std::filesystem::path& path, const std::function<void(std::string_view)>& piece);

// Written beside and renamed, so that a reader sees the old or the new bytes; synced to disk first. Mode as given.
void write_file_atomically(const std::filesystem::path& path, std::string_view content, unsigned mode = 0644);

// A folder with a random name (mode 0700), removed with everything in it on destruction.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::filesystem::path& parent = std::filesystem::temp_directory_path(),
                              std::string_view prefix = "penstock-");
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

// An exclusive lock on a file (flock), held until destruction; works between processes, vanishes with its holder.
class FileLock {
 public:
  // Blocks up to the deadline in `timeout`, then Error{kTimeout}.
  static FileLock acquire(const std::filesystem::path& path, std::chrono::milliseconds timeout);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// The message and kind for errno after a failed file operation: ENOSPC, EDQUOT -> kExhausted, EACCES, EPERM, EROFS ->
// kPermission, ENOENT -> kNotFound, otherwise kUnavailable.
[[noreturn]] void throw_errno(std::string_view doing, int error_number);

}  // namespace penstock
