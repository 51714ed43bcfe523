#include "core/archive/previous_archive.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/archive/deflate.h"
#include "core/archive/zip_parser.h"

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

// Entries are in the order of their paths, which have no slash at the end.
std::string_view path_of(const ZipEntry& entry) {
  std::string_view path = entry.name;
  if (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

}  // namespace

struct PreviousArchive::State {
  State(UniqueFd opened, std::uint64_t file_size, const DirectoryPlace& place)
      : fd(std::move(opened)),
        directory(fd.get(), file_size, kDirectoryWindowBytes),
        contents(fd.get(), place.offset, kWindowBytes),
        contents_end(place.offset),
        position(place.offset),
        left(place.entries) {}

  // Reads the next entry into `current`; after the end, or what makes no sense, there is none.
  void advance() {
    current.reset();
    if (left == 0) return;
    --left;
    const auto size = central_header_size(directory.at(position, kCentralFixedBytes));
    std::optional<ZipEntry> entry;
    if (size) entry = parse_central_header(directory.at(position, *size));
    if (!entry || path_of(*entry) <= last_path) {
      left = 0;
      return;
    }
    position += *size;
    last_path = path_of(*entry);
    current = std::move(entry);
  }

  const UniqueFd fd;
  FileWindow directory, contents;
  const std::uint64_t contents_end;
  std::uint64_t position;
  std::uint64_t left;
  std::string last_path;
  std::optional<ZipEntry> current;
};

std::unique_ptr<PreviousArchive> PreviousArchive::open(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return nullptr;
  const auto file_size = static_cast<std::uint64_t>(status.st_size);
  const std::size_t tail_bytes = std::min<std::uint64_t>(kTailBytes, file_size);
  FileWindow end(fd.get(), file_size, kTailBytes);
  const auto place = find_directory(end.at(file_size - tail_bytes, tail_bytes), file_size);
  if (!place) return nullptr;
  auto state = std::make_unique<State>(std::move(fd), file_size, *place);
  state->advance();
  return std::unique_ptr<PreviousArchive>(new PreviousArchive(std::move(state)));
}

PreviousArchive::PreviousArchive(std::unique_ptr<State> state) : state_(std::move(state)) {}
PreviousArchive::~PreviousArchive() = default;

std::optional<ZipEntry> PreviousArchive::find(std::string_view name, std::string_view content_id, int level) {
  while (state_->current && path_of(*state_->current) < name) state_->advance();
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

}  // namespace penstock::archive
