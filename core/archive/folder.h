// A folder on disk as what an archive is made of.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "core/archive/archive.h"
#include "core/base/handle.h"

namespace penstock::archive {

struct FolderLimits {
  std::uint64_t max_entries = 100'000;
  std::uint64_t max_bytes = 10ull << 30;  // of all files together
};

// Everything below a folder: files with their executable bit, links as links, empty folders. No link is followed. The
// folder must not change while it is read.
class Folder {
 public:
  // Error{kInvalidInput} that names what is neither file nor folder nor link or is too deep, {kExhausted} above the
  // limits, {kCancelled}.
  explicit Folder(const std::filesystem::path& path, const FolderLimits& limits = {}, const std::stop_token& stop = {});

  std::size_t entries() const noexcept { return entries_.size(); }
  std::uint64_t bytes() const noexcept { return bytes_; }

  // Both refer to this object.
  EntrySource source() const;
  ContentReader reader() const;

 private:
  struct Item {
    std::string path;
    EntryKind kind;
    std::uint64_t size;
  };
  void walk(int folder, const std::string& prefix, int depth, const FolderLimits& limits, const std::stop_token& stop);
  void add(Item item, const FolderLimits& limits);
  UniqueFd open(const std::string& path) const;
  std::string read_link(const std::string& path) const;

  UniqueFd root_;
  std::vector<Item> entries_;
  std::uint64_t bytes_ = 0;
};

}  // namespace penstock::archive
