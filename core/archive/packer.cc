#include "core/archive/packer.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::archive {
namespace {

// Larger contents are packed into a file.
constexpr std::uint64_t kHeldContent = 32u << 20;
// What packed but not yet written entries may take.
constexpr std::uint64_t kWindowBytes = 64u << 20;
constexpr std::uint64_t kWindowSpooled = 1u << 30;
constexpr std::size_t kWindowEntries = 512;
constexpr unsigned kMostThreads = 4;
// By the beginning of a content it is told whether compressing the rest is worth it.
constexpr std::size_t kSampleBytes = 32u << 10;

constexpr std::uint32_t kRegularFile = 0100644;
constexpr std::uint32_t kExecutableFile = 0100755;
constexpr std::uint32_t kSymlink = 0120777;
constexpr std::uint32_t kDirectory = 0040755;

}  // namespace

std::uint32_t mode_of(EntryKind kind) noexcept {
  switch (kind) {
    case EntryKind::kFile:
      return kRegularFile;
    case EntryKind::kExecutable:
      return kExecutableFile;
    case EntryKind::kSymlink:
      return kSymlink;
    case EntryKind::kDirectory:
    case EntryKind::kUnchangedFolder:
      return kDirectory;
  }
  return kRegularFile;
}

int level_of(EntryKind kind, int level) noexcept {
  return kind == EntryKind::kSymlink ? 0 : level;
}

namespace {

bool is_folder(EntryKind kind) {
  return kind == EntryKind::kDirectory || kind == EntryKind::kUnchangedFolder;
}

ZipEntry zip_entry_of(const Entry& entry) {
  ZipEntry result;
  result.name = entry.path + (is_folder(entry.kind) ? "/" : "");
  result.mode = mode_of(entry.kind);
  return result;
}

// Its name in the archive, which must come after the one before.
std::string checked_name(const Entry& entry, const std::string& before) {
  if (entry.kind == EntryKind::kUnchangedFolder && entry.path.empty() && before.empty()) return "";
  const std::string doing = "archiving " + in_quotes(entry.path);
  if (entry.path.empty()) throw Error(ErrorKind::kInvalidInput, doing + ": an entry needs a name");
  if (entry.path.size() >= kMaxNameBytes) {
    throw Error(ErrorKind::kInvalidInput, doing + ": the path is longer than a zip file allows (65,535 bytes)");
  }
  std::string name = zip_entry_of(entry).name;
  if (before >= name) throw Error(ErrorKind::kInvalidInput, doing + ": entries must be sorted and unique");
  return name;
}

[[noreturn]] void refuse_longer(const Entry& entry) {
  throw Error(ErrorKind::kInternal, "archiving " + in_quotes(entry.path) + ": larger than was said");
}

void set_mark(ZipEntry& zip, const Entry& entry, int level, std::uint32_t packed_crc32) {
  if (entry.content_id.empty() || entry.content_id.size() > kMaxContentIdBytes) return;
  zip.mark = ContentMark{entry.content_id, static_cast<std::uint8_t>(level)};
  zip.mark->seal = seal_of(zip, packed_crc32);
}

}  // namespace

Deflater& EntryPacker::deflater() {
  if (!deflater_) deflater_.emplace(level_);
  return *deflater_;
}

// Formats that are compressed already are stored.
bool EntryPacker::is_compressible(std::string_view beginning) {
  const std::string_view sample = beginning.substr(0, kSampleBytes);
  const auto packed = deflater().compress(sample);
  return packed && packed->size() < sample.size() - sample.size() / 32;
}

Packed EntryPacker::pack(const Entry& entry, std::uint64_t size, const std::stop_token& stop) {
  if (entry.kind == EntryKind::kDirectory) return {zip_entry_of(entry), {}, nullptr};
  return size > kHeldContent ? pack_spooled(entry, size, stop) : pack_held(entry, size);
}

