#include "core/base/files.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/text.h"

namespace penstock {

void throw_errno(std::string_view doing, int error_number) {
  ErrorKind kind = ErrorKind::kUnavailable;
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      kind = ErrorKind::kExhausted;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      kind = ErrorKind::kPermission;
      break;
    case ENOENT:
      kind = ErrorKind::kNotFound;
      break;
    default:
      break;
  }
  throw Error(kind, std::string(doing) + ": " + std::generic_category().message(error_number));
}

void read_in_pieces(const std::filesystem::path& path, const std::function<void(std::string_view)>& piece) {
  const std::string doing = "reading " + in_quotes(path.native());
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw_errno(doing, errno);
  char buffer[65536];
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0) {
      if (errno == EINTR) continue;
      throw_errno(doing, errno);
    }
    if (got == 0) return;
    piece({buffer, static_cast<std::size_t>(got)});
  }
}

std::string read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  std::string content;
  read_in_pieces(path, [&](std::string_view piece) {
    if (content.size() + piece.size() > max_bytes) {
      throw Error(ErrorKind::kExhausted,
                  "reading " + in_quotes(path.native()) + ": larger than " + std::to_string(max_bytes) + " bytes");
    }
    content += piece;
  });
  return content;
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content, unsigned mode) {
  const std::string doing = "writing " + in_quotes(path.native());
  std::string temporary = path.native() + ".XXXXXX";
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) throw_errno(doing, errno);
  const auto fail = [&](int error_number) {
    ::unlink(temporary.c_str());
    throw_errno(doing, error_number);
  };
  std::string_view rest = content;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd.get(), rest.data(), rest.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(errno);
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0) fail(errno);
  fd.reset();
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail(errno);
  // The new name is durable only once its folder is.
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const UniqueFd folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) ::fsync(folder.get());
}

TemporaryDirectory::TemporaryDirectory(const std::filesystem::path& parent, std::string_view prefix) {
  std::string name = (parent / (std::string(prefix) + "XXXXXX")).native();
  if (::mkdtemp(name.data()) == nullptr) throw_errno("making a folder in " + in_quotes(parent.native()), errno);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

FileLock FileLock::acquire(const std::filesystem::path& path, std::chrono::milliseconds timeout) {
  const std::string doing = "locking " + in_quotes(path.native());
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) throw_errno(doing, errno);
  // flock has no deadline of its own; polling keeps signals and threads out of it.
  auto pause = std::chrono::milliseconds(1);
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) throw_errno(doing, errno);
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Error(ErrorKind::kTimeout,
                  doing + ": still held by another job after " + std::to_string(timeout.count()) + " ms");
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(50));
  }
  return FileLock(std::move(fd));
}

}  // namespace penstock
