// Keeps the mirrors, and what lies beside them in their folders, within a share of the disk. Private to this module.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace penstock::git {

// Notes that the folder is in use now.
void note_use(const std::filesystem::path& remote_folder) noexcept;

// What all remotes' folders below `directory` take.
std::uint64_t size_on_disk(const std::filesystem::path& directory);

// While all remotes' folders below `directory` (named by a SHA-256, with a lock file; others are not touched) hold
// together more than `quota` bytes, empties one: that which was used least
// lately, but not `spared`, nor one that another job has locked. A folder and its lock stay, as somebody may be waiting
// for it; whoever still reads from what was there is told that it was replaced (see Snapshot). Returns the emptied
// ones.
std::vector<std::filesystem::path> keep_quota(const std::filesystem::path& directory, std::uint64_t quota,
                                              const std::filesystem::path& spared);

}  // namespace penstock::git
