// An earlier archive of ours, from which the packed bytes of unchanged contents are taken over. It is trusted no more
// than a cache: what does not fit together, or does not have the checksum it should have, is as if it were not there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/archive/zip_format.h"
#include "core/base/error.h"

namespace penstock::archive {

// What write_archive() throws, with code kPreviousUnusable.
Error previous_unusable(std::string_view folder);

// One thread may call find() and find_folder() while another calls copy() and copy_folder(); otherwise not thread-safe.
class PreviousArchive {
 public:
  // Nothing when there is no such file, or it cannot be read, or is no archive of ours, or its directory has not the
  // CRC-32 that is expected.
  static std::unique_ptr<PreviousArchive> open(const std::filesystem::path& path,
                                               std::optional<std::uint32_t> directory_crc32 = std::nullopt);
  ~PreviousArchive();

  // The entry of that name with that content, packed at that level; nothing when there is none. The names that are
  // asked for must rise, as those in an archive do.
  std::optional<ZipEntry> find(std::string_view name, std::string_view content_id, int level);

  // Gives out the packed bytes of an entry that was found, in order. False, and nothing given out, when they are
  // damaged.
  bool copy(const ZipEntry& entry, const std::function<void(std::string_view)>& piece);

  // Entries that follow each other.
  struct Folder {
    std::uint64_t position = 0;  // in the file, of the first one's central header
    std::uint64_t entries = 0;
  };
  // Those whose names begin so (with a slash at its end, or empty for all). In the order of names, as find(). Nothing
  // when it was opened without expecting a CRC-32: by what the entries say of themselves nobody sees that one is
  // missing.
  std::optional<Folder> find_folder(std::string_view prefix);

  // Gives out local headers of that time and packed bytes, to be appended to an archive of `size` bytes so far; and the
  // entries as they are to stand in its directory. False when something is damaged, or was packed at another level; by
  // then a part has been given out.
  bool copy_folder(const Folder& folder, int level, const ZipTime& time, std::uint64_t size,
                   const std::function<void(std::string_view)>& append,
                   const std::function<void(const ZipEntry&)>& add);

 private:
  struct State;
  explicit PreviousArchive(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace penstock::archive
