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
#include "core/base/handle.h"

namespace penstock::archive {

// One thread may call find() while another calls copy(); otherwise not thread-safe.
class PreviousArchive {
 public:
  // Nothing when there is no such file, or it cannot be read, or is no archive of ours.
  static std::unique_ptr<PreviousArchive> open(const std::filesystem::path& path);
  ~PreviousArchive();

  // The entry of that name with that content, packed at that level; nothing when there is none. The names that are
  // asked for must rise, as those in an archive do.
  std::optional<ZipEntry> find(std::string_view name, std::string_view content_id, int level);

  // Gives out the packed bytes of an entry that was found, in order. False, and nothing given out, when they are
  // damaged.
  bool copy(const ZipEntry& entry, const std::function<void(std::string_view)>& piece);

 private:
  struct State;
  explicit PreviousArchive(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace penstock::archive
