#include "core/archive/previous_archive.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/archive/archive.h"
#include "core/archive/deflate.h"
#include "core/archive/zip_parser.h"
#include "core/base/handle.h"
#include "core/base/text.h"

namespace penstock::archive {
namespace {

// Contents up to this size are checked and given out in one go; larger ones are read twice.
constexpr std::size_t kWindowBytes = 1u << 20;
constexpr std::size_t kDirectoryWindowBytes = 256u << 10;

// A window onto a file that is read from its beginning to its end, with leaps.
class FileWindow {
 public:
  FileWindow(int fd, std::uint64_t file_size, std::size_t capacity)
      : fd_(fd), file_size_(file_size), capacity_(capacity) {}

  // At most `capacity` bytes from there; fewer when the file cannot be read that far. Valid until the next call.
  std::string_view at(std::uint64_t offset, std::size_t size) {
    if (offset > file_size_) return {};
    size = std::min<std::uint64_t>({size, capacity_, file_size_ - offset});
    if (offset < begin_ || offset + size > begin_ + bytes_.size()) load(offset);
    const std::string_view found = std::string_view(bytes_).substr(offset - begin_);
    return found.substr(0, size);
  }

 private:
  void load(std::uint64_t offset) {
    begin_ = offset;
    bytes_.resize(std::min<std::uint64_t>(capacity_, file_size_ - offset));
    std::size_t filled = 0;
    while (filled < bytes_.size()) {
      const ssize_t got =
          ::pread(fd_, bytes_.data() + filled, bytes_.size() - filled, static_cast<off_t>(offset + filled));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      filled += static_cast<std::size_t>(got);
    }
    bytes_.resize(filled);
  }

  const int fd_;
  const std::uint64_t file_size_;
  const std::size_t capacity_;
  std::uint64_t begin_ = 0;
  std::string bytes_;
};

// A stretch of a file that is read, changed in place and given out, piece after piece.
class Run {
 public:
  Run(int fd, std::uint64_t file_size, const std::function<void(std::string_view)>& sink)
      : fd_(fd), file_size_(file_size), sink_(sink), bytes_(kRunBytes, '\0') {}

  // Where the next bytes are.
  std::uint64_t position() const noexcept { return begin_ + used_; }
  // Goes on from there; before, all is given out.
  void move_to(std::uint64_t position) {
    give_out();
    begin_ = position;
    filled_ = 0;
  }
  // The next bytes, to be changed in place; null when there are not so many. At most kRunBytes.
  char* peek(std::size_t size) {
    if (used_ + size > filled_) {
      move_to(position());
      load();
    }
    return used_ + size > filled_ ? nullptr : bytes_.data() + used_;
  }
  void use(std::size_t size) noexcept { used_ += size; }
  void give_out() {
    if (used_ > 0) sink_(std::string_view(bytes_).substr(0, used_));
    begin_ += used_;
    filled_ = used_ = 0;
  }

  static constexpr std::size_t kRunBytes = 512u << 10;  // about what a processor's cache holds

 private:
  void load() {
    const std::size_t wanted = std::min<std::uint64_t>(kRunBytes, file_size_ - std::min(file_size_, begin_));
    while (filled_ < wanted) {
      const ssize_t got = ::pread(fd_, bytes_.data() + filled_, wanted - filled_, static_cast<off_t>(begin_ + filled_));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      filled_ += static_cast<std::size_t>(got);
    }
  }

  const int fd_;
  const std::uint64_t file_size_;
  const std::function<void(std::string_view)>& sink_;
  std::string bytes_;
  std::uint64_t begin_ = 0;
  std::size_t filled_ = 0, used_ = 0;
};

// A folder has no bytes and no mark.
bool is_as_packed_at(const ZipEntry& entry, int level) {
  if (entry.name.ends_with('/')) return entry.compressed_size == 0;
  const bool is_symlink = (entry.mode & S_IFMT) == S_IFLNK;
  return entry.mark && entry.mark->level == (is_symlink ? 0 : level);
}

bool is_sealed(const ZipEntry& entry, std::string_view packed) {
  return !entry.mark || seal_of(entry, update_crc32(0, packed)) == entry.mark->seal;
}

}  // namespace

Error previous_unusable(std::string_view folder) {
  return Error(ErrorKind::kCorrupt, "taking over the folder " + in_quotes(folder) +
                                        " from the previous archive: it is not there, or damaged")
      .with_code(std::string(kPreviousUnusable));
}

struct PreviousArchive::State {
  State(UniqueFd opened, std::uint64_t size, const DirectoryPlace& place)
      : fd(std::move(opened)),
        file_size(size),
        directory(fd.get(), file_size, kDirectoryWindowBytes),
        contents(fd.get(), place.offset, kWindowBytes),
        contents_end(place.offset),
        position(place.offset),
        left(place.entries) {}

  // Reads the next entry into `current`; after the end, or what makes no sense, there is none.
  void advance() {
    current.reset();
    current_position = position;
    if (left == 0) return;
    --left;
    std::optional<ZipEntry> entry = parse_next(directory, position);
    if (!entry || entry->name <= last_name) {
      left = 0;
      return;
    }
    last_name = entry->name;
    current = std::move(entry);
  }

  std::uint32_t directory_crc32(const DirectoryPlace& place) {
    std::uint32_t crc = 0;
    for (std::uint64_t done = 0; done < place.size;) {
      const std::string_view bytes = directory.at(place.offset + done, place.size - done);
      if (bytes.empty()) break;
      crc = update_crc32(crc, bytes);
      done += bytes.size();
    }
    return crc;
  }