Packed EntryPacker::pack_held(const Entry& entry, std::uint64_t size) {
  Packed packed{zip_entry_of(entry), {}, nullptr};
  std::string content;
  content.reserve(size);
  contents_.read(entry, [&](std::string_view piece) {
    if (content.size() + piece.size() > kHeldContent) refuse_longer(entry);
    content += piece;
  });
  packed.entry.size = content.size();
  packed.entry.crc32 = update_crc32(0, content);
  const int level = level_of(entry.kind, level_);
  if (level > 0 && (content.size() <= kSampleBytes * 2 || is_compressible(content))) {
    if (auto compressed = deflater().compress(content)) {
      packed.entry.method = Method::kDeflated;
      content = std::move(*compressed);
    }
  }
  packed.entry.compressed_size = content.size();
  set_mark(packed.entry, entry, level, update_crc32(0, content));
  packed.data = std::move(content);
  return packed;
}

Packed EntryPacker::pack_spooled(const Entry& entry, std::uint64_t size, const std::stop_token& stop) {
  Packed packed{zip_entry_of(entry), {}, std::make_unique<Spool>(folder_)};
  ZipEntry& zip = packed.entry;
  zip.zip64_sizes = size >= kZip64SizeThreshold;
  const int level = level_of(entry.kind, level_);
  std::uint32_t packed_crc32 = 0;
  const auto append = [&](std::string_view piece) {
    packed_crc32 = update_crc32(packed_crc32, piece);
    packed.spooled->append(piece);
  };
  std::optional<StreamDeflater> stream;
  const auto put = [&](std::string_view piece) { stream ? stream->write(piece) : append(piece); };
  // Pieces are of any size; the sample is always of the same.
  std::string beginning;
  bool decided = level == 0;
  const auto decide = [&] {
    decided = true;
    if (is_compressible(beginning)) stream.emplace(level, append);
    put(beginning);
  };
  contents_.read(entry, [&](std::string_view piece) {
    if (stop.stop_requested()) throw Error(ErrorKind::kCancelled, "archiving: asked to stop");
    zip.size += piece.size();
    if (zip.size > size) refuse_longer(entry);
    zip.crc32 = update_crc32(zip.crc32, piece);
    if (decided) return put(piece);
    beginning += piece;
    if (beginning.size() >= kSampleBytes) decide();
  });
  if (!decided) decide();
  if (stream) {
    stream->finish();
    zip.method = Method::kDeflated;
  }
  zip.compressed_size = packed.spooled->size();
  set_mark(zip, entry, level, packed_crc32);
  return packed;
}

Packer::Packer(const EntrySource& source, const ContentReader& contents, PreviousArchive* previous,
               const WriteOptions& options)
    : source_(source), contents_(contents), previous_(previous), options_(options), slots_(kWindowEntries) {
  const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1u, kMostThreads);
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

Packer::~Packer() {
  for (std::jthread& thread : threads_) thread.request_stop();
  room_.notify_all();
}

std::optional<Work> Packer::next() {
  if (ready_.empty() && !fetch_ready()) return std::nullopt;
  Work work = std::move(ready_.front());
  ready_.pop_front();
  return work;
}

// Takes all that are ready, as each exchange with the other threads costs more than an entry. False at the end.
bool Packer::fetch_ready() {
  std::unique_lock lock(mutex_);
  // Only now: what was fetched before was still held until it was written.
  if (fetched_bytes_ > 0 || fetched_spooled_ > 0) {
    held_bytes_ -= std::exchange(fetched_bytes_, 0);
    spooled_bytes_ -= std::exchange(fetched_spooled_, 0);
    room_.notify_all();
  }
  const auto slot = [this]() -> Slot& { return slots_[written_ % kWindowEntries]; };
  const auto next_is_here = [&] { return slot().done || (ended_ && written_ == taken_); };
  if (!changed_.wait(lock, options_.stop, next_is_here)) throw Error(ErrorKind::kCancelled, "archiving: asked to stop");
  while (slot().done && !slot().failure) {
    fetched_bytes_ += slot().held_bytes;
    fetched_spooled_ += slot().spooled_bytes;
    ready_.push_back(std::move(slot().work));
    slot() = Slot();
    ++written_;
  }
  if (ready_.empty() && slot().failure) std::rethrow_exception(slot().failure);
  lock.unlock();
  room_.notify_all();
  return !ready_.empty();
}

