// Deterministic zip archives: the same entries and options make the same bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace penstock::archive {

enum class EntryKind { kFile, kExecutable, kSymlink, kDirectory };

struct Entry {
  std::string path{};  // UTF-8 or any bytes; directories without trailing slash
  EntryKind kind = EntryKind::kFile;
  std::string content_id{};  // names the content (blob id), for reuse of a previous archive
  std::uint64_t size = 0;    // of the content
};

struct WriteOptions {
  int compression = 6;               // 0 = store … 12
  Timestamp modified{};              // of every entry: the commit's time
  std::filesystem::path output{};    // written beside and renamed
  std::filesystem::path previous{};  // for copying unchanged entries; not used yet
  std::stop_token stop{};
};

struct WriteResult {
  std::uint64_t bytes = 0, entries = 0, reused_entries = 0;
  std::string sha256;  // hex, of the archive
};

// Hands the content of an entry out in pieces, in order. Called from several threads at once, for different entries.
using ContentReader = std::function<void(const Entry& entry, const std::function<void(std::string_view)>& piece)>;

// Entries must be sorted by path and unique. Errors of the reader pass through; Error{kExhausted} on full disk,
// kCancelled. Nothing is left behind on failure.
WriteResult write_archive(const std::vector<Entry>& entries, const ContentReader& read, const WriteOptions& options);

}  // namespace penstock::archive
