// Deterministic zip archives: the same entries and options make the same bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace penstock::archive {

enum class EntryKind {
  kFile,
  kExecutable,
  kSymlink,
  kDirectory,
  // Stands for all that the previous archive holds below that path (empty = all that it holds), which the source knows
  // to be what this one should hold there.
  kUnchangedFolder,
};

struct Entry {
  std::string path{};  // UTF-8 or any bytes; directories without trailing slash
  EntryKind kind = EntryKind::kFile;
  std::string content_id{};  // names the content (blob id); the same id is the same bytes. Empty = never taken over
  std::size_t source = 0;    // of no meaning here: for the reader
};

// Gives the next entry, in the order of paths (those of directories compared with a slash at the end); nothing at the
// end. Called by one thread at a time.
using EntrySource = std::function<std::optional<Entry>()>;

// Called from several threads at once, for different entries; not for directories.
struct ContentReader {
  std::function<std::uint64_t(const Entry& entry)> size;
  // Hands the content out in pieces, in order.
  std::function<void(const Entry& entry, const std::function<void(std::string_view)>& piece)> read;
};

struct WriteOptions {
  int compression = 6;             // 0 = store … 12
  Timestamp modified{};            // of every entry: the commit's time
  std::filesystem::path output{};  // written beside and renamed
  // An earlier archive, whose packed contents are taken over for entries of the same path and content id that were
  // packed at the same level. Need not exist; nothing is taken over that fails its checksum.
  std::filesystem::path previous{};
  // What its directory_crc32 was. Without it no folder can be taken over whole.
  std::optional<std::uint32_t> previous_directory_crc32{};
  // Told how many bytes from the beginning are written for good, in `file`: the output under the name that it has until
  // it is complete. Called by the calling thread, every few MiB.
  std::function<void(const std::filesystem::path& file, std::uint64_t bytes)> on_progress{};
  std::stop_token stop{};
};

// The code of the Error{kCorrupt} for a folder that was said to be unchanged and cannot be taken over. What to do: make
// the archive without a previous one.
inline constexpr std::string_view kPreviousUnusable = "PreviousUnusable";

struct WriteResult {
  std::uint64_t bytes = 0, entries = 0, reused_entries = 0;
  std::uint32_t directory_crc32 = 0;  // of the archive's central directory
};

// What the archive holds does not depend on `previous`, nor on the number of threads. Memory is bounded, whatever the
// number of entries and their sizes. Errors of source and reader pass through; Error{kInvalidInput} for entries that
// are not sorted by path and unique, kCorrupt with code kPreviousUnusable, kExhausted on full disk, kCancelled. Nothing
// is left behind on failure.
WriteResult write_archive(const EntrySource& next, const ContentReader& contents, const WriteOptions& options);

}  // namespace penstock::archive