  static std::optional<ZipEntry> parse_next(FileWindow& window, std::uint64_t& position) {
    const auto size = central_header_size(window.at(position, kCentralFixedBytes));
    auto entry = size ? parse_central_header(window.at(position, *size)) : std::nullopt;
    if (entry) position += *size;
    return entry;
  }

  const UniqueFd fd;
  bool directory_is_checked = false;
  const std::uint64_t file_size;
  FileWindow directory, contents;
  const std::uint64_t contents_end;
  std::uint64_t position, current_position = 0;
  std::uint64_t left;
  std::string last_name;
  std::optional<ZipEntry> current;
};

std::unique_ptr<PreviousArchive> PreviousArchive::open(const std::filesystem::path& path,
                                                       std::optional<std::uint32_t> directory_crc32) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return nullptr;
  const auto file_size = static_cast<std::uint64_t>(status.st_size);
  const std::size_t tail_bytes = std::min<std::uint64_t>(kTailBytes, file_size);
  FileWindow end(fd.get(), file_size, kTailBytes);
  const auto place = find_directory(end.at(file_size - tail_bytes, tail_bytes), file_size);
  if (!place) return nullptr;
  auto state = std::make_unique<State>(std::move(fd), file_size, *place);
  if (directory_crc32) {
    if (state->directory_crc32(*place) != *directory_crc32) return nullptr;
    state->directory_is_checked = true;
  }
  state->advance();
  return std::unique_ptr<PreviousArchive>(new PreviousArchive(std::move(state)));
}

PreviousArchive::PreviousArchive(std::unique_ptr<State> state) : state_(std::move(state)) {}
PreviousArchive::~PreviousArchive() = default;

std::optional<ZipEntry> PreviousArchive::find(std::string_view name, std::string_view content_id, int level) {
  while (state_->current && state_->current->name < name) state_->advance();
  const std::optional<ZipEntry>& found = state_->current;
  if (!found || found->name != name || !found->mark || content_id.empty()) return std::nullopt;
  if (found->mark->content_id != content_id || found->mark->level != level) return std::nullopt;
  return found;
}

bool PreviousArchive::copy(const ZipEntry& entry, const std::function<void(std::string_view)>& piece) {
  FileWindow& file = state_->contents;
  const auto header = local_header_size(file.at(entry.offset, kLocalFixedBytes));
  if (!header) return false;
  const std::uint64_t begin = entry.offset + *header;
  if (begin > state_->contents_end || entry.compressed_size > state_->contents_end - begin) return false;
  const auto each_piece = [&](const auto& use) {
    for (std::uint64_t done = 0; done < entry.compressed_size;) {
      const std::string_view bytes =
          file.at(begin + done, std::min<std::uint64_t>(kWindowBytes, entry.compressed_size - done));
      if (bytes.empty()) return false;
      use(bytes);
      done += bytes.size();
    }
    return true;
  };
  std::uint32_t crc = 0;
  if (!each_piece([&](std::string_view bytes) { crc = update_crc32(crc, bytes); })) return false;
  if (seal_of(entry, crc) != entry.mark->seal) return false;
  return each_piece(piece);
}

std::optional<PreviousArchive::Folder> PreviousArchive::find_folder(std::string_view prefix) {
  if (!state_->directory_is_checked) return std::nullopt;
  while (state_->current && state_->current->name < prefix) state_->advance();
  Folder folder{.position = state_->current_position};
  for (; state_->current && state_->current->name.starts_with(prefix); state_->advance()) ++folder.entries;
  return folder;
}

bool PreviousArchive::copy_folder(const Folder& folder, int level, const ZipTime& time, std::uint64_t size,
                                  const std::function<void(std::string_view)>& append,
                                  const std::function<void(const ZipEntry&)>& add) {
  FileWindow directory(state_->fd.get(), state_->file_size, kDirectoryWindowBytes);
  std::uint64_t position = folder.position;
  Run run(state_->fd.get(), state_->contents_end, append);
  for (std::uint64_t i = 0; i < folder.entries; ++i) {
    std::optional<ZipEntry> entry = State::parse_next(directory, position);
    if (!entry) return false;
    if (i == 0) run.move_to(entry->offset);
    if (entry->offset != run.position()) return false;  // an archive of ours has no gaps
    const char* fixed = run.peek(kLocalFixedBytes);
    const auto header = fixed == nullptr ? std::nullopt : local_header_size({fixed, kLocalFixedBytes});
    if (!header) return false;
    const std::string new_header = local_header(*entry, time);
    const std::uint64_t entry_bytes = *header + entry->compressed_size;
    if (!is_as_packed_at(*entry, level)) return false;
    if (entry_bytes <= Run::kRunBytes && new_header.size() == *header) {
      char* bytes = run.peek(entry_bytes);
      if (bytes == nullptr) return false;
      const std::string_view packed(bytes + *header, entry->compressed_size);
      if (!is_sealed(*entry, packed)) return false;
      std::copy(new_header.begin(), new_header.end(), bytes);
      run.use(entry_bytes);
    } else {
      run.move_to(entry->offset + entry_bytes);
      append(new_header);
      if (!copy(*entry, append)) return false;
    }
    entry->offset = size;
    size += new_header.size() + entry->compressed_size;
    add(*entry);
  }
  run.give_out();
  return true;
}

}  // namespace penstock::archive
