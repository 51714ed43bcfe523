// Unpacking of zip archives that somebody else has made: nothing is written outside of the folder, whatever they hold.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "core/archive/unpack_plan.h"

namespace penstock::archive {

struct UnpackResult {
  std::uint64_t entries = 0, bytes = 0;
};

// Into an existing folder that nobody else writes to. Unix modes (without set-user-id and the like) and symbolic links
// are kept. Everything is checked before the first byte is written, but for contents that lie about their size or
// checksum, which end it. On failure the folder holds some of it. Error{kInvalidInput} that names the entry, what
// plan_unpacking() and read_foreign_directory() throw, {kExhausted} on full disk, {kCancelled}.
UnpackResult unpack_archive(const std::filesystem::path& archive, const std::filesystem::path& folder,
                            const UnpackLimits& limits = {}, const std::stop_token& stop = {});

// One file's content; {kNotFound} when the archive has no such file, {kExhausted} when it is larger.
std::string read_archived_file(const std::filesystem::path& archive, const std::string& path, std::uint64_t max_bytes,
                               const std::stop_token& stop = {});

}  // namespace penstock::archive
