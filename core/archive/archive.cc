#include "core/archive/archive.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "core/archive/deflate.h"
#include "core/archive/output_file.h"
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

bool is_streamed(const Entry& entry) {
  return entry.kind != EntryKind::kDirectory && entry.size > kStreamFrom;
}

ZipEntry zip_entry_of(const Entry& entry) {
  ZipEntry result;
  result.name = entry.path + (entry.kind == EntryKind::kDirectory ? "/" : "");
  result.mode = mode_of(entry.kind);
  return result;
}

void check_entries(const std::vector<Entry>& entries) {
  const std::string* before = nullptr;
  for (const Entry& entry : entries) {
    const std::string doing = "archiving " + in_quotes(entry.path);
    if (entry.path.empty()) throw Error(ErrorKind::kInvalidInput, doing + ": an entry needs a name");
    if (entry.path.size() >= kMaxNameBytes) {
      throw Error(ErrorKind::kInvalidInput, doing + ": the path is longer than a zip file allows (65,535 bytes)");
    }
    if (before != nullptr && *before >= entry.path) {
      throw Error(ErrorKind::kInvalidInput, doing + ": entries must be sorted and unique");
    }
    before = &entry.path;
  }
}

[[noreturn]] void throw_cancelled() {
  throw Error(ErrorKind::kCancelled, "archiving: asked to stop");
}

// An entry that is ready to be written.
struct Packed {
  ZipEntry entry;
  std::string data;
};

Packed pack(const Entry& entry, const ContentReader& read, int level, std::optional<Deflater>& deflater) {
  Packed packed{zip_entry_of(entry), {}};
  if (entry.kind == EntryKind::kDirectory) return packed;
  std::string content;
  content.reserve(entry.size);
  read(entry, [&](std::string_view piece) {
    if (content.size() + piece.size() > kStreamFrom) {
      throw Error(ErrorKind::kInternal, "archiving " + in_quotes(entry.path) + ": larger than was said");
    }
    content += piece;
  });
  packed.entry.size = content.size();
  packed.entry.crc32 = update_crc32(0, content);
  if (level > 0 && entry.kind != EntryKind::kSymlink) {
    if (!deflater) deflater.emplace(level);
    if (auto compressed = deflater->compress(content)) {
      packed.entry.method = Method::kDeflated;
      content = std::move(*compressed);
    }
  }
  packed.entry.compressed_size = content.size();
  packed.data = std::move(content);
  return packed;
}

// Threads compress entries ahead of the writer, in order and within the window. take() gives them out in order.
class Packer {
 public:
  Packer(const std::vector<Entry>& entries, const ContentReader& read, const WriteOptions& options)
      : entries_(entries), read_(read), level_(options.compression), slots_(kWindowEntries) {
    const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1u, kMostThreads);
    for (unsigned i = 0; i < threads && i < entries.size(); ++i) {
      threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
  }
  ~Packer() {
    for (std::jthread& thread : threads_) thread.request_stop();
    changed_.notify_all();
  }

  // Blocks until the next entry is ready; nothing for one that the caller has to stream.
  std::optional<Packed> take(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    const std::size_t index = written_;
    std::optional<Packed> packed;
    if (!is_streamed(entries_[index])) {
      Slot& slot = slots_[index % kWindowEntries];
      if (!changed_.wait(lock, stop, [&] { return slot.done; })) throw_cancelled();
      if (slot.failure) std::rethrow_exception(slot.failure);
      packed = std::move(slot.packed);
      slot = Slot();
      held_bytes_ -= entries_[index].size;
    }
    ++written_;
    changed_.notify_all();
    return packed;
  }

 private:
  struct Slot {
    bool done = false;
    Packed packed;
    std::exception_ptr failure;
  };

  // Entries are taken in order, so the one that the writer waits for is never kept out by later ones.
  bool may_take() const {
    return taken_ < entries_.size() && taken_ < written_ + kWindowEntries &&
           (held_bytes_ == 0 || held_bytes_ + entries_[taken_].size <= kWindowBytes);
  }

  void work(const std::stop_token& stop) {
    std::optional<Deflater> deflater;
    while (true) {
      std::size_t index = 0;
      {
        std::unique_lock lock(mutex_);
        do {
          if (!changed_.wait(lock, stop, [this] { return taken_ == entries_.size() || may_take(); })) return;
          if (taken_ == entries_.size()) return;
          index = taken_++;
        } while (is_streamed(entries_[index]));
        held_bytes_ += entries_[index].size;
      }
      Slot slot;
      try {
        slot.packed = pack(entries_[index], read_, level_, deflater);
      } catch (...) {
        slot.failure = std::current_exception();
      }
      slot.done = true;
      {
        std::lock_guard lock(mutex_);
        slots_[index % kWindowEntries] = std::move(slot);
      }
      changed_.notify_all();
    }
  }

  const std::vector<Entry>& entries_;
  const ContentReader& read_;
  const int level_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_:
  std::vector<Slot> slots_;
  std::size_t taken_ = 0, written_ = 0;
  std::uint64_t held_bytes_ = 0;

  std::vector<std::jthread> threads_;  // last: they end before the rest goes
};

// The header is written with its sizes unknown, and again when they are known.
ZipEntry stream_entry(const Entry& entry, const ContentReader& read, const WriteOptions& options, const ZipTime& time,
                      OutputFile& file) {
  ZipEntry zip = zip_entry_of(entry);
  zip.offset = file.size();
  zip.method = options.compression > 0 ? Method::kDeflated : Method::kStored;
  zip.zip64_sizes = entry.size >= kZip64SizeThreshold;
  file.append(local_header(zip, time));
  const std::uint64_t data_begin = file.size();
  const auto consume = [&](const std::function<void(std::string_view)>& write) {
    read(entry, [&](std::string_view piece) {
      if (options.stop.stop_requested()) throw_cancelled();
      zip.size += piece.size();
      if (zip.size > entry.size) {
        throw Error(ErrorKind::kInternal, "archiving " + in_quotes(entry.path) + ": larger than was said");
      }
      zip.crc32 = update_crc32(zip.crc32, piece);
      write(piece);
    });
  };
  if (zip.method == Method::kDeflated) {
    StreamDeflater deflater(options.compression, [&](std::string_view piece) { file.append(piece); });
    consume([&](std::string_view piece) { deflater.write(piece); });
    deflater.finish();
  } else {
    consume([&](std::string_view piece) { file.append(piece); });
  }
  zip.compressed_size = file.size() - data_begin;
  file.overwrite(zip.offset, local_header(zip, time));
  return zip;
}

}  // namespace

WriteResult write_archive(const std::vector<Entry>& entries, const ContentReader& read, const WriteOptions& options) {
  check_entries(entries);
  const ZipTime time(options.modified);
  OutputFile file(options.output);
  std::string directory;
  {
    Packer packer(entries, read, options);
    for (const Entry& entry : entries) {
      if (options.stop.stop_requested()) throw_cancelled();
      std::optional<Packed> packed = packer.take(options.stop);
      if (!packed) {
        directory += central_header(stream_entry(entry, read, options, time, file), time);
        continue;
      }
      packed->entry.offset = file.size();
      file.append(local_header(packed->entry, time));
      file.append(packed->data);
      directory += central_header(packed->entry, time);
    }
  }
  const std::uint64_t directory_offset = file.size();
  file.append(directory);
  file.append(end_of_central_directory(entries.size(), directory.size(), directory_offset));
  WriteResult result;
  result.bytes = file.size();
  result.entries = entries.size();
  result.sha256 = file.commit();
  return result;
}

}  // namespace penstock::archive
