#include "core/archive/archive.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/archive/deflate.h"
#include "core/archive/output_file.h"
#include "core/archive/previous_archive.h"
#include "core/archive/spool.h"
#include "core/archive/zip_format.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::archive {
namespace {

// Larger contents are streamed by the writing thread and never held whole.
constexpr std::uint64_t kStreamFrom = 32u << 20;
// What compressed but not yet written entries may hold.
constexpr std::uint64_t kWindowBytes = 64u << 20;
constexpr std::size_t kWindowEntries = 512;
constexpr unsigned kMostThreads = 4;
// By the beginning of a content it is told whether compressing the rest is worth it.
constexpr std::size_t kSampleBytes = 32u << 10;

constexpr std::uint32_t kRegularFile = 0100644;
constexpr std::uint32_t kExecutableFile = 0100755;
constexpr std::uint32_t kSymlink = 0120777;
constexpr std::uint32_t kDirectory = 0040755;

std::uint32_t mode_of(EntryKind kind) {
  switch (kind) {
    case EntryKind::kFile:
      return kRegularFile;
    case EntryKind::kExecutable:
      return kExecutableFile;
    case EntryKind::kSymlink:
      return kSymlink;
    case EntryKind::kDirectory:
      return kDirectory;
  }
  return kRegularFile;
}

ZipEntry zip_entry_of(const Entry& entry) {
  ZipEntry result;
  result.name = entry.path + (entry.kind == EntryKind::kDirectory ? "/" : "");
  result.mode = mode_of(entry.kind);
  return result;
}

void check_path(const std::string& path, const std::optional<std::string>& before) {
  const std::string doing = "archiving " + in_quotes(path);
  if (path.empty()) throw Error(ErrorKind::kInvalidInput, doing + ": an entry needs a name");
  if (path.size() >= kMaxNameBytes) {
    throw Error(ErrorKind::kInvalidInput, doing + ": the path is longer than a zip file allows (65,535 bytes)");
  }
  if (before && *before >= path) {
    throw Error(ErrorKind::kInvalidInput, doing + ": entries must be sorted and unique");
  }
}

[[noreturn]] void throw_cancelled() {
  throw Error(ErrorKind::kCancelled, "archiving: asked to stop");
}

// Whether compressing is worth it, told from the beginning: formats that are compressed already are stored.
bool is_compressible(std::string_view beginning, Deflater& deflater) {
  const std::string_view sample = beginning.substr(0, kSampleBytes);
  const auto packed = deflater.compress(sample);
  return packed && packed->size() < sample.size() - sample.size() / 32;
}

// The bytes of an entry as they go into the archive.
struct Packed {
  ZipEntry entry;
  std::string data;
};

void set_mark(ZipEntry& zip, const Entry& entry, int level, std::uint32_t packed_crc32) {
  if (entry.content_id.empty() || entry.content_id.size() > kMaxContentIdBytes) return;
  zip.mark = ContentMark{entry.content_id, static_cast<std::uint8_t>(level)};
  zip.mark->seal = seal_of(zip, packed_crc32);
}

// What is compressed at all is compressed at the level that was asked for.
int level_of(const Entry& entry, int level) {
  return entry.kind == EntryKind::kSymlink ? 0 : level;
}

Packed pack(const Entry& entry, std::uint64_t size, const ContentReader& contents, int level,
            std::optional<Deflater>& deflater) {
  Packed packed{zip_entry_of(entry), {}};
  if (entry.kind == EntryKind::kDirectory) return packed;
  std::string content;
  content.reserve(size);
  contents.read(entry, [&](std::string_view piece) {
    if (content.size() + piece.size() > kStreamFrom) {
      throw Error(ErrorKind::kInternal, "archiving " + in_quotes(entry.path) + ": larger than was said");
    }
    content += piece;
  });
  packed.entry.size = content.size();
  packed.entry.crc32 = update_crc32(0, content);
  if (level_of(entry, level) > 0) {
    if (!deflater) deflater.emplace(level);
    if (content.size() <= kSampleBytes * 2 || is_compressible(content, *deflater)) {
      if (auto compressed = deflater->compress(content)) {
        packed.entry.method = Method::kDeflated;
        content = std::move(*compressed);
      }
    }
  }
  packed.entry.compressed_size = content.size();
  set_mark(packed.entry, entry, level_of(entry, level), update_crc32(0, content));
  packed.data = std::move(content);
  return packed;
}

// What the writing thread has to do for the next entry.
struct Work {
  enum class Kind { kWrite, kTakeOver, kStream } kind = Kind::kWrite;
  Entry entry;
  std::uint64_t size = 0;  // of the content, unless it is taken over
  Packed packed;           // to be written; or, without data, to be taken over
};

// Threads take entries from the source, in order, and compress them ahead of the writer, within the window. next()
// gives them out in order.
class Packer {
 public:
  Packer(const EntrySource& source, const ContentReader& contents, PreviousArchive* previous,
         const WriteOptions& options)
      : source_(source), contents_(contents), previous_(previous), level_(options.compression), slots_(kWindowEntries) {
    const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1u, kMostThreads);
    for (unsigned i = 0; i < threads; ++i) {
      threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
  }
  ~Packer() {
    for (std::jthread& thread : threads_) thread.request_stop();
    room_.notify_all();
  }

