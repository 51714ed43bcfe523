#include "core/git/lfs_cache.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEmptyOid = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kDraftFolder = "tmp";
constexpr std::size_t kPieceBytes = 256u << 10;
constexpr std::chrono::hours kLeftoverAge{24};
constexpr int kDraftAttempts = 8;

void make_folders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw_errno("making the folder " + in_quotes(folder.native()), error.value());
}

// The name must still stand for the file that was found broken: another process may have put a good one there.
void remove_broken(const fs::path& path, const struct stat& broken) noexcept {
  struct stat now {};
  if (::lstat(path.c_str(), &now) == 0 && now.st_dev == broken.st_dev && now.st_ino == broken.st_ino)
    ::unlink(path.c_str());
}

[[noreturn]] void report_broken(const LfsPointer& pointer, const std::string& cause) {
  throw Error(ErrorKind::kCorrupt, "reading the LFS object " + pointer.oid + " from the cache: " + cause)
      .with_code("LfsObjectDamaged");
}

}  // namespace

fs::path lfs_object_path(const fs::path& folder, const std::string& oid) {
  return folder / oid.substr(0, 2) / oid.substr(2, 2) / oid;
}

bool is_empty_object(const LfsPointer& pointer) noexcept {
  return pointer.size == 0 && pointer.oid == kEmptyOid;
}

bool has_lfs_object(const fs::path& folder, const LfsPointer& pointer) noexcept {
  const fs::path path = lfs_object_path(folder, pointer.oid);
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (static_cast<std::uint64_t>(status.st_size) != pointer.size) return false;
  ::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
  return true;
}

void read_lfs_object(const fs::path& folder, const LfsPointer& pointer,
                     const std::function<void(std::string_view)>& piece) {
  if (is_empty_object(pointer)) return;
  const fs::path path = lfs_object_path(folder, pointer.oid);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && errno == ENOENT) report_broken(pointer, "it is gone; it will be fetched again");
  if (!fd) throw_errno("reading the LFS object " + in_quotes(path.native()), errno);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw_errno("reading the LFS object " + in_quotes(path.native()), errno);
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != pointer.size) {
    remove_broken(path, status);
    report_broken(pointer, std::to_string(status.st_size) + " bytes instead of " + std::to_string(pointer.size) +
                               "; it will be fetched again");
  }
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);

  Hasher hasher(HashAlgorithm::kSha256);
  std::vector<char> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, pointer.size)));
  // Never more than the pointer says, also when the file grows meanwhile.
  for (std::uint64_t rest = pointer.size; rest > 0;) {
    const ssize_t got =
        ::read(fd.get(), buffer.data(), static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), rest)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EIO) throw_errno("reading the LFS object " + in_quotes(path.native()), errno);
    if (got <= 0) {
      remove_broken(path, status);
      report_broken(pointer, "the disk does not give it back; it will be fetched again");
    }
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    hasher.update(bytes);
    piece(bytes);
    rest -= bytes.size();
  }
  if (to_hex(hasher.finish()) != pointer.oid) {
    remove_broken(path, status);
    report_broken(pointer, "its SHA-256 is another one; it will be fetched again");
  }
}

void remove_leftover_drafts(const fs::path& folder) noexcept {
  std::error_code ignored;
  const auto old = fs::file_time_type::clock::now() - kLeftoverAge;
  for (fs::directory_iterator entry(folder / kDraftFolder, ignored), end; entry != end; entry.increment(ignored)) {
    std::error_code unknown;
    if (entry->is_symlink(unknown) || !entry->is_regular_file(unknown)) continue;
    const UniqueFd fd(::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) continue;
    // A lock goes with its holder. Where the file system has no locks, only time tells.
    const bool free = ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
    const bool lockless = !free && errno != EWOULDBLOCK && errno != EINTR;
    if (free || (lockless && entry->last_write_time(unknown) < old && !unknown)) ::unlink(entry->path().c_str());
  }
}

LfsDraft::LfsDraft(fs::path folder, LfsPointer pointer) : folder_(std::move(folder)), pointer_(std::move(pointer)) {
  open();
}

LfsDraft::~LfsDraft() {
  remove();
}

void LfsDraft::remove() noexcept {
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
  fd_.reset();
}

void LfsDraft::open() {
  const std::string doing = "making a file for the LFS object " + pointer_.oid;
  for (int attempt = 1;; ++attempt) {
    make_folders(folder_ / kDraftFolder);
    // mkostemp() puts a name of its own in place of the last six characters.
    path_ = (folder_ / kDraftFolder / (pointer_.oid + ".XXXXXX")).native();
    fd_.reset(::mkostemp(path_.data(), O_CLOEXEC));
    const int error_number = errno;
    if (!fd_) path_.clear();
    // The folder may be emptied for lack of space just now.
    if (!fd_ && (error_number != ENOENT || attempt >= kDraftAttempts)) throw_errno(doing, error_number);
    if (!fd_) continue;
    // Between the two steps somebody may have taken it for a leftover.
    const bool locked = ::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    struct stat status {};
    if (locked && ::fstat(fd_.get(), &status) == 0 && status.st_nlink > 0) return;
    remove();
    if (attempt >= kDraftAttempts) throw Error(ErrorKind::kUnavailable, doing + ": others remove it each time");
  }
}

void LfsDraft::write(std::string_view bytes) {
  if (bytes.size() > wanted()) throw Error(ErrorKind::kInternal, "writing an LFS object: more bytes than it has");
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0)
      throw_errno("writing the LFS object " + pointer_.oid + " to " + in_quotes(folder_.native()), errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  hasher_.update(bytes);
  size_ += bytes.size();
}

void LfsDraft::restart() {
  if (::ftruncate(fd_.get(), 0) != 0 || ::lseek(fd_.get(), 0, SEEK_SET) != 0)
    throw_errno("writing the LFS object " + pointer_.oid + " anew", errno);
  hasher_ = Hasher(HashAlgorithm::kSha256);
  size_ = 0;
}

bool LfsDraft::commit() {
  if (wanted() != 0 || to_hex(hasher_.finish()) != pointer_.oid) {
    restart();
    return false;
  }
  const fs::path path = lfs_object_path(folder_, pointer_.oid);
  make_folders(path.parent_path());
  if (::rename(path_.c_str(), path.c_str()) != 0) {
    const int error_number = errno;
    restart();
    // The folder was emptied for lack of space, and our file with it: that passes.
    if (error_number == ENOENT) {
      remove();
      open();
      throw Error(ErrorKind::kUnavailable, "keeping the LFS object " + pointer_.oid + ": its folder was removed");
    }
    throw_errno("keeping the LFS object " + in_quotes(path.native()), error_number);
  }
  path_.clear();
  return true;
}

}  // namespace penstock::git
