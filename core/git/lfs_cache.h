// Objects of Git LFS on disk: FOLDER/aa/bb/OID, complete and verified or not there at all. Private to this module.
//
// Nothing is synced: what a loss of power leaves behind is found out by size and hash when it is read, removed, and
// fetched again. Several processes may use one folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/digest.h"
#include "core/base/handle.h"
#include "core/git/lfs_pointer.h"

namespace penstock::git {

std::filesystem::path lfs_object_path(const std::filesystem::path& folder, const std::string& oid);

// The object of no bytes, which is never asked for and never stored.
bool is_empty_object(const LfsPointer& pointer) noexcept;

// Whether it is here with the pointer's size; notes its use.
bool has_lfs_object(const std::filesystem::path& folder, const LfsPointer& pointer) noexcept;

// See LfsObjects::read.
void read_lfs_object(const std::filesystem::path& folder, const LfsPointer& pointer,
                     const std::function<void(std::string_view)>& piece);

// Removes what killed processes left of their drafts.
void remove_leftover_drafts(const std::filesystem::path& folder) noexcept;

// An object on its way into the cache: a file that only this object's owner knows, locked so that others can tell it
// from a leftover. Vanishes unless committed. Not thread-safe.
class LfsDraft {
 public:
  LfsDraft(std::filesystem::path folder, LfsPointer pointer);
  LfsDraft(const LfsDraft&) = delete;
  LfsDraft& operator=(const LfsDraft&) = delete;
  ~LfsDraft();

  std::uint64_t size() const noexcept { return size_; }
  // Bytes that are still missing.
  std::uint64_t wanted() const noexcept { return pointer_.size - size_; }
  // At most `wanted()` bytes. Error{kExhausted} when the disk is full.
  void write(std::string_view bytes);
  void restart();
  // True when the object is in the cache now. False when the bytes are not the pointer's; the draft is empty then.
  bool commit();

 private:
  void open();
  void remove() noexcept;

  const std::filesystem::path folder_;
  const LfsPointer pointer_;
  std::string path_;
  UniqueFd fd_;
  Hasher hasher_{HashAlgorithm::kSha256};
  std::uint64_t size_ = 0;
};

}  // namespace penstock::git