void Packer::work(const std::stop_token& stop) {
  EntryPacker packer(contents_, options_.compression, options_.output.parent_path());
  while (std::optional<std::size_t> index = take(stop)) {
    Slot& slot = slots_[*index % kWindowEntries];  // nobody else touches it until it is done
    try {
      if (!prepare(*index, slot, packer, stop)) return;
    } catch (...) {
      slot.failure = std::current_exception();
    }
    bool is_next = false;
    {
      std::lock_guard lock(mutex_);
      slot.done = true;
      is_next = *index == written_;
    }
    if (is_next) changed_.notify_one();
  }
}

// The next entry that has to be packed; those that can be taken over are done with that. Nothing at the end.
std::optional<std::size_t> Packer::take(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto may_take = [this] { return ended_ || taken_ < written_ + kWindowEntries; };
    if (!may_take()) {
      changed_.notify_one();
      if (!room_.wait(lock, stop, may_take)) return std::nullopt;
    }
    if (ended_ || stop.stop_requested()) return std::nullopt;
    const std::size_t index = taken_;
    Slot& slot = slots_[index % kWindowEntries];
    try {
      std::optional<Entry> entry = source_();
      if (!entry) {
        ended_ = true;
        lock.unlock();
        changed_.notify_one();
        room_.notify_all();
        return std::nullopt;
      }
      last_name_ = checked_name(*entry, last_name_);
      slot.work.entry = std::move(*entry);
      ++taken_;
      if (!find_in_previous(slot.work)) {
        lock.unlock();
        changed_.notify_one();  // of what was taken over before it
        return index;
      }
      slot.done = true;
    } catch (...) {
      ended_ = true;
      taken_ = index + 1;
      slot.failure = std::current_exception();
      slot.done = true;
      changed_.notify_one();
      room_.notify_all();
      return std::nullopt;
    }
  }
}

bool Packer::find_in_previous(Work& work) {
  if (work.entry.kind == EntryKind::kUnchangedFolder) {
    auto folder = previous_ == nullptr ? std::nullopt : previous_->find_folder(last_name_);
    if (!folder) throw previous_unusable(work.entry.path);
    work.kind = Work::Kind::kTakeOverFolder;
    work.folder = *folder;
    return true;
  }
  if (previous_ == nullptr || work.entry.kind == EntryKind::kDirectory) return false;
  auto found = previous_->find(work.entry.path, work.entry.content_id, level_of(work.entry.kind, options_.compression));
  if (!found) return false;
  work.kind = Work::Kind::kTakeOver;
  work.packed.entry = std::move(*found);
  return true;
}

// False when it was told to stop.
bool Packer::prepare(std::size_t index, Slot& slot, EntryPacker& packer, const std::stop_token& stop) {
  Work& work = slot.work;
  const std::uint64_t size = work.entry.kind == EntryKind::kDirectory ? 0 : contents_.size(work.entry);
  const bool is_spooled = size > kHeldContent;
  {
    std::unique_lock lock(mutex_);
    std::uint64_t& taken = is_spooled ? spooled_bytes_ : held_bytes_;
    const std::uint64_t limit = is_spooled ? kWindowSpooled : kWindowBytes;
    // The one that the writer waits for is never kept out by later ones.
    const auto has_room = [&] { return index == written_ || taken == 0 || taken + size <= limit; };
    if (!room_.wait(lock, stop, has_room)) return false;
    taken += size;
    (is_spooled ? slot.spooled_bytes : slot.held_bytes) = size;
  }
  work.packed = packer.pack(work.entry, size, stop);
  return true;
}

}  // namespace penstock::archive
