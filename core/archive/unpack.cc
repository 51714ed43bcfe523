#include "core/archive/unpack.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/archive/deflate.h"
#include "core/archive/inflate.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/handle.h"
#include "core/base/text.h"

namespace penstock::archive {
namespace {

constexpr std::size_t kPiece = 256u << 10;
constexpr std::size_t kLocalBytes = 30;

[[noreturn]] void refuse(std::string_view name, const std::string& why) {
  throw Error(ErrorKind::kInvalidInput, in_quotes(name) + " " + why);
}

std::uint32_t little_endian(const char* bytes, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

// The archive, opened, its directory read. Not thread-safe.
class ForeignArchive {
 public:
  ForeignArchive(const std::filesystem::path& path, std::uint64_t max_entries)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)) {
    if (!fd_) throw_errno("opening the archive", errno);
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) throw_errno("reading the archive", errno);
    size_ = static_cast<std::uint64_t>(status.st_size);
    ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    directory_ = read_foreign_directory(
        [this](std::uint64_t offset, char* buffer, std::size_t size) { read(offset, buffer, size); }, size_,
        {.max_entries = max_entries});
  }

  const std::vector<ForeignEntry>& entries() const noexcept { return directory_.entries; }

  // Where the packed bytes of an entry begin.
  std::uint64_t find_data(const ForeignEntry& entry) const {
    const std::uint64_t end = directory_.offset;
    if (entry.offset > end || end - entry.offset < kLocalBytes) refuse(entry.name, "is not in the archive");
    char fixed[kLocalBytes];
    read(entry.offset, fixed, sizeof fixed);
    const std::size_t name_size = little_endian(fixed + 26, 2), extra_size = little_endian(fixed + 28, 2);
    const std::uint64_t data = entry.offset + kLocalBytes + name_size + extra_size;
    if (little_endian(fixed, 4) != kLocalSignature || data > end || end - data < entry.compressed_size) {
      refuse(entry.name, "is damaged");
    }
    std::string name(name_size, '\0');
    read(entry.offset + kLocalBytes, name.data(), name.size());
    const auto same = [](char a, char b) { return a == b || (a == '\\' && b == '/'); };
    if (name.size() != entry.name.size() || !std::equal(name.begin(), name.end(), entry.name.begin(), same)) {
      refuse(entry.name, "has another name in its own header: " + in_quotes(name));
    }
    if (little_endian(fixed + 8, 2) != entry.method || (little_endian(fixed + 6, 2) & 0x2041u) != 0) {
      refuse(entry.name, "is packed otherwise than the directory says");
    }
    return data;
  }

  // No two entries may share bytes: a few of them could be made a great many files.
  void check_overlaps(const std::vector<PlannedEntry>& plan, std::vector<std::uint64_t>& data) const {
    struct Range {
      std::uint64_t begin, end;
      std::size_t index;
    };
    std::vector<Range> ranges;
    ranges.reserve(plan.size());
    data.assign(entries().size(), 0);
    for (const PlannedEntry& planned : plan) {
      const ForeignEntry& entry = entries()[planned.index];
      data[planned.index] = find_data(entry);
      ranges.push_back({entry.offset, data[planned.index] + entry.compressed_size, planned.index});
    }
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    for (std::size_t i = 1; i < ranges.size(); ++i) {
      if (ranges[i].begin >= ranges[i - 1].end) continue;
      refuse(entries()[ranges[i].index].name,
             "shares its bytes with " + in_quotes(entries()[ranges[i - 1].index].name) + "; it looks like a zip bomb");
    }
  }

  // Hands out the entry's content, checked at its end.
  void unpack(const ForeignEntry& entry, std::uint64_t data, const std::function<void(std::string_view)>& piece,
              const std::stop_token& stop) const {
    std::uint32_t crc = 0;
    std::uint64_t given = 0;
    const auto give = [&](std::string_view bytes) {
      if (bytes.size() > entry.size - given) refuse(entry.name, "is larger than the directory says");
      given += bytes.size();
      crc = update_crc32(crc, bytes);
      piece(bytes);
    };
    std::string buffer(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, entry.compressed_size)), '\0');
    const bool is_deflated = entry.method == static_cast<std::uint16_t>(Method::kDeflated);
    StreamInflater inflater(give);
    for (std::uint64_t left = entry.compressed_size; left > 0;) {
      if (stop.stop_requested()) throw Error(ErrorKind::kCancelled, "stopped");
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size()));
      read(data, buffer.data(), size);
      const std::string_view packed(buffer.data(), size);
      if (!is_deflated) {
        give(packed);
      } else if (!inflater.write(packed, stop)) {
        refuse(entry.name, "is damaged");
      }
      data += size;
      left -= size;
    }
    if (is_deflated && !inflater.is_complete()) refuse(entry.name, "is damaged");
    if (given != entry.size) refuse(entry.name, "is smaller than the directory says");
    if (crc != entry.crc32) refuse(entry.name, "does not have its checksum");
  }

 private:
  void read(std::uint64_t offset, char* buffer, std::size_t size) const {
    while (size > 0) {
      const ssize_t count = ::pread(fd_.get(), buffer, size, static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw_errno("reading the archive", errno);
      if (count == 0) throw Error(ErrorKind::kInvalidInput, "it is not whole");
      buffer += count;
      size -= static_cast<std::size_t>(count);
      offset += static_cast<std::uint64_t>(count);
    }
  }

  UniqueFd fd_;
  std::uint64_t size_ = 0;
  ForeignDirectory directory_;
};