  // Blocks until the next entry is ready; nothing at the end.
  std::optional<Work> next(std::stop_token stop) {
    if (ready_.empty() && !fetch_ready(std::move(stop))) return std::nullopt;
    Work work = std::move(ready_.front());
    ready_.pop_front();
    return work;
  }

 private:
  struct Slot {
    bool done = false;
    Work work;
    std::uint64_t held_bytes = 0;
    std::exception_ptr failure;
  };

  // Takes all that are ready, as each exchange with the other threads costs more than an entry. False at the end.
  bool fetch_ready(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    // Only now: what was fetched before was still held until it was written.
    if (fetched_bytes_ > 0) {
      held_bytes_ -= std::exchange(fetched_bytes_, 0);
      room_.notify_all();
    }
    const auto slot = [this]() -> Slot& { return slots_[written_ % kWindowEntries]; };
    if (!changed_.wait(lock, stop, [&] { return slot().done || (ended_ && written_ == taken_); })) throw_cancelled();
    while (slot().done && !slot().failure) {
      fetched_bytes_ += slot().held_bytes;
      ready_.push_back(std::move(slot().work));
      slot() = Slot();
      ++written_;
    }
    if (ready_.empty() && slot().failure) std::rethrow_exception(slot().failure);
    lock.unlock();
    room_.notify_all();
    return !ready_.empty();
  }

