// What may be unpacked of a foreign archive, and under which names. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/archive/zip_directory.h"

namespace penstock::archive {

struct UnpackLimits {
  std::uint64_t max_entries = 100'000;    // with the folders that names imply
  std::uint64_t max_bytes = 10ull << 30;  // of all files together, unpacked
  std::uint64_t max_ratio = 400;          // unpacked to packed, of entries above free_bytes
  std::uint64_t free_bytes = 10ull << 20;
};

enum class UnpackedKind { kFile, kDirectory, kLink };

struct PlannedEntry {
  std::size_t index = 0;  // in the directory
  std::string path;       // relative, without "." and doubled slashes
  UnpackedKind kind = UnpackedKind::kFile;
  std::uint32_t mode = 0;  // permission bits that it gets
};

inline constexpr std::size_t kMaxLinkBytes = 4095;

// In the order of paths. Error{kInvalidInput} or {kExhausted} that names the entry: names that leave the folder or are
// there twice, what is below something that is no folder, special files, encryption, unknown compression, bombs.
std::vector<PlannedEntry> plan_unpacking(const std::vector<ForeignEntry>& entries, const UnpackLimits& limits);

// Of symbolic links, path -> target. Error{kInvalidInput} that names the first that leads out of the folder, be it
// through other links.
void check_links(const std::map<std::string, std::string>& links);

// The path as it is unpacked; Error{kInvalidInput} when it may not be.
std::string unpacked_path(std::string_view name);

// Whether its content can be read at all; Error{kInvalidInput} otherwise.
void check_readable(const ForeignEntry& entry);

}  // namespace penstock::archive
