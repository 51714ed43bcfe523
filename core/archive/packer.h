// Entries turned into the bytes that go into an archive, by several threads, ahead of the one that writes.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/archive/archive.h"
#include "core/archive/deflate.h"
#include "core/archive/previous_archive.h"
#include "core/archive/spool.h"
#include "core/archive/zip_format.h"

namespace penstock::archive {

// The bytes of an entry as they go into the archive: held, or when they are many in a file.
struct Packed {
  ZipEntry entry;
  std::string data;
  std::unique_ptr<Spool> spooled;
};

// Not thread-safe; one a thread.
class EntryPacker {
 public:
  // Contents that are too large to hold are packed into nameless files in the folder.
  EntryPacker(const ContentReader& contents, int level, std::filesystem::path folder)
      : contents_(contents), level_(level), folder_(std::move(folder)) {}

  // `size` is what the reader said. Throws Error{kCancelled} when it is asked to stop within a large content.
  Packed pack(const Entry& entry, std::uint64_t size, const std::stop_token& stop);

 private:
  Packed pack_held(const Entry& entry, std::uint64_t size);
  Packed pack_spooled(const Entry& entry, std::uint64_t size, const std::stop_token& stop);
  bool is_compressible(std::string_view beginning);
  Deflater& deflater();

  const ContentReader& contents_;
  const int level_;
  const std::filesystem::path folder_;
  std::optional<Deflater> deflater_;
};

// What the writing thread has to do for the next entry.
struct Work {
  enum class Kind { kWrite, kTakeOver, kTakeOverFolder } kind = Kind::kWrite;
  Entry entry;
  Packed packed;                   // kWrite; kTakeOver: only its entry, as it is in the previous archive
  PreviousArchive::Folder folder;  // kTakeOverFolder
};

// Threads take entries from the source, in order, and pack them ahead of the writer, within bounds of memory and disk.
class Packer {
 public:
  // All must outlive it. `previous` may be null.
  Packer(const EntrySource& source, const ContentReader& contents, PreviousArchive* previous,
         const WriteOptions& options);
  ~Packer();

  // Of one thread. Blocks until the next entry is ready; nothing at the end. Gives them in the source's order.
  std::optional<Work> next();

 private:
  struct Slot {
    bool done = false;
    Work work;
    std::uint64_t held_bytes = 0, spooled_bytes = 0;
    std::exception_ptr failure;
  };
  bool fetch_ready();
  void work(const std::stop_token& stop);
  std::optional<std::size_t> take(const std::stop_token& stop);
  bool find_in_previous(Work& work);
  bool prepare(std::size_t index, Slot& slot, EntryPacker& packer, const std::stop_token& stop);

  const EntrySource& source_;
  const ContentReader& contents_;
  PreviousArchive* const previous_;
  const WriteOptions& options_;
  std::mutex mutex_;
  std::condition_variable_any changed_;  // what the writer waits for
  std::condition_variable_any room_;     // what the others wait for
  // Guarded by mutex_, with the source and what previous_ finds:
  std::vector<Slot> slots_;
  std::size_t taken_ = 0, written_ = 0;
  bool ended_ = false;
  std::uint64_t held_bytes_ = 0, spooled_bytes_ = 0;
  std::string last_name_;

  std::deque<Work> ready_;                                 // of the writer, like the next
  std::uint64_t fetched_bytes_ = 0, fetched_spooled_ = 0;  // of what was fetched last
  std::vector<std::jthread> threads_;                      // last: they end before the rest goes
};

// As st_mode has it.
std::uint32_t mode_of(EntryKind kind) noexcept;
// What is compressed at all is compressed at the level that was asked for.
int level_of(EntryKind kind, int level) noexcept;

}  // namespace penstock::archive