  void work(const std::stop_token& stop) {
    std::optional<Deflater> deflater;
    while (std::optional<std::size_t> index = take(stop)) {
      Slot& slot = slots_[*index % kWindowEntries];  // nobody else touches it until it is done
      try {
        if (!prepare(*index, slot, deflater, stop)) return;
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
  std::optional<std::size_t> take(const std::stop_token& stop) {
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
        check_path(entry->path, last_path_);
        last_path_ = entry->path;
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

  bool find_in_previous(Work& work) {
    if (previous_ == nullptr || work.entry.kind == EntryKind::kDirectory) return false;
    auto found = previous_->find(work.entry.path, work.entry.content_id, level_of(work.entry, level_));
    if (!found) return false;
    // The same bytes, perhaps with another mode.
    found->mode = mode_of(work.entry.kind);
    work.kind = Work::Kind::kTakeOver;
    work.packed.entry = std::move(*found);
    return true;
  }

  // False when it was told to stop.
  bool prepare(std::size_t index, Slot& slot, std::optional<Deflater>& deflater, const std::stop_token& stop) {
    Work& work = slot.work;
    if (work.entry.kind != EntryKind::kDirectory) work.size = contents_.size(work.entry);
    if (work.size > kStreamFrom) {
      work.kind = Work::Kind::kStream;
      return true;
    }
    {
      std::unique_lock lock(mutex_);
      // The one that the writer waits for is never kept out by later ones.
      const auto has_room = [&] {
        return index == written_ || held_bytes_ == 0 || held_bytes_ + work.size <= kWindowBytes;
      };
      if (!room_.wait(lock, stop, has_room)) return false;
      held_bytes_ += work.size;
      slot.held_bytes = work.size;
    }
    work.packed = pack(work.entry, work.size, contents_, level_, deflater);
    return true;
  }

  const EntrySource& source_;
  const ContentReader& contents_;
  PreviousArchive* const previous_;
  const int level_;
  std::mutex mutex_;
  std::condition_variable_any changed_;  // what the writer waits for
  std::condition_variable_any room_;     // what the others wait for
  // Guarded by mutex_, with the source and what previous_ finds:
  std::vector<Slot> slots_;
  std::size_t taken_ = 0, written_ = 0;
  bool ended_ = false;
  std::uint64_t held_bytes_ = 0;
  std::optional<std::string> last_path_;

  std::deque<Work> ready_;             // of the writer, like the next
  std::uint64_t fetched_bytes_ = 0;    // of what was fetched last
  std::vector<std::jthread> threads_;  // last: they end before the rest goes
};

// The archive as it grows. Of one thread.
class ArchiveWriter {
 public:
  ArchiveWriter(const ContentReader& contents, PreviousArchive* previous, const WriteOptions& options)
      : contents_(contents),
        previous_(previous),
        options_(options),
        time_(options.modified),
        file_(options.output),
        directory_(options.output.parent_path()) {}

  void write(Work work) {
    switch (work.kind) {
      case Work::Kind::kWrite:
        return write(work.packed);
      case Work::Kind::kStream:
        return stream(work.entry, work.size);
      case Work::Kind::kTakeOver:
        return take_over(work);
    }
  }

  WriteResult finish() {
    const std::uint64_t directory_offset = file_.size();
    directory_.read([&](std::string_view piece) { file_.append(piece); });
    file_.append(end_of_central_directory(result_.entries, directory_.size(), directory_offset));
    result_.bytes = file_.size();
    file_.commit();
    return result_;
  }

 private:
  void add_to_directory(const ZipEntry& zip) {
    directory_.append(central_header(zip, time_));
    ++result_.entries;
  }

  void write(Packed& packed) {
    packed.entry.offset = file_.size();
    file_.append(local_header(packed.entry, time_));
    file_.append(packed.data);
    add_to_directory(packed.entry);
  }

  void take_over(Work& work) {
    ZipEntry zip = work.packed.entry;
    zip.offset = file_.size();
    bool header_written = false;
    const auto append = [&](std::string_view piece) {
      if (!header_written) file_.append(local_header(zip, time_));
      header_written = true;
      file_.append(piece);
    };
    if (!previous_->copy(work.packed.entry, append)) {
      // Damaged: made again.
      work.size = contents_.size(work.entry);
      if (work.size > kStreamFrom) return stream(work.entry, work.size);
      Packed packed = pack(work.entry, work.size, contents_, options_.compression, deflater_);
      return write(packed);
    }
    append({});  // of an empty one
    add_to_directory(zip);
    ++result_.reused_entries;
  }

  // The header is written with its sizes unknown, and again when they are known.
  void stream(const Entry& entry, std::uint64_t size) {
    const int level = level_of(entry, options_.compression);
    ZipEntry zip = zip_entry_of(entry);
    zip.offset = file_.size();
    zip.zip64_sizes = size >= kZip64SizeThreshold;
    file_.append(local_header(zip, time_));
    const std::uint64_t data_begin = file_.size();
    std::uint32_t packed_crc32 = 0;
    const auto append = [&](std::string_view piece) {
      packed_crc32 = update_crc32(packed_crc32, piece);
      file_.append(piece);
    };
    std::optional<StreamDeflater> deflater;
    const auto put = [&](std::string_view piece) { deflater ? deflater->write(piece) : append(piece); };
    // Pieces are of any size; the sample is always of the same.
    std::string beginning;
    bool decided = level == 0;
    const auto decide = [&] {
      decided = true;
      if (!deflater_) deflater_.emplace(options_.compression);
      if (is_compressible(beginning, *deflater_)) deflater.emplace(level, append);
      put(beginning);
    };
    contents_.read(entry, [&](std::string_view piece) {
      if (options_.stop.stop_requested()) throw_cancelled();
      zip.size += piece.size();
      if (zip.size > size) {
        throw Error(ErrorKind::kInternal, "archiving " + in_quotes(entry.path) + ": larger than was said");
      }
      zip.crc32 = update_crc32(zip.crc32, piece);
      if (decided) return put(piece);
      beginning += piece;
      if (beginning.size() >= kSampleBytes) decide();
    });
    if (!decided) decide();
    if (deflater) {
      deflater->finish();
      zip.method = Method::kDeflated;
    }
    zip.compressed_size = file_.size() - data_begin;
    set_mark(zip, entry, level, packed_crc32);
    file_.overwrite(zip.offset, local_header(zip, time_));
    add_to_directory(zip);
  }

  const ContentReader& contents_;
  PreviousArchive* const previous_;
  const WriteOptions& options_;
  const ZipTime time_;
  OutputFile file_;
  Spool directory_;
  std::optional<Deflater> deflater_;
  WriteResult result_;
};

}  // namespace

WriteResult write_archive(const EntrySource& next, const ContentReader& contents, const WriteOptions& options) {
  std::unique_ptr<PreviousArchive> previous;
  if (!options.previous.empty()) previous = PreviousArchive::open(options.previous);
  ArchiveWriter writer(contents, previous.get(), options);
  Packer packer(next, contents, previous.get(), options);
  while (std::optional<Work> work = packer.next(options.stop)) {
    if (options.stop.stop_requested()) throw_cancelled();
    writer.write(std::move(*work));
  }
  return writer.finish();
}

}  // namespace penstock::archive