// Writes below one folder. Entries come in the order of their paths, so that the folders of the last one are mostly
// those of the next. No link is ever followed.
class TreeWriter {
 public:
  explicit TreeWriter(const std::filesystem::path& folder)
      : root_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) {
    if (!root_) throw_errno("opening " + in_quotes(folder.native()), errno);
  }

  UniqueFd make_file(const std::string& path) {
    const int folder = enter_parent(path);
    UniqueFd fd(::openat(folder, base_name(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) throw_errno("making " + in_quotes(path), errno);
    return fd;
  }
  void make_directory(const std::string& path) { enter(path); }
  void make_link(const std::string& path, const std::string& target) {
    if (::symlinkat(target.c_str(), enter_parent(path), base_name(path)) != 0) {
      throw_errno("making " + in_quotes(path), errno);
    }
  }
  void set_directory_mode(const std::string& path, std::uint32_t mode) {
    if (::fchmod(enter(path), mode) != 0) throw_errno("making " + in_quotes(path), errno);
  }

 private:
  struct Level {
    std::string name;
    UniqueFd fd;
  };

  static const char* base_name(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return path.c_str() + (slash == std::string::npos ? 0 : slash + 1);
  }
  int enter_parent(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? root_.get() : enter(path.substr(0, slash));
  }
  int enter(const std::string& path) {
    const std::vector<std::string> parts = split(path, '/');
    std::size_t same = 0;
    while (same < parts.size() && same < levels_.size() && levels_[same].name == parts[same]) ++same;
    levels_.resize(same);
    for (; same < parts.size(); ++same) {
      const int above = levels_.empty() ? root_.get() : levels_.back().fd.get();
      const char* name = parts[same].c_str();
      if (::mkdirat(above, name, 0755) != 0 && errno != EEXIST) throw_errno("making " + in_quotes(path), errno);
      UniqueFd fd(::openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd) throw_errno("making " + in_quotes(path), errno);
      levels_.push_back({parts[same], std::move(fd)});
    }
    return levels_.back().fd.get();
  }

  UniqueFd root_;
  std::vector<Level> levels_;
};

void write_fully(int fd, std::string_view data, const std::string& path) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_errno("writing " + in_quotes(path), errno);
    data.remove_prefix(static_cast<std::size_t>(written));
  }
}

UnpackResult unpack(const ForeignArchive& archive, const std::filesystem::path& folder, const UnpackLimits& limits,
                    const std::stop_token& stop) {
  const std::vector<PlannedEntry> plan = plan_unpacking(archive.entries(), limits);
  std::vector<std::uint64_t> data;
  archive.check_overlaps(plan, data);
  std::map<std::string, std::string> links;
  for (const PlannedEntry& planned : plan) {
    if (planned.kind != UnpackedKind::kLink) continue;
    archive.unpack(
        archive.entries()[planned.index], data[planned.index],
        [&](std::string_view piece) { links[planned.path] += piece; }, stop);
  }
  check_links(links);

  TreeWriter writer(folder);
  UnpackResult result;
  for (const PlannedEntry& planned : plan) {
    ++result.entries;
    if (planned.kind == UnpackedKind::kDirectory) writer.make_directory(planned.path);
    if (planned.kind != UnpackedKind::kFile) continue;
    const UniqueFd file = writer.make_file(planned.path);
    const ForeignEntry& entry = archive.entries()[planned.index];
    archive.unpack(
        entry, data[planned.index], [&](std::string_view piece) { write_fully(file.get(), piece, planned.path); },
        stop);
    if (::fchmod(file.get(), planned.mode) != 0) throw_errno("writing " + in_quotes(planned.path), errno);
    result.bytes += entry.size;
  }
  // Links last, so that no file can be written through one; modes of folders after what is in them.
  for (const auto& [path, target] : links) writer.make_link(path, target);
  for (const PlannedEntry& planned : plan) {
    if (planned.kind == UnpackedKind::kDirectory) writer.set_directory_mode(planned.path, planned.mode);
  }
  return result;
}

}  // namespace

UnpackResult unpack_archive(const std::filesystem::path& archive, const std::filesystem::path& folder,
                            const UnpackLimits& limits, const std::stop_token& stop) {
  return unpack(ForeignArchive(archive, limits.max_entries), folder, limits, stop);
}

std::string read_archived_file(const std::filesystem::path& path, const std::string& name, std::uint64_t max_bytes,
                               const std::stop_token& stop) {
  const ForeignArchive archive(path, UnpackLimits{}.max_entries);
  const std::string wanted = unpacked_path(name);
  const ForeignEntry* found = nullptr;
  for (const ForeignEntry& entry : archive.entries()) {
    std::string_view same = entry.name;
    if (same.starts_with("./")) same.remove_prefix(2);
    if (same != wanted) continue;
    if (found != nullptr) refuse(entry.name, "is there twice");
    found = &entry;
  }
  if (found == nullptr) throw Error(ErrorKind::kNotFound, "it has no file " + in_quotes(name));
  check_readable(*found);
  if (found->made_by_unix && (found->mode & S_IFMT) == S_IFLNK) refuse(name, "is a link");
  if (found->size > max_bytes) {
    throw Error(ErrorKind::kExhausted, in_quotes(name) + " has " + std::to_string(found->size) + " bytes, more than " +
                                           std::to_string(max_bytes));
  }
  std::string content;
  archive.unpack(
      *found, archive.find_data(*found), [&](std::string_view piece) { content += piece; }, stop);
  return content;
}

}  // namespace penstock::archive
