#include "core/archive/folder.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"

namespace penstock::archive {
namespace {

constexpr int kMaxDepth = 128;
constexpr std::size_t kPiece = 1u << 20;
constexpr std::size_t kMaxLink = 4096;

using Directory = Handle<DIR, ::closedir>;

UniqueFd open_folder(int above, const char* name, const std::string& path) {
  UniqueFd fd(::openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) throw_errno("reading " + in_quotes(path), errno);
  return fd;
}

// As an archive has them: folders as if their names ended in a slash.
bool is_before(const std::string& a, EntryKind a_kind, const std::string& b, EntryKind b_kind) {
  const auto key = [](const std::string& path, EntryKind kind) {
    return kind == EntryKind::kDirectory ? path + "/" : path;
  };
  return key(a, a_kind) < key(b, b_kind);
}

}  // namespace

Folder::Folder(const std::filesystem::path& path, const FolderLimits& limits, const std::stop_token& stop)
    : root_(open_folder(AT_FDCWD, path.c_str(), path.native())) {
  walk(root_.get(), "", 0, limits, stop);
  std::sort(entries_.begin(), entries_.end(),
            [](const Item& a, const Item& b) { return is_before(a.path, a.kind, b.path, b.kind); });
}

void Folder::walk(int folder, const std::string& prefix, int depth, const FolderLimits& limits,
                  const std::stop_token& stop) {
  if (depth > kMaxDepth) {
    throw Error(ErrorKind::kInvalidInput,
                in_quotes(prefix) + " is more than " + std::to_string(kMaxDepth) + " folders deep");
  }
  // A descriptor of its own: reading moves its position.
  Directory listing(::fdopendir(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  if (!listing) throw_errno("reading " + in_quotes(prefix), errno);
  bool is_empty = true;
  while (true) {
    if (stop.stop_requested()) throw Error(ErrorKind::kCancelled, "stopped");
    errno = 0;
    const dirent* found = ::readdir(listing.get());
    if (found == nullptr && errno != 0) throw_errno("reading " + in_quotes(prefix), errno);
    if (found == nullptr) break;
    const std::string name = found->d_name;
    if (name == "." || name == "..") continue;
    is_empty = false;
    const std::string path = prefix.empty() ? name : prefix + "/" + name;
    struct stat status {};
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      throw_errno("reading " + in_quotes(path), errno);
    if (S_ISDIR(status.st_mode)) {
      walk(open_folder(folder, name.c_str(), path).get(), path, depth + 1, limits, stop);
    } else if (S_ISLNK(status.st_mode)) {
      add({path, EntryKind::kSymlink, 0}, limits);
    } else if (S_ISREG(status.st_mode)) {
      const bool is_executable = (status.st_mode & S_IXUSR) != 0;
      add({path, is_executable ? EntryKind::kExecutable : EntryKind::kFile, static_cast<std::uint64_t>(status.st_size)},
          limits);
    } else {
      throw Error(ErrorKind::kInvalidInput, in_quotes(path) + " is neither a file nor a folder nor a link");
    }
  }
  if (is_empty && !prefix.empty()) add({prefix, EntryKind::kDirectory, 0}, limits);
}

void Folder::add(Item item, const FolderLimits& limits) {
  if (entries_.size() >= limits.max_entries) {
    throw Error(ErrorKind::kExhausted, in_quotes(item.path) + " is one more than the " +
                                           std::to_string(limits.max_entries) + " files that are allowed");
  }
  if (item.size > limits.max_bytes - bytes_) {
    throw Error(ErrorKind::kExhausted, "with " + in_quotes(item.path) + " there are more than the " +
                                           std::to_string(limits.max_bytes) + " bytes that are allowed");
  }
  bytes_ += item.size;
  entries_.push_back(std::move(item));
}

EntrySource Folder::source() const {
  return [this, next = std::size_t{0}]() mutable -> std::optional<Entry> {
    if (next == entries_.size()) return std::nullopt;
    const Item& item = entries_[next];
    return Entry{.path = item.path, .kind = item.kind, .source = next++};
  };
}

ContentReader Folder::reader() const {
  ContentReader reader;
  reader.size = [this](const Entry& entry) {
    return entry.kind == EntryKind::kSymlink ? read_link(entry.path).size() : entries_[entry.source].size;
  };
  reader.read = [this](const Entry& entry, const std::function<void(std::string_view)>& piece) {
    if (entry.kind == EntryKind::kSymlink) return piece(read_link(entry.path));
    const UniqueFd fd = open(entry.path);
    std::uint64_t left = entries_[entry.source].size;
    std::string buffer(static_cast<std::size_t>(std::min<std::uint64_t>(left, kPiece)), '\0');
    while (left > 0) {
      const ssize_t count =
          ::read(fd.get(), buffer.data(), static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size())));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw_errno("reading " + in_quotes(entry.path), errno);
      if (count == 0)
        throw Error(ErrorKind::kConflict, "reading " + in_quotes(entry.path) + ": it became shorter meanwhile");
      left -= static_cast<std::uint64_t>(count);
      piece(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
    }
  };
  return reader;
}

UniqueFd Folder::open(const std::string& path) const {
  // Part by part: what was a folder when it was listed is not followed if it is a link now.
  UniqueFd above;
  std::size_t begin = 0;
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', begin)) {
    above = open_folder(above ? above.get() : root_.get(), path.substr(begin, slash - begin).c_str(), path);
    begin = slash + 1;
  }
  // Not waiting for anybody, should it be a pipe now.
  UniqueFd fd(::openat(above ? above.get() : root_.get(), path.c_str() + begin,
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) throw_errno("reading " + in_quotes(path), errno);
  return fd;
}

std::string Folder::read_link(const std::string& path) const {
  std::string target(kMaxLink, '\0');
  const ssize_t size = ::readlinkat(root_.get(), path.c_str(), target.data(), target.size());
  if (size < 0) throw_errno("reading " + in_quotes(path), errno);
  target.resize(static_cast<std::size_t>(size));
  return target;
}

}  // namespace penstock::archive
